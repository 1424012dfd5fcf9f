/** That the simulation sees what it is there to see. */
import assert from "node:assert/strict";
import { MUTATIONS } from "./mutations.ts";
import { Simulation } from "./simulation.ts";

/** Seeds within which a mutation must be seen. */
const SEEDS = 12;

const SEEN_TAMPERING = [
  ["repeat_data", /are wrong|more bytes than were sent/],
  ["drop_data", /before all bytes|are wrong/],
  ["early_end", /an end that was not sent|an end before all bytes/],
  ["lose_reset", /no progress|never ended|a reset/],
] as const;

for (const [tampering, message] of SEEN_TAMPERING) {
  Deno.test(`Simulation fails when ${tampering} falsifies what a session delivers`, () => {
    assert.throws(() => new Simulation({ seed: 1, lanes: "mixed", tampering }).run(), message);
  });
}

for (const { what, seenAs, around } of MUTATIONS) {
  Deno.test(`Simulation fails when ${what}`, () => {
    const failures: string[] = [];
    around(() => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        try {
          new Simulation({ seed, lanes: "mixed" }).run();
        } catch (error) {
          failures.push(String(error));
        }
      }
    });
    assert.ok(failures.some((failure) => seenAs.test(failure)), `seen as: ${failures.join("; ")}`);
  });
}

Deno.test("Simulation does the same again from the same seed", () => {
  const [first, second] = [0, 0].map(() => new Simulation({ seed: 3, lanes: "mixed" }).run());
  assert.deepEqual(first, second);
});
