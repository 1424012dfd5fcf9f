import assert from "node:assert/strict";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { createMetrics, type Metrics } from "../../../shared/observe/metrics.ts";
import { SessionWatcher } from "../../../shared/session/session_watcher.ts";
import { eventually } from "../../support/eventually.ts";
import { LogLines } from "../../support/log_lines.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { answerHead, bytesOf } from "../../support/recorded_exchange.ts";
import { scrape } from "../observe/scrape.ts";
import { JoinedSessions } from "./joined_sessions.ts";

/** Metrics of an edge, with what fills them. */
function watching() {
  const log = new LogLines("edge");
  const metrics = createMetrics({ node: "edge" });
  const watcher = new SessionWatcher({ log: log.log });
  metrics.tunnel.setSource(() => watcher.read());
  return { log, metrics, watcher };
}

/** One exchange, there and back. */
async function cross(sessions: JoinedSessions): Promise<void> {
  const { request, answer } = sessions.ask();
  request.body(bytesOf("prompt"));
  request.end(null);
  const served = await sessions.origin.request(sessions.origin.requests.length);
  served.answer.head(answerHead());
  served.answer.body(bytesOf("answer"));
  served.answer.end(null);
  await answer.until("end");
  await eventually(() => sessions.edge.session.retainedBytes === 0);
}

async function totals(metrics: Metrics): Promise<Map<string, number>> {
  const values = await scrape(metrics);
  return new Map([...values].filter(([name]) => /^lowu_tunnel_\w+_total\{/.test(name)));
}

function sumOf(values: Map<string, number>, name: string): number {
  return [...values].filter(([key]) => key.startsWith(`${name}{`)).reduce((sum, [, value]) => sum + value, 0);
}

Deno.test("a session and its lanes are shown as they are", async () => {
  const { metrics, watcher } = watching();
  const clock = new ManualClock();
  await using sessions = new JoinedSessions({ clock, watcher });
  await sessions.join("quic");
  await sessions.join("tls");
  const { request } = sessions.ask();
  request.body(bytesOf("prompt"));
  await (await sessions.origin.request(0)).until("body");
  const atFirst = await scrape(metrics);
  const states = [...atFirst.keys()].filter((key) => key.startsWith("lowu_tunnel_lanes{"));
  assert.deepEqual(states, [
    'lowu_tunnel_lanes{lane="0",peer="sz-1",state="both",transport="quic"}',
    'lowu_tunnel_lanes{lane="1",peer="sz-1",state="standby",transport="tls"}',
  ]);
  clock.advance(1_000);
  await eventually(() => [...sessions.edge.lanes].every(({ lane }) => lane.roundTripMs !== null));
  const values = await scrape(metrics);
  metrics.close();
  assert.equal(values.get('lowu_tunnel_sessions{peer="sz-1",state="open"}'), 1);
  assert.equal(values.get('lowu_tunnel_sessions{peer="sz-1",state="draining"}'), 0);
  assert.equal(values.get('lowu_tunnel_sessions_opened_total{peer="sz-1"}'), 1);
  assert.equal(values.get('lowu_tunnel_streams_active{peer="sz-1"}'), 1);
  assert.equal(values.get('lowu_tunnel_streams_total{peer="sz-1"}'), 1);
  assert.equal(values.get('lowu_tunnel_copies_per_frame{peer="sz-1"}'), 0);
  const [quic, tls] = [...sessions.edge.lanes];
  const ofLane = (name: string, lane: string, transport: string) =>
    values.get(`lowu_tunnel_${name}{lane="${lane}",peer="sz-1",transport="${transport}"}`);
  assert.equal(ofLane("sent_bytes_total", "0", "quic"), quic?.sentBytes);
  assert.equal(ofLane("received_bytes_total", "1", "tls"), tls?.receivedBytes);
  assert.equal(ofLane("round_trip_seconds", "1", "tls"), (tls?.lane.roundTripMs ?? NaN) / 1000);
  assert.ok(Number.isNaN(ofLane("loss_ratio", "0", "quic")), "not measured");
  assert.equal(ofLane("sent_datagrams_total", "0", "quic"), 0);
  assert.equal(ofLane("lane_stalls_total", "0", "quic"), quic?.lane.stalls);
  assert.equal(
    metrics.tunnel.readBytes(),
    sumOf(values, "lowu_tunnel_sent_bytes_total") +
      sumOf(values, "lowu_tunnel_received_bytes_total"),
  );
});

Deno.test("totals never fall, whatever ends, and slots are used again", async () => {
  const { metrics, watcher } = watching();
  const clock = new ManualClock();
  let before = await totals(metrics);
  const check = async () => {
    const after = await totals(metrics);
    for (const [name, value] of before) assert.ok((after.get(name) ?? -1) >= value, name);
    before = after;
  };
  const sessions = new JoinedSessions({ clock, watcher });
  for (const transport of ["quic", "tls", "tls", "tls"]) {
    const lane = await sessions.join(transport);
    await cross(sessions);
    await check();
    lane.core.fail(new Error("cut"));
    await eventually(() => sessions.edge.laneCount === 0);
    await check();
  }
  const after = [...before.keys()].filter((name) => name.startsWith("lowu_tunnel_lanes_opened_total"));
  assert.deepEqual(after, [
    'lowu_tunnel_lanes_opened_total{lane="0",peer="sz-1",transport="quic"}',
    'lowu_tunnel_lanes_opened_total{lane="0",peer="sz-1",transport="tls"}',
  ]);
  const ofTls = (name: string) => before.get(`lowu_tunnel_${name}{lane="0",peer="sz-1",transport="tls"}`);
  assert.deepEqual([ofTls("lanes_opened_total"), ofTls("lanes_closed_total")], [3, 3]);
  assert.equal(before.get('lowu_tunnel_resumes_total{peer="sz-1"}'), 3);
  const bytes = metrics.tunnel.readBytes();
  await sessions[Symbol.asyncDispose]();
  await Promise.resolve();
  await check();
  assert.equal(before.get('lowu_tunnel_streams_total{peer="sz-1"}'), 4);
  assert.equal(metrics.tunnel.readBytes(), bytes);

  await using next = new JoinedSessions({ clock, watcher });
  await next.join("tls");
  await cross(next);
  await check();
  const values = await scrape(metrics);
  metrics.close();
  assert.equal(values.get('lowu_tunnel_sessions_opened_total{peer="sz-1"}'), 2);
  assert.equal(values.get('lowu_tunnel_streams_total{peer="sz-1"}'), 5);
  assert.equal(values.get('lowu_tunnel_lanes_opened_total{lane="0",peer="sz-1",transport="tls"}'), 4);
});

Deno.test("a lane that dies under another is counted and logged as the cause of a change", async () => {
  const { log, metrics, watcher } = watching();
  const clock = new ManualClock();
  await using sessions = new JoinedSessions({ clock, watcher });
  const first = await sessions.join("quic");
  await sessions.join("tls");
  await cross(sessions);
  await scrape(metrics);
  first.edge.fail(new Error("cut"));
  await cross(sessions);
  const values = await scrape(metrics);
  metrics.close();
  const cause = 'cause="closed",log="tokens",peer="sz-1"';
  assert.equal(values.get(`lowu_tunnel_carrier_changes_total{${cause}}`), 1);
  assert.ok((values.get('lowu_tunnel_resumes_total{peer="sz-1"}') ?? 0) >= 1);
  const [change] = log.of("carrier_changed").filter((line) => line.log === "tokens");
  assert.deepEqual(
    [change?.peer, change?.cause, change?.lane, change?.transport],
    ["sz-1", "closed", "1", "tls"],
  );
});

Deno.test("copies and their cost are counted on both sides", async () => {
  const { metrics, watcher } = watching();
  await using sessions = new JoinedSessions({ clock: SYSTEM_CLOCK, watcher, redundancy: "always" });
  await sessions.join("tls");
  await sessions.join("tls");
  await eventually(() => sessions.edge.session.copiesPerFrame > 0);
  for (let call = 0; call < 5; call++) await cross(sessions);
  await eventually(() => sessions.core.session.stats.copiesReceived > 0);
  const { stats } = sessions.edge.session;
  const values = await scrape(metrics);
  metrics.close();
  const ofPeer = (name: string) => values.get(`lowu_tunnel_${name}{peer="sz-1"}`);
  assert.ok(stats.copiesSent > 0 && stats.copyBytesSent > stats.copiesSent);
  assert.equal(ofPeer("copies_per_frame"), sessions.edge.session.copiesPerFrame);
  assert.equal(ofPeer("copies_sent_total"), stats.copiesSent);
  assert.equal(ofPeer("copy_bytes_total"), stats.copyBytesSent);
  assert.equal(ofPeer("copies_received_total"), stats.copiesReceived);
  assert.equal(ofPeer("copies_useful_total"), stats.copiesUseful);
  assert.ok((ofPeer("copy_bytes_total") ?? 0) < sumOf(values, "lowu_tunnel_sent_bytes_total"));
});
