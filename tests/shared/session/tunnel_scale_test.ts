import assert from "node:assert/strict";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { EXCHANGE_WINDOW_BYTES } from "../../../shared/exchange/exchange.ts";
import { LiveHandler } from "../../support/live_exchange.ts";
import { answerHead } from "../../support/recorded_exchange.ts";
import { patternedBytes, PatternReader } from "./patterned_bytes.ts";
import { eventually } from "../../support/eventually.ts";
import { type LiveCall, TunnelPair } from "./tunnel_pair.ts";

const LEFT = new RelayError("client_left", { source: "downstream" });
const STREAMS = 10_000;

Deno.test(`one session carries ${STREAMS} streams at once, and keeps nothing of them`, async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const calls: LiveCall[] = [];
  for (let i = 0; i < STREAMS; i++) {
    calls.push(pair.ask({ head: { path: `/${i}` } }));
    // As requests come: a whole burst in one turn would fill the log, and the next would have to wait for room.
    if (i % 500 === 499) await inner.request(i);
  }
  assert.deepEqual([pair.edgeSession.streamCount, pair.coreSession.streamCount], [STREAMS, STREAMS]);
  const pieces = [0, 1, 2];
  for (const piece of pieces) {
    for (const { head, answer } of inner.requests) {
      const seed = Number(head.path.slice(1));
      if (piece === 0) answer.head(answerHead());
      answer.body(patternedBytes(seed, { offset: piece * 100, length: 100 }));
    }
    await eventually(() => calls.every(({ answer }) => answer.bodyBytes === (piece + 1) * 100));
  }
  for (const [seed, { request, answer }] of calls.entries()) {
    const reader = new PatternReader(seed);
    reader.read(Uint8Array.from(answer.text, (unit) => unit.charCodeAt(0)));
    assert.equal(reader.wrongAt, null);
    request.end(null);
  }
  for (const { answer } of inner.requests) answer.end(null);
  await eventually(() => calls.every(({ answer }) => answer.calls.at(-1) === "end"));
  await pair.untilNothingIsKept();
});

Deno.test("readers that never consume stop nobody else, and a window each is all they hold", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const stuck = Array.from({ length: 8 }, () => pair.ask({ appetite: "manual" }));
  await inner.request(stuck.length - 1);
  for (const { answer } of inner.requests.slice(0)) {
    answer.head(answerHead());
    answer.body(new Uint8Array(EXCHANGE_WINDOW_BYTES));
  }
  for (const [index, { answer }] of stuck.entries()) {
    await answer.untilTrue(() => answer.bodyBytes > EXCHANGE_WINDOW_BYTES - 200, "a window less frames");
    // As an origin would go on: what left is filled up.
    const served = await inner.request(index);
    served.answer.body(new Uint8Array(served.consumedBytes));
  }
  const movers = Array.from({ length: 200 }, () => pair.ask());
  await inner.request(stuck.length + movers.length - 1);
  const moving = inner.requests.slice(stuck.length);
  for (const { answer } of moving) answer.head(answerHead());
  for (let turn = 1; turn <= 20; turn++) {
    for (const { answer } of moving) answer.body(new Uint8Array(1_000));
    await eventually(() => movers.every(({ answer }) => answer.bodyBytes === turn * 1_000));
  }
  const { session } = pair.coreSession;
  assert.equal(session.heldBytes, stuck.length * EXCHANGE_WINDOW_BYTES);
  for (const { answer } of stuck) assert.ok(answer.bodyBytes < EXCHANGE_WINDOW_BYTES);
  for (const { answer } of moving) answer.end(null);
  for (const { request, answer } of movers) {
    request.end(null);
    await answer.until("end");
  }
  assert.equal(pair.edgeSession.streamCount, stuck.length);
  for (const { request } of stuck) request.abort(LEFT);
  await pair.untilNothingIsKept();
});
