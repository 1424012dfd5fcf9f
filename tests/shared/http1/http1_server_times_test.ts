import assert from "node:assert/strict";
import { Fields } from "../../../shared/exchange/fields.ts";
import { DEFAULT_HTTP1_LIMITS, type Http1Limits } from "../../../shared/http1/http1_limits.ts";
import { Http1ServerCodec } from "../../../shared/http1/http1_server_codec.ts";
import { bytesOf, takeText } from "./transcript.ts";

const LIMITS: Http1Limits = {
  ...DEFAULT_HTTP1_LIMITS,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 75_000,
  minBodyBytesPerSecond: 100,
  bodyGraceMs: 5_000,
};
const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

function kinds(codec: Http1ServerCodec): string[] {
  const seen: string[] = [];
  for (let event = codec.nextEvent(); event !== null; event = codec.nextEvent()) {
    seen.push(event.kind === "refused" ? event.error.code : event.kind);
  }
  return seen;
}

/** Runs the codec's time-outs up to `until`, as a driver's timer does; the time of the first event or close, or null. */
function runUntil(codec: Http1ServerCodec, until: number): { at: number; seen: string[] } | null {
  for (let calls = 0; calls < 100; calls++) {
    const due = codec.nextTimeout();
    if (due === null || due > until) return null;
    codec.handleTimeout(due);
    const seen = kinds(codec);
    if (seen.length > 0 || codec.shouldClose) return { at: due, seen };
  }
  throw new Error("time-outs without progress");
}

function answer(codec: Http1ServerCodec): void {
  codec.sendHead({ status: 200, contentLength: 0, fields: new Fields() });
  codec.sendEnd(null);
  takeText(codec);
}

Deno.test("handleTimeout() closes a new connection that sends nothing, without an answer", () => {
  const codec = new Http1ServerCodec(LIMITS, 1000);
  assert.deepEqual(runUntil(codec, 1e6), { at: 11_000, seen: [] });
});

Deno.test("handleTimeout() refuses a first head that trickles, counted from the connection's start", () => {
  const codec = new Http1ServerCodec(LIMITS, 1000);
  for (let now = 1000, at = 0; now < 10_900; now += 900, at++) {
    assert.equal(runUntil(codec, now), null);
    codec.receive(bytesOf(GET[at] ?? ""), now);
    assert.deepEqual(kinds(codec), []);
  }
  assert.deepEqual(runUntil(codec, 1e6), { at: 11_000, seen: ["request_timeout"] });
  assert.equal(codec.nextTimeout(), null);
});

Deno.test("handleTimeout() counts a later head from its first byte", () => {
  const codec = new Http1ServerCodec(LIMITS, 0);
  codec.receive(bytesOf(GET), 0);
  kinds(codec);
  answer(codec);
  codec.receive(bytesOf("GET"), 50_000);
  kinds(codec);
  assert.equal(runUntil(codec, 59_999), null);
  assert.deepEqual(runUntil(codec, 1e6), { at: 60_000, seen: ["request_timeout"] });
});

Deno.test("handleTimeout() gives a pipelined half head its own time", () => {
  const codec = new Http1ServerCodec(LIMITS, 0);
  codec.receive(bytesOf(GET + "GET"), 0);
  kinds(codec);
  assert.equal(codec.nextTimeout(), null);
  // The answer takes ten minutes; no call brings the time meanwhile.
  answer(codec);
  kinds(codec);
  codec.handleTimeout(600_000);
  assert.deepEqual(kinds(codec), []);
  assert.deepEqual(runUntil(codec, 1e6), { at: 610_000, seen: ["request_timeout"] });
});

Deno.test("handleTimeout() closes between requests, counted from the answer's end", () => {
  const codec = new Http1ServerCodec(LIMITS, 0);
  codec.receive(bytesOf(GET), 0);
  kinds(codec);
  assert.equal(codec.nextTimeout(), null);
  answer(codec);
  assert.deepEqual(runUntil(codec, 1e6), { at: 76_000, seen: [] });
});

Deno.test("handleTimeout() refuses a body below the rate, after the grace", () => {
  const codec = new Http1ServerCodec(LIMITS, 0);
  codec.receive(bytesOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n"), 0);
  assert.deepEqual(kinds(codec), ["request"]);
  assert.equal(runUntil(codec, 4_999), null);
  codec.receive(bytesOf("x".repeat(300)), 4_999);
  kinds(codec);
  assert.deepEqual(runUntil(codec, 1e6), { at: 8_000, seen: ["request_timeout"] });
});

Deno.test("handleTimeout() bounds the pause of a body that came fast", () => {
  const codec = new Http1ServerCodec(LIMITS, 0);
  codec.receive(
    bytesOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n" + "x".repeat(90_000)),
    0,
  );
  kinds(codec);
  assert.deepEqual(runUntil(codec, 1e6), { at: 75_000, seen: ["request_timeout"] });
});

Deno.test("pauseReading() takes our own pause from the client's time", () => {
  const codec = new Http1ServerCodec(LIMITS, 0);
  codec.receive(bytesOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n"), 0);
  kinds(codec);
  codec.pauseReading(1_000);
  assert.equal(codec.nextTimeout(), null);
  codec.resumeReading(101_000);
  assert.deepEqual(runUntil(codec, 1e6), { at: 105_000, seen: ["request_timeout"] });
});

Deno.test("nextTimeout() leaves a client that waits for 100 Continue alone", () => {
  const codec = new Http1ServerCodec(LIMITS, 0);
  codec.receive(
    bytesOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"),
    0,
  );
  kinds(codec);
  assert.equal(codec.nextTimeout(), null);
  codec.sendContinue();
  codec.handleTimeout(30_000);
  assert.deepEqual(runUntil(codec, 1e6), { at: 35_000, seen: ["request_timeout"] });
});

Deno.test("handleTimeout() closes silently while the rest of a body is drained", () => {
  const codec = new Http1ServerCodec(LIMITS, 0);
  codec.receive(bytesOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"), 0);
  kinds(codec);
  answer(codec);
  assert.deepEqual(runUntil(codec, 1e6), { at: 5_000, seen: [] });
});

Deno.test("handleTimeout() before the time is over does nothing", () => {
  const codec = new Http1ServerCodec(LIMITS, 0);
  codec.handleTimeout(9_999);
  assert.equal(codec.shouldClose, false);
});
