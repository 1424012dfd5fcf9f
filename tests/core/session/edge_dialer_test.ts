import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { answerHead, bytesOf } from "../../support/recorded_exchange.ts";
import { createEdge } from "../../shared/handshake/handshake_fixture.ts";
import { closeQuietly, dialLoopback, TRANSPORTS, untilLost } from "../../shared/transport/lane_fixture.ts";
import { TcpProxy } from "../../shared/session/tcp_proxy.ts";
import { DialingCore, EDGE_KEY, ListeningEdge } from "./reverse_pair.ts";
import { TestEdge } from "./test_edge.ts";

const NEVER = new AbortController().signal;

async function exchange(link: TestEdge, core: DialingCore): Promise<void> {
  const { request, answer } = link.ask();
  const served = await core.origin.request(core.origin.requests.length);
  served.answer.head(answerHead());
  served.answer.body(bytesOf("token"));
  await answer.until("body");
  served.answer.end(null);
  request.end(null);
  await answer.until("end");
  assert.equal(answer.text, "token");
}

for (const transport of TRANSPORTS) {
  Deno.test(`a core that dials serves what its edge asks: ${transport}`, async () => {
    await using edge = new ListeningEdge([transport]);
    await using core = new DialingCore({ ways: edge.ways, lanes: 3 });
    await eventually(() => edge.link.transports.length === 3);
    await exchange(edge.link, core);
    assert.equal(edge.link.sessions.length, 1, "all lanes are of one session");
    assert.deepEqual([edge.tally.accepted, edge.tally.pending], [3, 0]);
    const outcomes = { opened: 3, unreachable: 0, refused: 0 };
    assert.deepEqual(core.dialer.readDials(), [{ peer: "hk-1", transport, outcomes }]);
  });
}

Deno.test("EdgeDialer prefers QUIC, keeps one lane on a stream, and replaces lanes that die", async () => {
  await using edge = new ListeningEdge(TRANSPORTS);
  await using core = new DialingCore({ ways: edge.ways });
  await eventually(() => core.transports.length === 4);
  assert.deepEqual(core.transports, ["quic", "quic", "quic", "tls"]);
  const { request, answer } = edge.link.ask();
  const served = await core.origin.request(0);
  for (const lane of [...edge.link.session.lanes]) lane.fail(new Error("cut by the test"));
  await eventually(() => core.dialer.count("opened") === 8 && core.transports.length === 4);
  served.answer.head(answerHead());
  served.answer.end(null);
  request.end(null);
  await answer.until("end");
  assert.equal(edge.link.sessions.length, 1, "the session was resumed");
  assert.deepEqual(core.transports, ["quic", "quic", "quic", "tls"]);
});

Deno.test("EdgeDialer dials beside lanes that are silent, and their streams go on before any of them is dead", async () => {
  await using edge = new ListeningEdge(["tls"]);
  const proxy = new TcpProxy(edge.ways[0]?.address ?? "");
  {
    const ways = [{ address: proxy.address, transport: "tls" as const }];
    const limits = { pingIntervalMs: 100, laneTimeoutMs: 60_000 };
    await using core = new DialingCore({ ways, lanes: 2, limits });
    await eventually(() => core.transports.length === 2);
    const { answer } = edge.link.ask();
    const served = await core.origin.request(0);
    proxy.swallow();
    served.answer.head(answerHead());
    served.answer.body(bytesOf("token"));
    await answer.untilTrue(() => answer.text === "token");
    await eventually(() => core.transports.length === 4);
    assert.deepEqual(core.log.of("lane_closed"), []);
  }
  await proxy.close();
});

Deno.test("EdgeDialer falls back to the way that is open", async () => {
  await using edge = new ListeningEdge(["tls"]);
  const shut = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${shut.addr.port}`;
  shut.close();
  await using core = new DialingCore({
    ways: [{ address, transport: "websocket" }, ...edge.ways],
    lanes: 2,
  });
  await eventually(() => core.transports.length === 2);
  assert.deepEqual(core.transports, ["tls", "tls"]);
  assert.ok(core.dialer.count("unreachable") > 0);
});

const REFUSED = [
  ["an unknown core", "unknown_core", { coreName: "sz-9" }],
  ["a wrong key", "wrong_key", { sign: createEdge().sign }],
  ["a core that means another edge", "edge_name", { edgeName: "hk-2" }],
] as const;

for (const [what, reason, options] of REFUSED) {
  Deno.test(`an edge turns ${what} away, and the core does not flood it`, async () => {
    await using edge = new ListeningEdge(["tls"]);
    await using core = new DialingCore({ ways: edge.ways, ...options });
    await eventually(() => edge.tally.refused[reason] >= 3);
    assert.equal(core.dialer.count("opened"), 0);
    assert.deepEqual(core.sessions, []);
    assert.deepEqual(edge.link.results, []);
    const lines = core.log.of("edge_lane_refused");
    assert.ok(lines.every((line) => line.reason === "turned_away"), JSON.stringify(lines));
    assert.equal(edge.log.of("lane_refused").length, 1, "one line for all of them");
  });
}

Deno.test("EdgeDialer takes no other edge than the one it means, although that one is trusted", async () => {
  // The core's file has hk-2 at this address; who listens there proves to be hk-1.
  const impostor = new TestEdge("hk-1", EDGE_KEY.sign);
  await using edge = new ListeningEdge(["tls"], { name: "hk-2", link: impostor });
  await using core = new DialingCore({ ways: edge.ways, edgeName: "hk-2" });
  await eventually(() => core.tally.refused.other_edge >= 2);
  assert.deepEqual(core.sessions, []);
});

Deno.test("a core that drains dials its edge only for sessions that have no lane left", async () => {
  await using edge = new ListeningEdge(["tls"]);
  await using core = new DialingCore({ ways: edge.ways, lanes: 2 });
  await eventually(() => core.transports.length === 2);
  const { request, answer } = edge.link.ask();
  const served = await core.origin.request(0);
  const session = edge.link.session;
  core.dialer.drain();
  const draining = core.server.drain(NEVER);
  await eventually(() => session.state === "draining");
  served.answer.head(answerHead());
  for (let piece = 1; piece <= 50; piece++) {
    served.answer.body(bytesOf("token"));
    await answer.untilTrue(() => answer.bodyBytes === 5 * piece);
  }
  const [one, other] = [...session.lanes];
  one?.fail(new Error("cut by the test"));
  await eventually(() => core.transports.length === 1);
  other?.fail(new Error("cut by the test"));
  await eventually(() => session.laneCount === 1);
  served.answer.end(null);
  request.end(null);
  await answer.until("end");
  await draining;
  assert.deepEqual(edge.link.ends.map(({ kind }) => kind), ["closed"]);
  const [dials] = core.dialer.readDials();
  assert.deepEqual(dials?.outcomes, { opened: 3, unreachable: 0, refused: 0 }, "one lane was enough");
});

Deno.test("EdgeDialer dials a new session beside one that its edge has retired", async () => {
  await using edge = new ListeningEdge(["tls"]);
  await using core = new DialingCore({ ways: edge.ways, lanes: 2 });
  await eventually(() => core.transports.length === 2);
  const { request, answer } = edge.link.ask();
  const served = await core.origin.request(0);
  edge.link.session.goaway();
  await eventually(() => edge.link.sessions.length === 2 && edge.link.transports.length === 2);
  await exchange(edge.link, core);
  served.answer.head(answerHead());
  served.answer.end(null);
  request.end(null);
  await answer.until("end");
  await eventually(() => core.sessions.length === 1);
});

Deno.test("ReverseListener ends knocks that are under way when it closes", async () => {
  await using edge = new ListeningEdge(["tls"]);
  const silent = await dialLoopback("tls", edge.ways[0]?.address ?? "");
  await eventually(() => edge.tally.pending === 1);
  await edge.reverse.close();
  await untilLost(silent);
  assert.equal(edge.tally.pending, 0);
  assert.equal(edge.tally.refused.stopped, 1);
  closeQuietly(silent);
});
