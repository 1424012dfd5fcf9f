import assert from "node:assert/strict";
import fc from "fast-check";
import { gunzipSync } from "node:zlib";
import { coalesceEvents } from "../../../edge/exchange/coalesce_events.ts";
import { acceptsGzip, compressEvents } from "../../../edge/exchange/compress_events.ts";
import { EventBoundary } from "../../../edge/exchange/event_boundary.ts";
import { keepEventStreams } from "../../../edge/exchange/event_stream.ts";
import { paceAnswer } from "../../../edge/exchange/pace_answer.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import {
  answerHead,
  bytesOf,
  RecordedAnswer,
  RecordedUpstream,
  requestHead,
} from "../../support/recorded_exchange.ts";

const CUT = new RelayError("origin_cut", { source: "origin" });

function keepAlive(heartbeatIntervalMs: number, maxAgeMs = 0, onEvents = (_count: number) => {}) {
  const clock = new ManualClock();
  const upstream = new RecordedUpstream();
  const answer = new RecordedAnswer();
  const request = keepEventStreams({ clock, heartbeatIntervalMs, maxAgeMs, onEvents }, upstream.handler)(
    requestHead(),
    answer,
  );
  return { clock, upstream, answer, request, inner: upstream.last };
}

Deno.test("EventBoundary knows the end of an event for every line end and every split", () => {
  const cases: [text: string, isAtBoundary: boolean, events: number][] = [
    ["", true, 0],
    ["data: a\n\n", true, 1],
    ["data: a\r\n\r\n", true, 1],
    ["data: a\r\r", true, 1],
    ["data: a\n", false, 0],
    ["data: a\r\n", false, 0],
    ["data: a", false, 0],
    [": c\n\ndata: a\n\n", true, 2],
    ["data: a\n\ndata:", false, 1],
  ];
  for (const [text, isAtBoundary, events] of cases) {
    const bytes = bytesOf(text);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const whole = new EventBoundary();
      const tail = new EventBoundary();
      for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
        whole.receive(piece);
        tail.receiveTail(piece);
      }
      assert.equal(whole.isAtBoundary, isAtBoundary, `${JSON.stringify(text)} cut at ${cut}`);
      assert.equal(tail.isAtBoundary, isAtBoundary, `${JSON.stringify(text)} tail, cut at ${cut}`);
      assert.equal(whole.eventCount, events, `${JSON.stringify(text)} cut at ${cut}`);
    }
  }
});

Deno.test("keepEventStreams() comments only when nothing else was sent, between events, and when all was taken", () => {
  const { clock, answer, request, inner } = keepAlive(30_000);
  const text = () => answer.text;
  inner.answer.head(answerHead());
  clock.advance(20_000);
  inner.answer.body(bytesOf("data: 1\n\n"));
  clock.advance(20_000);
  assert.equal(text(), "data: 1\n\n", "20 s after the event");
  request.answerConsumed(9);
  clock.advance(10_000);
  assert.equal(text(), "data: 1\n\n: keep-alive\n\n", "30 s after the event");
  inner.answer.body(bytesOf("data: "));
  clock.advance(60_000);
  assert.ok(text().endsWith("data: "), "never within an event");
  inner.answer.body(bytesOf("2\n\n"));
  clock.advance(120_000);
  assert.ok(text().endsWith("data: 2\n\n"), "never behind bytes that the client has not taken");
  inner.answer.end(null);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("keepEventStreams() reports only the origin's own bytes as consumed", () => {
  const { clock, request, inner } = keepAlive(1000);
  inner.answer.head(answerHead());
  clock.advance(1000);
  inner.answer.body(bytesOf("data: 1\n\n"));
  request.answerConsumed(14 + 4);
  assert.equal(inner.consumedBytes, 4);
  request.answerConsumed(5);
  assert.equal(inner.consumedBytes, 9);
});

Deno.test("keepEventStreams() puts an error event before a broken end, never into an event", () => {
  for (const [sent, glue] of [["data: 1\n\n", ""], ["data: par", "\n\n"]] as const) {
    const { answer, inner, clock } = keepAlive(30_000);
    inner.answer.head(answerHead());
    inner.answer.body(bytesOf(sent));
    inner.answer.abort(CUT);
    const added = answer.text.slice(sent.length);
    assert.ok(added.startsWith(`${glue}event: error\ndata: {`), added);
    assert.equal(JSON.parse(added.slice(added.indexOf("{"))).error.code, "origin_cut");
    assert.equal(answer.calls.at(-1), "abort origin_cut");
    assert.equal(clock.pendingTimers, 0);
  }
});

Deno.test("keepEventStreams() tells how many events passed", () => {
  let events = 0;
  const { inner } = keepAlive(0, 0, (count) => events += count);
  inner.answer.head(answerHead());
  inner.answer.body(bytesOf("data: 1\n\n"));
  inner.answer.body(bytesOf("data: 2\r\n\r\ndata: 3\n\ndata: 4"));
  assert.equal(events, 3);
});

Deno.test("keepEventStreams() leaves other answers alone", () => {
  const { answer, inner, clock } = keepAlive(1000);
  inner.answer.head(
    answerHead({ fields: new Fields(["content-type", "application/json"]), contentLength: 20 }),
  );
  clock.advance(5000);
  inner.answer.body(bytesOf("{"));
  inner.answer.abort(CUT);
  assert.equal(answer.text, "{");
});

Deno.test("keepEventStreams() ends a stream at its maximum age, towards both sides", () => {
  const { answer, inner, clock } = keepAlive(0, 86_400_000);
  inner.answer.head(answerHead());
  clock.advance(86_400_000);
  assert.equal(answer.calls.at(-1), "abort max_age_reached");
  assert.deepEqual(inner.calls, ["abort max_age_reached"]);
});

function coalesce(maxEvents: number, maxDelayMs = 10) {
  const clock = new ManualClock();
  const upstream = new RecordedUpstream();
  const answer = new RecordedAnswer();
  coalesceEvents({ clock, maxEvents, maxDelayMs }, upstream.handler)(requestHead(), answer);
  upstream.last.answer.head(answerHead());
  return { clock, answer, inner: upstream.last };
}

Deno.test("coalesceEvents() sends the first event at once, then by number or by time", () => {
  const { clock, answer, inner } = coalesce(3);
  const bodies = () => answer.calls.filter((call) => call === "body").length;
  inner.answer.body(bytesOf("data: 0\n\n"));
  assert.equal(bodies(), 1);
  inner.answer.body(bytesOf("data: 1\n\n"));
  inner.answer.body(bytesOf("data: 2\n\n"));
  assert.equal(bodies(), 1);
  inner.answer.body(bytesOf("data: 3\n\n"));
  assert.equal(bodies(), 2, "three events together");
  inner.answer.body(bytesOf("data: 4\n\n"));
  clock.advance(9);
  assert.equal(bodies(), 2);
  clock.advance(1);
  assert.equal(bodies(), 3, "10 ms are over");
  inner.answer.body(bytesOf("data: 5\n\n"));
  inner.answer.end(null);
  assert.equal(answer.text, [0, 1, 2, 3, 4, 5].map((n) => `data: ${n}\n\n`).join(""));
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("coalesceEvents() changes no byte whatever comes", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ maxLength: 30 }), fc.nat(15)), { maxLength: 30 }), (pieces) => {
      const { clock, answer, inner } = coalesce(4);
      for (const [text, ms] of pieces) {
        inner.answer.body(bytesOf(text));
        clock.advance(ms);
      }
      inner.answer.body(new Uint8Array(40_000).fill(0x61));
      inner.answer.end(null);
      assert.equal(answer.text, pieces.map(([text]) => text).join("") + "a".repeat(40_000));
    }),
    { numRuns: 100 },
  );
});

Deno.test("compressEvents() flushes every event and reports consumption in the origin's bytes", async () => {
  const upstream = new RecordedUpstream();
  const answer = new RecordedAnswer();
  const fields = new Fields(["accept-encoding", "br, gzip"]);
  const request = compressEvents({ compression: "gzip" }, upstream.handler)(requestHead({ fields }), answer);
  const inner = upstream.last;
  inner.answer.head(answerHead());
  assert.equal(answer.heads[0]?.fields.get("content-encoding"), "gzip");
  let received = 0;
  for (let i = 0; i < 5; i++) {
    const event = bytesOf(`data: {"choices":[{"delta":{"content":"token ${i}"}}]}\n\n`);
    inner.answer.body(event);
    received += event.length;
    const before = answer.bytes.length;
    while (answer.bytes.length === before) await new Promise((resolve) => setImmediate(resolve));
    const soFar = gunzipSync(Uint8Array.from(answer.bytes), { finishFlush: 2 }).toString();
    assert.ok(soFar.endsWith(`token ${i}"}}]}\n\n`), "each event is readable as soon as it came");
  }
  inner.answer.end(null);
  while (answer.calls.at(-1) !== "end") await new Promise((resolve) => setImmediate(resolve));
  request.answerConsumed(answer.bytes.length);
  assert.equal(inner.consumedBytes, received);
});

Deno.test("compressEvents() passes answers on that are no event streams or are coded already", () => {
  for (
    const fields of [["content-type", "application/json"], [
      "content-type",
      "text/event-stream",
      "content-encoding",
      "br",
    ]]
  ) {
    const upstream = new RecordedUpstream();
    const answer = new RecordedAnswer();
    const accept = new Fields(["accept-encoding", "gzip"]);
    compressEvents({ compression: "gzip" }, upstream.handler)(requestHead({ fields: accept }), answer);
    upstream.last.answer.head(answerHead({ fields: new Fields([...fields]) }));
    upstream.last.answer.body(bytesOf("plain"));
    assert.equal(answer.text, "plain");
  }
});

Deno.test("acceptsGzip() reads qualities", () => {
  const cases: [string, boolean][] = [
    ["gzip", true],
    ["br;q=1, gzip;q=0.5", true],
    ["gzip;q=0", false],
    ["*", true],
    ["identity", false],
    ["", false],
    ["*, gzip;q=0", false],
  ];
  for (const [value, expected] of cases) {
    assert.equal(
      acceptsGzip(requestHead({ fields: new Fields(["accept-encoding", value]) })),
      expected,
      value,
    );
  }
});

Deno.test("paceAnswer() reports consumption no faster than the rate, and all of it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 100_000 }), fc.nat(40)), { minLength: 1, maxLength: 40 }),
      (steps) => {
        const clock = new ManualClock();
        const upstream = new RecordedUpstream();
        const rate = 1_000_000;
        const request = paceAnswer({ clock, maxBytesPerSecond: rate }, upstream.handler)(
          requestHead(),
          new RecordedAnswer(),
        );
        let total = 0;
        for (const [bytes, ms] of steps) {
          request.answerConsumed(bytes);
          total += bytes;
          clock.advance(ms);
          const allowed = (clock.now() * rate) / 1000 + rate * 0.05 + 1;
          assert.ok(upstream.last.consumedBytes <= allowed, `${upstream.last.consumedBytes} of ${allowed}`);
        }
        clock.advance(60_000);
        assert.equal(upstream.last.consumedBytes, total);
        assert.equal(clock.pendingTimers, 0);
      },
    ),
    { numRuns: 200 },
  );
});
