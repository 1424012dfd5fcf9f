import assert from "node:assert/strict";
import fc from "fast-check";
import { CorePicker } from "../../../edge/session/core_picker.ts";

interface Core {
  readonly name: string;
  readonly weight: number;
  isUp: boolean;
  isHeard: boolean;
}

/** A picker over cores of these weights, all up; `probe` tells it round trips in their order, null for no answer. */
function picking(...weights: number[]) {
  const cores: Core[] = weights.map((weight, index) => ({
    name: "abcdef"[index] ?? "?",
    weight,
    isUp: true,
    isHeard: true,
  }));
  const picker = new CorePicker(cores);
  const probe = (...roundTrips: (number | null)[]) => {
    for (const [index, roundTripMs] of roundTrips.entries()) {
      const core = cores[index];
      if (core !== undefined) picker.probed(core, roundTripMs);
    }
  };
  const picks = (count: number) => Array.from({ length: count }, () => picker.pick()?.name ?? "-").join("");
  const [a, b, c] = cores;
  return { cores, picker, probe, picks, a, b, c };
}

Deno.test("CorePicker spreads by weight among cores that are about as near, smoothly", () => {
  const { picks, probe } = picking(5, 1, 1);
  probe(20, 24, 34);
  assert.equal(picks(14), "aabacaa".repeat(2));
});

Deno.test("CorePicker.pick() leaves a core whose lanes are silent at once, unless all are", () => {
  const { picks, probe, a, b } = picking(1, 1);
  probe(20, 20);
  if (a !== undefined) a.isHeard = false;
  assert.equal(picks(3), "bbb");
  if (b !== undefined) b.isHeard = false;
  assert.deepEqual(new Set(picks(4)), new Set("ab"));
});

Deno.test("CorePicker leaves far cores alone until no near one is up", () => {
  const { picks, probe, cores } = picking(1, 1, 1);
  probe(20, 100, 22);
  assert.equal(picks(4), "acac");
  for (const core of cores) core.isUp = core.name === "b";
  assert.equal(picks(3), "bbb");
  for (const core of cores) core.isUp = false;
  assert.equal(picks(1), "-");
});

Deno.test("CorePicker of cores that are not measured yet uses all that are up", () => {
  const { picks, probe } = picking(1, 1);
  assert.equal(picks(4), "abab");
  probe(50);
  assert.equal(picks(2), "aa", "what is measured goes before what is not");
});

Deno.test("CorePicker takes a core that left two probes unanswered only where no other is up", () => {
  const { picks, probe, a, b } = picking(1, 1);
  probe(20, 20);
  probe(null);
  assert.equal(picks(4), "abab", "one may be lost");
  probe(null);
  assert.equal(picks(4), "bbbb");
  if (b !== undefined) b.isUp = false;
  assert.equal(picks(2), "aa");
  if (b !== undefined) b.isUp = true;
  probe(22);
  assert.equal(picks(4).replaceAll("b", "").length, 2);
  assert.equal(a?.isUp, true);
});

Deno.test("CorePicker gives a core that was tried to no exchange twice", () => {
  const { picker, probe, a, b } = picking(1, 1);
  probe(20, 200);
  assert.ok(a !== undefined && b !== undefined);
  assert.equal(picker.pick(new Set([a])), b);
  assert.equal(picker.pick(new Set([a, b])), null);
  assert.equal(picker.pick(), a);
});

Deno.test("CorePicker does not flap where a round trip is near the border", () => {
  const { picks, probe } = picking(1, 1);
  probe(20, 34);
  let isShared = picks(2).includes("b");
  assert.ok(isShared);
  let changes = 0;
  for (let round = 0; round < 100; round++) {
    probe(20, round % 2 === 0 ? 30 : 42);
    if (picks(2).includes("b") === isShared) continue;
    isShared = !isShared;
    changes++;
  }
  assert.equal(changes, 0);
  for (let round = 0; round < 30; round++) probe(20, 60);
  assert.equal(picks(2), "aa");
  for (let round = 0; round < 3; round++) probe(20, 45);
  assert.equal(picks(2), "aa", "it does not come back before it is clearly near");
});

type Step = { core: number; kind: "probe"; roundTripMs: number | null } | { core: number; kind: "switch" };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    core: fc.nat(4),
    kind: fc.constant("probe" as const),
    roundTripMs: fc.option(fc.integer({ min: 1, max: 300 })),
  }),
  fc.record({ core: fc.nat(4), kind: fc.constant("switch" as const) }),
);

Deno.test("CorePicker picks a core that is up whenever there is one, and keeps to the weights", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
    fc.array(STEP, { maxLength: 100 }),
    (weights, steps) => {
      const { cores, picker } = picking(...weights);
      for (const step of steps) {
        const core = cores[step.core % cores.length];
        if (core === undefined) continue;
        if (step.kind === "switch") core.isUp = !core.isUp;
        else picker.probed(core, step.roundTripMs);
        const picked = picker.pick();
        assert.equal(picked?.isUp ?? false, cores.some(({ isUp }) => isUp));
      }
      for (const core of cores) core.isUp = true;
      for (let probes = 0; probes < 20; probes++) for (const core of cores) picker.probed(core, 10);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const counts = new Map(cores.map((core) => [core, 0]));
      for (let pick = 0; pick < total * 20; pick++) {
        const picked = picker.pick() ?? assert.fail();
        counts.set(picked, (counts.get(picked) ?? 0) + 1);
      }
      for (const [core, count] of counts) {
        assert.ok(
          Math.abs(count - core.weight * 20) <= cores.length,
          `${core.weight}: ${count} of ${total * 20}`,
        );
      }
    },
  ));
});
