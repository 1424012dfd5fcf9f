import assert from "node:assert/strict";
import { type Clock, SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { EXCHANGE_WINDOW_BYTES, type RequestReceiver } from "../../../shared/exchange/exchange.ts";
import { createMetrics } from "../../../shared/observe/metrics.ts";
import { type RunningStallWatch, startStallWatch } from "../../../shared/observe/start_stall_watch.ts";
import { StallWatch } from "../../../shared/observe/stall_watch.ts";
import type { Appetite, LiveAnswer, LiveRequest } from "../../support/live_exchange.ts";
import { eventually } from "../../support/eventually.ts";
import { LogLines } from "../../support/log_lines.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { answerHead, bytesOf, requestHead } from "../../support/recorded_exchange.ts";
import { JoinedSessions } from "../session/joined_sessions.ts";
import { scrape } from "./scrape.ts";

const TOKEN = bytesOf("data: token\n\n");

/** An exchange whose request is at the origin, whole. */
interface Asked {
  readonly request: RequestReceiver;
  readonly answer: LiveAnswer;
  readonly served: LiveRequest;
}

/** A session whose exchanges are watched at both ends; time passes for the watches alone. */
class WatchedSessions implements AsyncDisposable {
  readonly logs = { edge: new LogLines("edge"), core: new LogLines("core") };
  readonly edge = new StallWatch({ role: "edge", log: this.logs.edge.log });
  readonly core = new StallWatch({ role: "core", log: this.logs.core.log });
  readonly sessions: JoinedSessions;
  #now = 0;

  constructor(clock: Clock) {
    this.sessions = new JoinedSessions({ clock, edgeStalls: this.edge, coreStalls: this.core });
  }

  static async open(clock: Clock = new ManualClock()): Promise<WatchedSessions> {
    const watched = new WatchedSessions(clock);
    await watched.sessions.join();
    return watched;
  }

  /** Both look once a second. */
  pass(seconds: number, eachSecond = () => {}): void {
    for (let second = 0; second < seconds; second++) {
      this.#now += 1000;
      eachSecond();
      this.edge.look(this.#now);
      this.core.look(this.#now);
    }
  }

  /** Stalled now: the hops that the edge blames, and those that the core does. */
  get blamed(): string[] {
    return [this.edge, this.core].map(({ stalledNow }) =>
      [...stalledNow].flatMap(([hop, count]) => Array<string>(count).fill(hop)).join(" ") || "nobody"
    );
  }

  lines(node: "edge" | "core"): unknown[] {
    return [...this.logs[node].of("stream_stalled"), ...this.logs[node].of("stream_went_on")]
      .map(({ event, hop, requestId }) => [event, hop, requestId]);
  }

  async asked(appetite: Appetite = "eager"): Promise<Asked> {
    const call = this.sessions.ask({ appetite });
    call.request.end(null);
    const served = await this.sessions.origin.request(this.sessions.origin.requests.length);
    await served.until("end");
    return { ...call, served };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sessions[Symbol.asyncDispose]();
  }
}

Deno.test("an origin that falls silent behind its first byte is named, and that it goes on", async () => {
  await using watched = await WatchedSessions.open();
  const { answer, served } = await watched.asked();
  served.answer.head(answerHead());
  served.answer.body(TOKEN);
  await answer.until("body");
  await eventually(() => served.consumedBytes === TOKEN.length);
  watched.pass(10);
  assert.deepEqual(watched.blamed, ["nobody", "nobody"]);
  watched.pass(2);
  assert.deepEqual(watched.blamed, ["core", "origin"]);
  watched.pass(30);
  assert.deepEqual([watched.edge.stalls.get("core"), watched.core.stalls.get("origin")], [1, 1]);
  served.answer.body(TOKEN);
  await answer.untilTrue(() => answer.bodyBytes === 2 * TOKEN.length);
  watched.pass(1);
  assert.deepEqual(watched.blamed, ["nobody", "nobody"]);
  assert.deepEqual(watched.lines("edge"), [
    ["stream_stalled", "core", "req_test"],
    ["stream_went_on", "core", "req_test"],
  ]);
  assert.deepEqual(watched.lines("core"), [
    ["stream_stalled", "origin", "req_test"],
    ["stream_went_on", "origin", "req_test"],
  ]);
  const [stalled] = watched.logs.edge.of("stream_stalled");
  assert.deepEqual([stalled?.level, stalled?.forMs, stalled?.lanes], ["warn", 10_000, 1]);
  assert.equal(watched.logs.edge.of("stream_went_on")[0]?.afterMs, 42_000);
});

Deno.test("a request that the model has not begun to answer waits, with or without a head", async () => {
  await using watched = await WatchedSessions.open();
  await watched.asked();
  const { answer, served } = await watched.asked();
  served.answer.head(answerHead());
  await answer.until("head");
  watched.pass(600);
  assert.deepEqual(watched.blamed, ["nobody", "nobody"]);
  assert.deepEqual([watched.edge.size, watched.core.size], [2, 2]);
});

Deno.test("a client that stops reading is named by the edge, and the edge by the core", async () => {
  await using watched = await WatchedSessions.open();
  const { request, answer, served } = await watched.asked("manual");
  served.answer.head(answerHead());
  served.answer.body(new Uint8Array(EXCHANGE_WINDOW_BYTES));
  await answer.untilTrue(() => answer.bodyBytes > EXCHANGE_WINDOW_BYTES - 200, "a window");
  await eventually(() => served.consumedBytes === answer.bodyBytes);
  served.answer.body(new Uint8Array(1000));
  watched.pass(12);
  assert.deepEqual(watched.blamed, ["client", "edge"]);
  request.answerConsumed(answer.bodyBytes);
  await answer.untilTrue(() => answer.bodyBytes === EXCHANGE_WINDOW_BYTES + 1000, "the rest");
  await eventually(() => served.consumedBytes === answer.bodyBytes);
  watched.pass(1);
  assert.deepEqual(watched.blamed, ["nobody", "nobody"]);
});

Deno.test("a client that stops sending is named by the edge, and the edge by the core", async () => {
  await using watched = await WatchedSessions.open();
  const { request } = watched.sessions.ask();
  request.body(bytesOf("half a prompt"));
  const served = await watched.sessions.origin.request(0);
  await served.until("body");
  watched.pass(12);
  assert.deepEqual(watched.blamed, ["client", "edge"]);
});

Deno.test("an origin that does not take the request is named by the core, and the core by the edge", async () => {
  await using watched = await WatchedSessions.open();
  watched.sessions.origin.appetite = "manual";
  const { request, answer } = watched.sessions.ask();
  request.body(new Uint8Array(EXCHANGE_WINDOW_BYTES));
  const served = await watched.sessions.origin.request(0);
  await served.untilTrue(() => served.bodyBytes > EXCHANGE_WINDOW_BYTES - 200, "a window");
  await eventually(() => answer.consumedBytes === served.bodyBytes);
  request.body(new Uint8Array(1000));
  watched.pass(12);
  assert.deepEqual(watched.blamed, ["core", "origin"]);
});

Deno.test("a tunnel that is cut is named on both sides, but by a core only where it has something to send", async () => {
  const clock = new ManualClock();
  await using watched = await WatchedSessions.open(clock);
  const { sessions } = watched;
  const lane = await sessions.join();
  const streaming = await watched.asked();
  streaming.served.answer.head(answerHead());
  streaming.served.answer.body(TOKEN);
  await streaming.answer.until("body");
  const waiting = await watched.asked();
  lane.swallow();
  for (const other of [...sessions.edge.lanes, ...sessions.core.lanes]) {
    if (other !== lane.edge && other !== lane.core) other.fail(new Error("cut"));
  }
  clock.advance(6_000);
  await eventually(() => sessions.edge.laneCount === 0 && sessions.core.laneCount === 0);
  assert.equal(sessions.edge.state, "open");
  // Tokens that go on into the cut tunnel look like progress to the core.
  watched.pass(13, () => streaming.served.answer.body(TOKEN));
  assert.deepEqual(watched.blamed, ["tunnel tunnel", "tunnel"]);

  await sessions.join();
  await streaming.answer.untilTrue(() => streaming.answer.bodyBytes === 14 * TOKEN.length, "every token");
  watched.pass(1);
  assert.deepEqual(watched.blamed, ["nobody", "nobody"]);
  waiting.served.answer.head(answerHead());
  waiting.served.answer.end(null);
  await waiting.answer.until("end");
});

Deno.test("exchanges that end in any way are no longer watched, and probes never are", async () => {
  await using watched = await WatchedSessions.open();
  const left = new RelayError("client_left", { source: "downstream" });
  const ends: ((call: Asked) => void)[] = [
    ({ served }) => served.answer.end(null),
    ({ served }) => served.answer.abort(new RelayError("origin_cut", { source: "origin" })),
    ({ request }) => request.abort(left),
  ];
  const calls: Asked[] = [];
  for (let call = 0; call < ends.length; call++) calls.push(await watched.asked());
  const probe = watched.sessions.ask({ head: { context: { ...requestHead().context, kind: "probe" } } });
  await watched.sessions.origin.request(ends.length);
  watched.pass(1);
  assert.deepEqual([watched.edge.size, watched.core.size], [ends.length, ends.length]);
  probe.request.abort(left);
  for (const [index, end] of ends.entries()) {
    const call = calls[index] ?? assert.fail("no call");
    call.served.answer.head(answerHead());
    end(call);
  }
  await eventually(() => watched.sessions.edge.streamCount === 0 && watched.sessions.core.streamCount === 0);
  watched.pass(1);
  assert.deepEqual([watched.edge.size, watched.core.size], [0, 0]);
});

Deno.test("many stalls at once share a line", async () => {
  await using watched = await WatchedSessions.open(SYSTEM_CLOCK);
  for (let call = 0; call < 25; call++) {
    const { served } = await watched.asked();
    served.answer.head(answerHead());
    served.answer.body(TOKEN);
    await eventually(() => served.consumedBytes > 0);
  }
  await eventually(() => watched.sessions.core.session.retainedBytes === 0);
  watched.pass(12);
  assert.equal(watched.core.stalls.get("origin"), 25);
  assert.equal(watched.logs.core.of("stream_stalled").length, 20);
  const [more, ...others] = watched.logs.core.of("streams_stalled");
  assert.deepEqual([more?.hop, more?.more, others], ["origin", 5, []]);
});

Deno.test("a process that was suspended blames nobody for it", async () => {
  await using watched = await WatchedSessions.open();
  const { answer, served } = await watched.asked();
  served.answer.head(answerHead());
  served.answer.body(TOKEN);
  await answer.until("body");
  watched.pass(3);
  watched.edge.look(600_000);
  watched.core.look(600_000);
  assert.deepEqual(watched.blamed, ["nobody", "nobody"]);
});

Deno.test("startStallWatch() looks once a second until it is closed, and shows what it finds", async () => {
  const clock = new ManualClock();
  const log = new LogLines("edge");
  const metrics = createMetrics({ node: "edge" });
  const running: RunningStallWatch = startStallWatch({ role: "edge", clock, log: log.log, metrics });
  await using sessions = new JoinedSessions({ clock: new ManualClock(), edgeStalls: running.watch });
  await sessions.join();
  const { request } = sessions.ask();
  request.body(bytesOf("half a prompt"));
  await sessions.origin.request(0);
  clock.advance(12_000);
  const values = await scrape(metrics);
  metrics.close();
  assert.equal(values.get('lowu_stalls_total{hop="client"}'), 1);
  assert.equal(values.get('lowu_stalled_exchanges{hop="client"}'), 1);
  assert.equal(values.get('lowu_stalls_total{hop="core"}'), 0);
  running.close();
  assert.equal(clock.pendingTimers, 0);
});
