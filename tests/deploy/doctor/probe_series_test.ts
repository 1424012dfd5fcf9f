import assert from "node:assert/strict";
import { PROBE_TIME_FIELD } from "../../../core/session/answer_probes.ts";
import { ProbeSeries } from "../../../deploy/doctor/probe_series.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { answerHead, RecordedUpstream } from "../../support/recorded_exchange.ts";

const WALL_MS = 1_790_000_000_000;

function probing(count: number) {
  const clock = new ManualClock();
  const upstream = new RecordedUpstream();
  const series = new ProbeSeries({
    clock,
    wallTimeMs: () => WALL_MS + clock.now(),
    count,
    intervalMs: 20,
    waitMs: 1_000,
    newRequestId: () => "req_doctor",
    open: upstream.handler,
  });
  return { clock, upstream, series, running: series.run() };
}

function timeHead(timeMs: number) {
  return answerHead({
    status: 204,
    fields: new Fields([PROBE_TIME_FIELD, String(timeMs)]),
    contentLength: 0,
  });
}

Deno.test("ProbeSeries sends probes at its pace and ends with the last answer", async () => {
  const { clock, upstream, series, running } = probing(3);
  assert.equal(upstream.last.request.context.kind, "probe");
  assert.deepEqual(upstream.last.calls, ["end"]);
  for (const ms of [20, 20]) {
    clock.advance(ms);
  }
  assert.equal(upstream.requests.length, 3);
  clock.advance(10);
  for (const { answer } of upstream.requests) answer.head(timeHead(WALL_MS));
  await running;
  assert.equal(clock.pendingTimers, 0);
  const { sent, answered, medianMs, maxMs } = series.roundTrip;
  assert.deepEqual({ sent, answered, medianMs, maxMs }, { sent: 3, answered: 3, medianMs: 30, maxMs: 50 });
});

Deno.test("ProbeSeries takes the core's clock from the fastest exchange", async () => {
  const { clock, upstream, series, running } = probing(2);
  clock.advance(20);
  const [first, second] = upstream.requests;
  clock.advance(10);
  // Sent at 20, answered at 30: the core's clock said 41 s more than the middle of the two.
  second?.answer.head(timeHead(WALL_MS + 25 + 41_000));
  clock.advance(70);
  first?.answer.head(timeHead(WALL_MS));
  await running;
  assert.deepEqual(series.clockFacts, { aheadMs: 41_000, errorMs: 6 });
});

Deno.test("ProbeSeries gives up what is not answered in time, and knows no clock from a core that tells none", async () => {
  const { clock, upstream, series, running } = probing(2);
  upstream.last.answer.head(answerHead({ status: 204 }));
  clock.advance(20 + 999);
  assert.deepEqual(upstream.last.calls, ["end"]);
  clock.advance(1);
  await running;
  assert.deepEqual(upstream.last.calls, ["end", "abort tunnel_lost"]);
  upstream.last.answer.head(timeHead(WALL_MS));
  assert.equal(series.roundTrip.answered, 1);
  assert.equal(series.clockFacts, null);
});

Deno.test("ProbeSeries that was stopped before it runs sends nothing", async () => {
  const clock = new ManualClock();
  const upstream = new RecordedUpstream();
  const series = new ProbeSeries({
    clock,
    wallTimeMs: () => 0,
    count: 1,
    intervalMs: 20,
    waitMs: 1_000,
    newRequestId: () => "",
    open: upstream.handler,
  });
  series.stop();
  await series.run();
  assert.equal(upstream.requests.length, 0);
  assert.equal(clock.pendingTimers, 0);
});
