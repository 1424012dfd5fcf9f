import assert from "node:assert/strict";
import { dialLane } from "../../../shared/transport/lane_transport.ts";
import { eventually } from "../../support/eventually.ts";
import { answerHead, bytesOf } from "../../support/recorded_exchange.ts";
import type { LiveRequest } from "../../support/live_exchange.ts";
import { LiveAnswer } from "../../support/live_exchange.ts";
import { requestHead } from "../../support/recorded_exchange.ts";
import { SERVER_NAME, TRUST } from "../../shared/transport/lane_fixture.ts";
import { createKey, LinkedCore, TestLink } from "./linked_core.ts";

function answerWhole({ answer }: LiveRequest, text = ""): void {
  answer.head(answerHead());
  if (text !== "") answer.body(bytesOf(text));
  answer.end(null);
}

Deno.test("CoreLink keeps lanes of both kinds in one session, each from a port of its own", async () => {
  await using core = new LinkedCore();
  await using edge = new TestLink(core.routes);
  await edge.untilLanes("quic", "quic", "tls");
  assert.equal(core.sessions.length, 1);
  assert.equal(core.udp.sources.size, 2);
  assert.equal(edge.ups, 1);
  assert.equal(edge.link.transport, "quic");
  assert.deepEqual(edge.link.dials.read().map(({ transport, outcomes }) => [transport, outcomes["opened"]]), [
    ["quic", 2],
    ["tls", 1],
  ]);
});

Deno.test("CoreLink serves over TLS when UDP is blocked at the start, and comes back to QUIC", async () => {
  await using core = new LinkedCore();
  core.udp.isBlocked = true;
  const startedAt = performance.now();
  await using edge = new TestLink(core.routes, { connectTimeoutMs: 1_000 });
  await eventually(() => edge.link.isUp);
  assert.ok(performance.now() - startedAt < 6_000);
  const call = edge.ask();
  answerWhole(await core.handler.request(0), "over TLS");
  await call.answer.until("end");
  await edge.untilLanes("tls", "tls", "tls");
  assert.equal(edge.link.isUdpBlocked, true);
  core.udp.isBlocked = false;
  await eventually(() => edge.transports.includes("quic"));
  assert.deepEqual(edge.log.of("tunnel_udp").map(({ isBlocked }) => isBlocked), [true]);
  assert.equal(core.sessions.length, 1);
});

Deno.test("CoreLink loses nothing when UDP is blocked under live streams", async () => {
  await using core = new LinkedCore();
  await using edge = new TestLink(core.routes, { connectTimeoutMs: 500 });
  await edge.untilLanes("quic", "quic", "tls");
  const call = edge.ask();
  const served = await core.handler.request(0);
  served.answer.head(answerHead());
  served.answer.body(bytesOf("before "));
  await call.answer.untilTrue(() => call.answer.text === "before ");
  core.udp.isBlocked = true;
  served.answer.body(bytesOf("behind"));
  served.answer.end(null);
  await call.answer.until("end");
  assert.equal(call.answer.text, "before behind");
  await edge.untilLanes("tls", "tls", "tls");
  assert.equal(edge.link.counters.sessionsLost, 0);
});

Deno.test("CoreLink carries its streams on over new lanes when all are silent, before any of them is dead", async () => {
  await using core = new LinkedCore({ limits: { laneTimeoutMs: 60_000 } });
  await using edge = new TestLink(core.routes);
  await edge.untilLanes("quic", "quic", "tls");
  const call = edge.ask();
  const served = await core.handler.request(0);
  served.answer.head(answerHead());
  served.answer.body(bytesOf("before "));
  await call.answer.untilTrue(() => call.answer.text === "before ");
  core.udp.swallow();
  core.tcp.get("tls")?.swallow();
  call.request.body(bytesOf("question"));
  served.answer.body(bytesOf("behind"));
  await served.untilTrue(() => served.text === "question");
  await call.answer.untilTrue(() => call.answer.text === "before behind");
  await edge.untilLanes("quic", "quic", "quic", "quic", "tls", "tls");
  assert.deepEqual([edge.link.counters.lanesLost, core.sessions.length], [0, 1]);
});

Deno.test("CoreLink resumes the session over a redial after all lanes were cut", async () => {
  await using core = new LinkedCore({ transports: ["tls"] });
  await using edge = new TestLink(core.routes);
  await eventually(() => edge.link.isUp);
  const call = edge.ask();
  const served = await core.handler.request(0);
  served.answer.head(answerHead());
  core.tcp.get("tls")?.cut();
  await eventually(() => edge.link.counters.sessionsResumed === 1);
  served.answer.body(bytesOf("all of it"));
  served.answer.end(null);
  await call.answer.until("end");
  assert.equal(call.answer.text, "all of it");
  assert.equal(edge.ups, 2);
});

Deno.test("CoreLink whose core has died tells its streams, and begins anew when there is one again", async () => {
  await using core = new LinkedCore();
  await using edge = new TestLink(core.routes, { connectTimeoutMs: 500 });
  await edge.untilLanes("quic", "quic", "tls");
  const call = edge.ask();
  await core.handler.request(0);
  await core.die();
  core.start();
  await call.answer.until("abort tunnel_lost");
  await eventually(() => edge.link.isUp);
  edge.ask();
  await core.handler.request(1);
});

Deno.test("CoreLink takes a core in another's place for the end of its session, though QUIC does not tell", async () => {
  await using core = new LinkedCore();
  await using edge = new TestLink(core.routes, { connectTimeoutMs: 500 });
  await edge.untilLanes("quic", "quic", "tls");
  const before = edge.link.session;
  // Its lanes over QUIC fall silent, as when a process is killed.
  core.udp.isBlocked = true;
  const killed = core.replace();
  await eventually(() => edge.link.session !== before && edge.link.isUp);
  assert.equal(edge.link.counters.sessionsLost, 1);
  await killed;
});

Deno.test("CoreLink keeps a live session when its address also leads to another process", async () => {
  await using core = new LinkedCore({ transports: ["quic", "tls"] });
  await using other = new LinkedCore({ transports: ["tls"] });
  await using edge = new TestLink([
    core.routes.find(({ transport }) => transport === "quic") ?? assert.fail(),
    ...other.routes,
  ]);
  await eventually(() => edge.transports.includes("quic"));
  const call = edge.ask();
  const served = await core.handler.request(0);
  await eventually(() => edge.link.dials.count("elsewhere") >= 3);
  answerWhole(served);
  await call.answer.until("end");
  assert.equal(edge.link.counters.sessionsLost, 0);
  await eventually(() => other.sessions.length === 0);
});

Deno.test("CoreLink dials a new session beside one that drains, and says once that there is none yet", async () => {
  await using core = new LinkedCore();
  await using edge = new TestLink(core.routes);
  await edge.untilLanes("quic", "quic", "tls");
  const call = edge.ask();
  const served = await core.handler.request(0);
  const drained = core.drain();
  await eventually(() => edge.link.dials.count("unavailable") >= 4);
  assert.equal(edge.link.isUp, false);
  assert.equal(edge.link.open(requestHead(), new LiveAnswer()), null);
  const lines = edge.log.of("tunnel_dial_failed").filter(({ level }) => level !== "debug");
  assert.deepEqual(lines.map(({ outcome, transport }) => [outcome, transport]).toSorted(), [
    ["unavailable", "quic"],
    ["unavailable", "tls"],
  ]);
  assert.equal(edge.link.isUdpBlocked, false);
  call.request.end(null);
  answerWhole(served, "to the end");
  await call.answer.until("end");
  assert.equal(call.answer.text, "to the end");
  await drained;
  await core.replace();
  await eventually(() => edge.link.isUp);
});

Deno.test("CoreLink resumes a session at a core that drains though its successor has the TCP port", async () => {
  await using core = new LinkedCore();
  await using edge = new TestLink(core.routes);
  await edge.untilLanes("quic", "quic", "tls");
  const call = edge.ask();
  call.request.end(null);
  const served = await core.handler.request(0);
  const before = edge.link.session ?? assert.fail();
  const handedOver = core.handOver();
  await eventually(() => edge.link.session !== before);
  core.udp.isBlocked = true;
  for (const lane of [...before.lanes]) lane.fail(new Error("cut"));
  await eventually(() => edge.link.dials.count("elsewhere") > 0);
  await eventually(() => edge.link.isUp);
  core.udp.isBlocked = false;
  answerWhole(served, "from the old one");
  await call.answer.until("end");
  assert.equal(call.answer.text, "from the old one");
  await handedOver;
  edge.ask();
  await core.handler.request(1);
});

Deno.test("CoreLink that is refused tries again after growing waits, and takes no path for blocked", async () => {
  await using core = new LinkedCore();
  await using edge = new TestLink(core.routes, {
    sign: createKey().sign,
    backoff: { initialMs: 5, maxMs: 80 },
    random: () => 0.99,
  });
  const startedAt = performance.now();
  await eventually(() => edge.link.dials.count("refused") >= 14);
  assert.ok(performance.now() - startedAt >= 5 + 10 + 20 + 40 + 80, "two ways, each with its own waits");
  await eventually(() => core.tally.refused.wrong_key >= 14);
  assert.equal(edge.link.isUdpBlocked, false);
  assert.equal(edge.log.of("tunnel_dial_failed").length, 2);
});

Deno.test("CoreLink does not take a core with another certificate", async () => {
  await using core = new LinkedCore();
  const ways = {
    routes: core.routes,
    dial: ({ address, transport }: (typeof core.routes)[number], signal: AbortSignal) =>
      dialLane({
        transport,
        address,
        serverName: "somebody.else",
        caCertificates: [TRUST.caPem],
        connectTimeoutMs: 5_000,
        signal,
      }),
  };
  await using edge = new TestLink(core.routes, { ways });
  await eventually(() => edge.link.dials.count("certificate") >= 4);
  assert.deepEqual(edge.log.of("tunnel_udp"), []);
  assert.equal(core.sessions.length, 0);
});

Deno.test("CoreLink leaves nothing behind when it is drained while it dials, while it waits and while it is up", async () => {
  for (const state of ["dialling", "waiting", "up"]) {
    await using core = new LinkedCore();
    if (state === "waiting") await core.die();
    const edge = new TestLink(core.routes, { backoff: { initialMs: 60_000, maxMs: 60_000 } });
    if (state === "waiting") await eventually(() => edge.log.of("tunnel_dial_failed").length > 0);
    else if (state === "up") await eventually(() => edge.link.isUp);
    await edge[Symbol.asyncDispose]();
    assert.equal(edge.link.session, null);
  }
});

Deno.test("CoreLink that drains opens nothing, lets live streams end, and tells the core", async () => {
  await using core = new LinkedCore();
  await using edge = new TestLink(core.routes);
  await eventually(() => edge.link.isUp);
  const call = edge.ask();
  const served = await core.handler.request(0);
  const drained = edge.link.drain(new AbortController().signal);
  assert.equal(edge.link.open(requestHead(), new LiveAnswer()), null);
  call.request.end(null);
  answerWhole(served, "still");
  await call.answer.until("end");
  await drained;
  await eventually(() => core.sessions.length === 0);
});

Deno.test("CoreLink to a core that dials begins and joins the session on the connections it is given", async () => {
  await using core = new LinkedCore({ transports: ["tls"] });
  await using edge = new TestLink([], { ways: null });
  const [route] = core.routes;
  const knock = async () =>
    await edge.link.acceptLane(
      await dialLane({
        transport: "tls",
        address: route?.address ?? "",
        serverName: SERVER_NAME,
        caCertificates: [TRUST.caPem],
        connectTimeoutMs: 5_000,
      }),
    );
  await Promise.all([knock(), knock(), knock()]);
  assert.deepEqual([edge.transports.length, core.sessions.length], [3, 1]);
  const call = edge.ask();
  const served = await core.handler.request(0);
  core.tcp.get("tls")?.cut();
  await eventually(() => !edge.link.isUp);
  await knock();
  call.request.end(null);
  answerWhole(served, "resumed");
  await call.answer.until("end");
  assert.equal(call.answer.text, "resumed");
  const drained = core.drain();
  await eventually(() => edge.link.session === null);
  await drained;
  await core.replace();
  await knock();
  assert.equal(edge.link.isUp, true);
});
