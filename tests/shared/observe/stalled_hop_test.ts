import assert from "node:assert/strict";
import { type ExchangeView, HOPS, stalledHop } from "../../../shared/observe/stalled_hop.ts";

/** An answer that has begun and then stopped; nothing else is wrong. */
const QUIET: ExchangeView = {
  isQuiet: true,
  unconsumedBytes: 0,
  heldBytes: 0,
  hasRequestEnded: true,
  hasAnswerBegun: true,
  hasAnswerEnded: false,
  tunnel: "fit",
};
const AT_MODEL = { hasAnswerBegun: false };
const UPLOADING = { hasRequestEnded: false, hasAnswerBegun: false };

const CASES: [what: string, change: Partial<ExchangeView>, edge: string | null, core: string | null][] = [
  ["silent behind the first byte", {}, "core", "origin"],
  ["moving", { isQuiet: false }, null, null],
  ["at the model", AT_MODEL, null, null],
  ["passed on and not taken", { unconsumedBytes: 1 }, "client", "origin"],
  ["passed on and not taken, but not for long", { unconsumedBytes: 1, isQuiet: false }, null, null],
  ["passed on and not taken, over a cut tunnel", { unconsumedBytes: 1, tunnel: "unfit" }, "client", "origin"],
  ["held for want of credit", { heldBytes: 1 }, "core", "edge"],
  ["held before the model has begun", { ...AT_MODEL, heldBytes: 1 }, "core", "edge"],
  ["held over a cut tunnel", { heldBytes: 1, tunnel: "unfit" }, "tunnel", "tunnel"],
  ["silent over a cut tunnel", { tunnel: "unfit" }, "tunnel", "tunnel"],
  ["moving over a tunnel just cut", { isQuiet: false, tunnel: "unfit" }, null, null],
  ["moving into a tunnel long cut", { isQuiet: false, tunnel: "unfit for long" }, "tunnel", "tunnel"],
  ["at the model behind a cut tunnel", { ...AT_MODEL, tunnel: "unfit for long" }, "tunnel", null],
  ["an upload that stopped", UPLOADING, "client", "edge"],
  [
    "an upload that stopped behind the answer",
    { hasRequestEnded: false, hasAnswerEnded: true },
    "client",
    "edge",
  ],
  ["both directions open and silent", { hasRequestEnded: false }, "core", "origin"],
];

for (const [what, change, edge, core] of CASES) {
  Deno.test(`stalledHop() blames ${edge ?? "nobody"} on an edge, ${core ?? "nobody"} on a core: ${what}`, () => {
    const view = { ...QUIET, ...change };
    assert.deepEqual([stalledHop("edge", view), stalledHop("core", view)], [edge, core]);
    assert.ok(edge === null || HOPS.edge.some((hop) => hop === edge));
    assert.ok(core === null || HOPS.core.some((hop) => hop === core));
  });
}
