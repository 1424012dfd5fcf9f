import assert from "node:assert/strict";
import { answerProbes, PROBE_TIME_FIELD } from "../../../core/session/answer_probes.ts";
import { RecordedAnswer, RecordedUpstream, requestHead } from "../../support/recorded_exchange.ts";

Deno.test("answerProbes() answers a probe with the time, after the handler has returned", async () => {
  const upstream = new RecordedUpstream();
  const handler = answerProbes(upstream.handler, { wallTimeMs: () => 1_790_000_000_000.6 });
  const answer = new RecordedAnswer();
  const context = { id: "req_1", kind: "probe", clientAddress: "", protocol: "internal" } as const;
  handler(requestHead({ context }), answer).end(null);
  assert.deepEqual(answer.calls, []);
  await Promise.resolve();
  assert.deepEqual(answer.calls, ["head 204", "end"]);
  assert.equal(answer.heads[0]?.fields.get(PROBE_TIME_FIELD), "1790000000001");
  assert.equal(upstream.requests.length, 0);
});

Deno.test("answerProbes() lets a client's exchange pass", async () => {
  const upstream = new RecordedUpstream();
  const answer = new RecordedAnswer();
  answerProbes(upstream.handler)(requestHead(), answer);
  await Promise.resolve();
  assert.equal(upstream.requests.length, 1);
  assert.deepEqual(answer.calls, []);
});
