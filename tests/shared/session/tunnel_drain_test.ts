import assert from "node:assert/strict";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { LiveHandler } from "../../support/live_exchange.ts";
import { answerHead, bytesOf, requestHead } from "../../support/recorded_exchange.ts";
import { TRANSPORTS } from "../transport/lane_fixture.ts";
import { eventually } from "../../support/eventually.ts";
import { TunnelPair } from "./tunnel_pair.ts";

const NEVER = new AbortController().signal;

for (const transport of TRANSPORTS) {
  Deno.test(`a core that drains finishes its streams, then both ends close in agreement: ${transport}`, async () => {
    const inner = new LiveHandler();
    await using pair = await TunnelPair.open({ handler: inner.handler, transport });
    const { request, answer } = pair.ask();
    const served = await inner.request(0);
    const edgeSession = pair.edgeSession;
    let isDrained = false;
    const draining = pair.server.drain(NEVER).then(() => isDrained = true);
    // Asked before the edge can know: the core takes it.
    const late = pair.ask();
    const lateServed = await inner.request(1);
    await eventually(() => pair.client.session === null);
    assert.equal(pair.client.isUp, false);
    assert.equal(pair.client.open(requestHead(), answer), null, "new exchanges are not for this core");
    for (const [one, end] of [[served, request], [lateServed, late.request]] as const) {
      assert.equal(isDrained, false);
      one.answer.head(answerHead());
      one.answer.end(null);
      end.end(null);
    }
    await answer.until("end");
    await late.answer.until("end");
    await draining;
    await edgeSession.gone;
    assert.deepEqual(pair.edgeLog.of("tunnel_session_ended").map(({ kind }) => kind), ["closed"]);
    assert.deepEqual(pair.coreLog.of("session_ended").map(({ kind }) => kind), ["closed"]);
    assert.deepEqual([answer.error, late.answer.error], [null, null]);
  });

  Deno.test(`an edge that drains finishes its streams, then both ends close in agreement: ${transport}`, async () => {
    const inner = new LiveHandler();
    await using pair = await TunnelPair.open({ handler: inner.handler, transport });
    const { request, answer } = pair.ask();
    const served = await inner.request(0);
    const coreSession = pair.coreSession;
    const draining = pair.client.drain(NEVER);
    assert.equal(pair.client.open(requestHead(), answer), null);
    served.answer.head(answerHead());
    served.answer.body(bytesOf("still"));
    await answer.until("body");
    served.answer.end(null);
    request.end(null);
    await draining;
    await coreSession.gone;
    assert.deepEqual(answer.calls, ["head 200", "body 5", "end"]);
    assert.deepEqual(pair.coreSessions, []);
    assert.deepEqual(pair.coreLog.of("session_ended").map(({ kind }) => kind), ["closed"]);
  });

  Deno.test(`a drain whose time is over resets what lives and says so to the other end: ${transport}`, async () => {
    const inner = new LiveHandler();
    await using pair = await TunnelPair.open({ handler: inner.handler, transport });
    for (const [index, end] of (["core", "edge"] as const).entries()) {
      await pair.untilUp();
      const { request, answer } = pair.ask();
      const served = await inner.request(index);
      // Both directions are busy when the end comes.
      served.answer.head(answerHead());
      served.answer.body(new Uint8Array(100_000));
      request.body(new Uint8Array(100_000));
      const [edgeSession, coreSession] = [pair.edgeSession, pair.coreSession];
      const now = AbortSignal.abort();
      if (end === "core") await pair.server.drain(now);
      else await pair.client.drain(now);
      await Promise.all([edgeSession.gone, coreSession.gone]);
      await answer.until("abort tunnel_lost");
      await served.until("abort tunnel_lost");
      if (end === "core") await pair.replaceCore();
    }
    const ends = [...pair.edgeLog.of("tunnel_session_ended"), ...pair.coreLog.of("session_ended")];
    assert.deepEqual(ends.map(({ kind }) => kind), ["closed", "closed", "closed", "closed"], "nobody waited");
  });
}

Deno.test("the streams of a session that drains go on over a new lane, beside a new core's session", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const { request, answer } = pair.ask();
  const served = await inner.request(0);
  const old = pair.edgeSession;
  const draining = pair.server.drain(NEVER);
  await eventually(() => pair.client.session === null);
  pair.proxy.cut();
  await eventually(() => old.laneCount === 0);
  await eventually(() => old.laneCount === 1);
  assert.equal(pair.client.session, null, "the core begins no session any more");
  served.answer.head(answerHead());
  served.answer.end(null);
  request.end(null);
  await answer.until("end");
  await draining;
  await old.gone;
});

Deno.test("an old session drains while the new one works", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const before = pair.ask();
  const old = pair.edgeSession;
  const servedBefore = await inner.request(0);
  // As when an edge's process is replaced: one end retires a session, the core itself stays.
  pair.coreSession.goaway();
  await eventually(() => pair.client.session !== old && pair.client.isUp);
  const after = pair.ask();
  const servedAfter = await inner.request(1);
  for (const { answer } of [servedAfter, servedBefore]) {
    answer.head(answerHead());
    answer.end(null);
  }
  for (const { request, answer } of [after, before]) {
    request.end(null);
    await answer.until("end");
  }
  await old.gone;
  assert.equal(pair.client.isUp, true);
  await eventually(() => pair.coreSessions.length === 1);
});

Deno.test("a session that was lost with its core ends its exchanges, and the next one works", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const { request, answer } = pair.ask();
  await inner.request(0);
  await pair.replaceCore();
  await answer.until("abort tunnel_lost");
  request.abort(new RelayError("client_left", { source: "downstream" }));
  await pair.untilUp();
  const next = pair.ask();
  const served = await inner.request(1);
  served.answer.head(answerHead());
  served.answer.end(null);
  next.request.end(null);
  await next.answer.until("end");
  await pair.untilNothingIsKept();
  assert.equal(pair.client.counters.sessionsResumed, 0);
});

Deno.test("a core that knows neither the old session nor the new one gets one session, and no other stays", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler, limits: { resumeTimeoutMs: 500 } });
  const before = pair.ask();
  const old = pair.edgeSession;
  await inner.request(0);
  pair.coreSession.goaway();
  await eventually(() => pair.client.session !== old && pair.client.isUp);
  const after = pair.ask();
  await inner.request(1);
  await pair.replaceCore();
  for (const { answer } of [before, after]) await answer.until("abort tunnel_lost");
  await pair.untilUp();
  await eventually(() => pair.coreSessions.length === 1 && pair.coreSession.laneCount === 1);
  assert.equal(pair.client.counters.sessionsLost, 2);
});
