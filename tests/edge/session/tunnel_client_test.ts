import assert from "node:assert/strict";
import { CoreProbe } from "../../../edge/session/probe_core.ts";
import { WaitingRoom } from "../../../edge/session/wait_for_tunnel.ts";
import { answerProbes } from "../../../core/session/answer_probes.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { LiveAnswer, LiveHandler, type LiveRequest } from "../../support/live_exchange.ts";
import { answerHead, bytesOf, requestHead } from "../../support/recorded_exchange.ts";
import {
  createEdgeKey,
  eventually,
  TunnelPair,
  type TunnelPairOptions,
} from "../../shared/session/tunnel_pair.ts";

const LEFT = new RelayError("client_left", { source: "downstream" });

Deno.test("TunnelClient that is refused tries again after growing waits, and never floods", async () => {
  const inner = new LiveHandler();
  const stranger = createEdgeKey();
  await using pair = new TunnelPair({
    handler: inner.handler,
    sign: stranger.sign,
    backoff: { initialMs: 1, maxMs: 16 },
    random: () => 0.99,
  });
  await eventually(() => pair.client.counters.handshakesRefused >= 7 && pair.tally.refused.wrong_key >= 7);
  const waits = pair.edgeLog.of("tunnel_redial").map(({ delayMs }) => delayMs).slice(0, 6);
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 16]);
  assert.equal(pair.client.isUp, false);
  assert.equal(pair.client.open(requestHead(), new LiveAnswer()), null);
  assert.ok(pair.client.counters.dials - pair.client.counters.handshakesRefused <= 1, "one dial at a time");
});

for (const [stableAfterMs, waits] of [[0, [10, 10, 10]], [60_000, [10, 20, 40]]] as const) {
  Deno.test(`TunnelClient waits ${waits} ms where a lane counts as stable after ${stableAfterMs} ms`, async () => {
    const inner = new LiveHandler();
    const backoff = { initialMs: 10, maxMs: 100 };
    await using pair = new TunnelPair({
      handler: inner.handler,
      stableAfterMs,
      backoff,
      random: () => 0.999,
    });
    const waitsSoFar = () => pair.edgeLog.of("tunnel_redial").map(({ delayMs }) => delayMs);
    for (const index of waits.keys()) {
      await pair.untilUp();
      pair.proxy.cut();
      await eventually(() => waitsSoFar().length > index);
    }
    assert.deepEqual(waitsSoFar(), waits);
  });
}

Deno.test("TunnelClient that reaches nobody tries again until somebody is there", async () => {
  const inner = new LiveHandler();
  await using pair = new TunnelPair({ handler: inner.handler });
  const target = pair.proxy.target;
  pair.proxy.target = "127.0.0.1:1";
  await eventually(() => pair.client.counters.dialFailures >= 3);
  pair.proxy.target = target;
  await pair.untilUp();
  assert.equal(pair.client.transport, "tls");
});

Deno.test("TunnelClient leaves no timer, lane or listener behind when it is drained while it dials", async () => {
  const inner = new LiveHandler();
  for (const state of ["dialling", "waiting", "up"]) {
    const pair = new TunnelPair({ handler: inner.handler, backoff: { initialMs: 60_000, maxMs: 60_000 } });
    if (state === "waiting") {
      pair.proxy.target = "127.0.0.1:1";
      await eventually(() => pair.edgeLog.of("tunnel_redial").length > 0);
    } else if (state === "up") await pair.untilUp();
    await pair[Symbol.asyncDispose]();
    assert.equal(pair.client.session, null);
  }
});

/** A tunnel with a waiting room before it. */
function waitingPair(options: TunnelPairOptions, { waitTimeoutMs = 60_000 } = {}) {
  const room: WaitingRoom = new WaitingRoom({
    clock: SYSTEM_CLOCK,
    waitTimeoutMs,
    maxWaiting: 100,
    open: (request, answer) => pair.client.open(request, answer),
  });
  const pair: TunnelPair = new TunnelPair({
    ...options,
    onUp: () => room.admit(),
    onRoom: () => queueMicrotask(() => room.admit()),
  });
  const ask = () => {
    const answer = new LiveAnswer();
    const request = room.handler(requestHead(), answer);
    answer.request = request;
    return { request, answer };
  };
  return { room, pair, ask };
}

function answerWhole({ answer }: LiveRequest): void {
  answer.head(answerHead());
  answer.end(null);
}

Deno.test("requests wait while the core is replaced, and are served by the next one", async () => {
  const inner = new LiveHandler();
  const { room, pair, ask } = waitingPair({ handler: inner.handler });
  await using _ = pair;
  const early = ask();
  early.request.body(bytesOf("before the first lane"));
  early.request.end(null);
  const served = await inner.request(0);
  await served.until("end");
  assert.equal(served.text, "before the first lane");
  const draining = pair.server.drain(new AbortController().signal);
  await eventually(() => pair.client.session === null);
  const waiting = ask();
  waiting.request.body(bytesOf("while "));
  waiting.request.body(bytesOf("none is up"));
  waiting.request.end(null);
  assert.equal(room.waitingCount, 1);
  answerWhole(served);
  await early.answer.until("end");
  await draining;
  assert.deepEqual(waiting.answer.calls, []);
  await pair.replaceCore();
  const next = await inner.request(1);
  await next.until("end");
  assert.equal(next.text, "while none is up");
  answerWhole(next);
  await waiting.answer.until("end");
  assert.equal(room.waitingCount, 0);
  await pair.untilNothingIsKept();
});

Deno.test("a request that has waited too long is answered 503", async () => {
  const inner = new LiveHandler();
  const { pair, ask } = waitingPair({ handler: inner.handler }, { waitTimeoutMs: 20 });
  await using _ = pair;
  pair.proxy.target = "127.0.0.1:1";
  pair.proxy.cut();
  await eventually(() => !pair.client.isUp && pair.client.counters.dialFailures > 0);
  const { answer } = ask();
  await answer.until("abort tunnel_unavailable");
  assert.equal(answer.error?.retryAfterSeconds, 1);
});

Deno.test("requests above the streams of a session are let in as others end, however they end", async () => {
  const inner = new LiveHandler();
  const { room, pair, ask } = waitingPair({ handler: inner.handler, limits: { maxStreams: 2 } });
  await using _ = pair;
  await pair.untilUp();
  const calls = Array.from({ length: 7 }, ask);
  await inner.request(1);
  assert.deepEqual([room.waitingCount, inner.requests.length], [5, 2]);
  const endings: ((index: number) => Promise<void>)[] = [
    // The answer ends last.
    async (index) => {
      calls[index]?.request.end(null);
      answerWhole(await inner.request(index));
    },
    // The request ends last.
    async (index) => {
      answerWhole(await inner.request(index));
      await calls[index]?.answer.until("end");
      calls[index]?.request.end(null);
    },
    // The client leaves.
    (index) => Promise.resolve(calls[index]?.request.abort(LEFT)),
    // The core gives up.
    async (index) => {
      const { answer } = await inner.request(index);
      answer.head(answerHead());
      answer.abort(new RelayError("origin_cut", { source: "origin" }));
    },
    // A waiting client leaves, and nobody else is let in for it.
    (index) => Promise.resolve(calls[index + 2]?.request.abort(LEFT)),
  ];
  for (const [index, end] of endings.slice(0, 4).entries()) {
    await end(index);
    await inner.request(index + 2);
    assert.equal(room.waitingCount, 4 - index);
  }
  await endings[4]?.(4);
  assert.equal(room.waitingCount, 0);
  assert.equal(inner.requests.length, 6);
});

Deno.test("CoreProbe tells the round trip through both ends, and nothing while it does not come back", async () => {
  const inner = new LiveHandler();
  await using pair = new TunnelPair({
    handler: answerProbes(inner.handler),
    onUp: () => probe.probe(),
  });
  const probe: CoreProbe = new CoreProbe({
    clock: SYSTEM_CLOCK,
    intervalMs: 20,
    newRequestId: () => "probe-1",
    open: (request, answer) => pair.client.open(request, answer),
  });
  assert.equal(probe.roundTripMs, null);
  await eventually(() => probe.roundTripMs !== null);
  assert.ok((probe.roundTripMs ?? -1) >= 0);
  pair.proxy.swallow();
  await eventually(() => probe.roundTripMs === null);
  for (const lane of pair.edgeSession.lanes) lane.fail(new Error("found out"));
  await eventually(() => probe.roundTripMs !== null);
  probe.stop();
  await pair.untilNothingIsKept();
  assert.deepEqual(inner.requests, [], "no probe reaches the pipeline");
});
