import assert from "node:assert/strict";
import { WaitingRoom } from "../../../edge/session/wait_for_tunnel.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import type { AnswerReceiver, RequestHead, RequestReceiver } from "../../../shared/exchange/exchange.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { bytesOf, RecordedAnswer, RecordedUpstream, requestHead } from "../../support/recorded_exchange.ts";

function room({ maxWaiting = 10 } = {}) {
  const clock = new ManualClock();
  const upstream = new RecordedUpstream();
  /** How many more streams the tunnel takes. */
  const tunnel = {
    room: 0,
    open(request: RequestHead, answer: AnswerReceiver): RequestReceiver | null {
      if (tunnel.room === 0) return null;
      tunnel.room--;
      return upstream.handler(request, answer);
    },
  };
  const open = (request: RequestHead, answer: AnswerReceiver) => tunnel.open(request, answer);
  const waiting = new WaitingRoom({ clock, waitTimeoutMs: 5000, maxWaiting, open });
  return { clock, upstream, tunnel, waiting };
}

Deno.test("WaitingRoom lets requests through while the tunnel takes them", () => {
  const { upstream, tunnel, waiting } = room();
  tunnel.room = 1;
  waiting.handler(requestHead(), new RecordedAnswer());
  assert.equal(upstream.requests.length, 1);
  assert.equal(waiting.waitingCount, 0);
});

Deno.test("WaitingRoom keeps what comes meanwhile and plays it once the tunnel is up, in order of arrival", () => {
  const { upstream, tunnel, waiting, clock } = room();
  const receivers = ["first", "second", "third"].map((text) => {
    const receiver = waiting.handler(requestHead({ path: `/${text}` }), new RecordedAnswer());
    receiver.body(bytesOf(text));
    receiver.body(bytesOf(" body"));
    receiver.end(null);
    return receiver;
  });
  tunnel.room = 2;
  waiting.admit();
  assert.deepEqual(upstream.requests.map(({ request, text, calls }) => [request.path, text, calls]), [
    ["/first", "first body", ["end"]],
    ["/second", "second body", ["end"]],
  ]);
  assert.equal(waiting.waitingCount, 1);
  receivers[0]?.answerConsumed(7);
  assert.equal(upstream.requests[0]?.consumedBytes, 7);
  tunnel.room = 1;
  waiting.admit();
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("WaitingRoom never lets a newcomer pass those that wait", () => {
  const { upstream, tunnel, waiting } = room();
  waiting.handler(requestHead({ path: "/early" }), new RecordedAnswer());
  tunnel.room = 1;
  waiting.handler(requestHead({ path: "/late" }), new RecordedAnswer());
  waiting.admit();
  assert.deepEqual(upstream.requests.map(({ request }) => request.path), ["/early"]);
});

Deno.test("WaitingRoom answers 503 with Retry-After after the time-out, and at once when full", async () => {
  const { waiting, clock } = room({ maxWaiting: 1 });
  const [patient, refused] = [new RecordedAnswer(), new RecordedAnswer()];
  waiting.handler(requestHead(), patient);
  waiting.handler(requestHead(), refused);
  await Promise.resolve();
  assert.equal(refused.errors[0]?.code, "tunnel_overloaded");
  clock.advance(4999);
  assert.deepEqual(patient.calls, []);
  clock.advance(1);
  assert.deepEqual(patient.calls, ["abort tunnel_unavailable"]);
  assert.equal(patient.errors[0]?.retryAfterSeconds, 1);
  assert.equal(waiting.waitingCount, 0);
});

Deno.test("WaitingRoom forgets a client that leaves, and all when it closes", () => {
  const { waiting, clock, upstream, tunnel } = room();
  const left = new RecordedAnswer();
  waiting.handler(requestHead(), left).abort(new RelayError("client_left", { source: "downstream" }));
  const other = new RecordedAnswer();
  waiting.handler(requestHead(), other);
  waiting.close();
  tunnel.room = 5;
  waiting.admit();
  assert.deepEqual(left.calls, []);
  assert.deepEqual(other.calls, ["abort draining"]);
  assert.equal(upstream.requests.length, 0);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("WaitingRoom keeps the order when what it plays is consumed at once and brings more", () => {
  const { waiting, tunnel } = room();
  const answer = new RecordedAnswer();
  let next = 2;
  answer.requestConsumed = () => {
    if (next <= 4) request.body(bytesOf(String(next++)));
    else if (next++ === 5) request.end(null);
  };
  const request = waiting.handler(requestHead(), answer);
  request.body(bytesOf("0"));
  request.body(bytesOf("1"));
  const heard: string[] = [];
  tunnel.open = (_head, taken) => ({
    body(bytes) {
      heard.push(new TextDecoder().decode(bytes));
      taken.requestConsumed(bytes.length);
    },
    end: () => void heard.push("end"),
    abort: () => void heard.push("abort"),
    answerConsumed() {},
  });
  waiting.admit();
  assert.deepEqual(heard, ["0", "1", "2", "3", "4", "end"]);
});

Deno.test("WaitingRoom passes nothing on behind an abort that comes while it plays", () => {
  const { waiting, tunnel } = room();
  const answer = new RecordedAnswer();
  answer.requestConsumed = () => request.abort(new RelayError("client_left", { source: "downstream" }));
  const request = waiting.handler(requestHead(), answer);
  for (const piece of ["0", "1", "2"]) request.body(bytesOf(piece));
  request.end(null);
  const heard: string[] = [];
  tunnel.open = (_head, taken) => ({
    body(bytes) {
      heard.push(new TextDecoder().decode(bytes));
      taken.requestConsumed(bytes.length);
    },
    end: () => void heard.push("end"),
    abort: (error) => void heard.push(error.code),
    answerConsumed() {},
  });
  waiting.admit();
  request.body(bytesOf("late"));
  assert.deepEqual(heard, ["0", "client_left"]);
  assert.equal(waiting.waitingCount, 0);
});

Deno.test("WaitingRoom that is closed lets requests through, and lets none wait", async () => {
  const { waiting, tunnel, upstream } = room();
  waiting.close();
  tunnel.room = 1;
  waiting.handler(requestHead(), new RecordedAnswer());
  assert.equal(upstream.requests.length, 1);
  const refused = new RecordedAnswer();
  waiting.handler(requestHead(), refused);
  await Promise.resolve();
  assert.deepEqual(refused.calls, ["abort draining"]);
});
