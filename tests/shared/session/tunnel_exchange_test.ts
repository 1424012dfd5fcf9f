import assert from "node:assert/strict";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { EXCHANGE_WINDOW_BYTES } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { LiveHandler } from "../../support/live_exchange.ts";
import { answerHead, bytesOf, requestHead } from "../../support/recorded_exchange.ts";
import { TRANSPORTS } from "../transport/lane_fixture.ts";
import { TunnelPair } from "./tunnel_pair.ts";

const LEFT = new RelayError("client_left", { source: "downstream" });

for (const transport of TRANSPORTS) {
  Deno.test(`an exchange crosses the tunnel whole, in both directions at once: ${transport}`, async () => {
    const inner = new LiveHandler();
    await using pair = await TunnelPair.open({ handler: inner.handler, transport });
    const head = requestHead({ path: "/v1/files?x=1", fields: new Fields(["x-bytes", "\u00ff\u0080"]) });
    const { request, answer } = pair.ask({ head });
    const served = await inner.request(0);
    assert.deepEqual(served.head, head);
    request.body(bytesOf("first "));
    await served.until("body");
    served.answer.informational({ status: 103, fields: new Fields(["link", "</a>"]), contentLength: null });
    await answer.until("informational 103");
    served.answer.head(answerHead({ status: 201, contentLength: 7 }));
    served.answer.body(bytesOf("an"));
    await answer.until("body");
    request.body(bytesOf("second"));
    request.end(new Fields(["x-sum", "1"]));
    await served.until("end");
    served.answer.body(bytesOf("swer!"));
    served.answer.end(new Fields(["x-sum", "2"]));
    await answer.until("end");
    assert.deepEqual([served.text, served.trailers?.get("x-sum")], ["first second", "1"]);
    assert.deepEqual([answer.text, answer.trailers?.get("x-sum")], ["answer!", "2"]);
    assert.deepEqual(answer.informationals.map((one) => [one.status, one.fields.get("link")]), [[
      103,
      "</a>",
    ]]);
    assert.deepEqual(answer.heads, [answerHead({ status: 201, contentLength: 7 })]);
    assert.deepEqual(answer.consumedBytes, 12, "all of the request has left the edge");
    assert.deepEqual(served.consumedBytes, 7, "all of the answer has left the core");
    await pair.untilNothingIsKept();
  });
}

Deno.test("nothing reaches either end before the handler has returned", async () => {
  const calls: string[] = [];
  await using pair = await TunnelPair.open({
    handler: (_head, answer) => {
      queueMicrotask(() => {
        answer.head(answerHead());
        answer.end(null);
      });
      calls.push("returns");
      return {
        body: () => void calls.push("body"),
        end: () => void calls.push("end"),
        abort: () => void calls.push("abort"),
        answerConsumed() {},
      };
    },
  });
  const { request, answer } = pair.ask();
  request.body(bytesOf("all in one lane chunk"));
  request.end(null);
  assert.deepEqual(answer.calls, []);
  await answer.until("end");
  assert.deepEqual(calls, ["returns", "body", "end"]);
});

for (const [when, steps] of [["before", 0], ["behind", 1]] as const) {
  Deno.test(`a client that leaves ${when} the head is told to the origin, and the stream is gone`, async () => {
    const inner = new LiveHandler();
    await using pair = await TunnelPair.open({ handler: inner.handler });
    const { request, answer } = pair.ask();
    const served = await inner.request(0);
    if (steps > 0) {
      served.answer.head(answerHead());
      await answer.until("head");
    }
    request.abort(LEFT);
    await served.until("abort client_left");
    assert.equal(served.error?.source, "downstream");
    // What the handler still says goes nowhere.
    served.answer.head(answerHead());
    served.answer.body(bytesOf("late"));
    served.answer.end(null);
    served.answer.abort(LEFT);
    served.answer.requestConsumed(5);
    request.body(bytesOf("late"));
    request.end(null);
    request.abort(LEFT);
    request.answerConsumed(5);
    await pair.untilNothingIsKept();
    assert.deepEqual(answer.calls, steps > 0 ? ["head 200"] : []);
    assert.deepEqual(served.calls, ["abort client_left"]);
    assert.deepEqual(pair.coreLog.of("tunnel_fault"), []);
  });
}

Deno.test("an exchange that is refused before its head reaches the client as a whole answer", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const { request, answer } = pair.ask();
  const served = await inner.request(0);
  served.answer.abort(
    new RelayError("rate_limit_exceeded", {
      source: "downstream",
      message: "Slow down.",
      retryAfterSeconds: 7,
    }),
  );
  await answer.until("end");
  assert.equal(answer.heads[0]?.status, 429);
  assert.equal(answer.heads[0]?.fields.get("retry-after"), "7");
  assert.match(answer.text, /"message":"Slow down."/);
  // The request goes on until its sender knows; nobody hears it, nothing stops it.
  for (let sent = EXCHANGE_WINDOW_BYTES; sent <= 4 * EXCHANGE_WINDOW_BYTES; sent += EXCHANGE_WINDOW_BYTES) {
    request.body(new Uint8Array(EXCHANGE_WINDOW_BYTES));
    await answer.untilTrue(() => answer.consumedBytes === sent, "a window more");
  }
  request.end(null);
  await pair.untilNothingIsKept();
  assert.deepEqual(served.calls, []);
});

Deno.test("an answer that is cut behind its head never looks complete", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const { answer } = pair.ask();
  const served = await inner.request(0);
  served.answer.head(answerHead());
  served.answer.body(bytesOf("half"));
  await answer.until("body");
  served.answer.abort(new RelayError("origin_cut", { source: "origin" }));
  await answer.until("abort origin_cut");
  assert.equal(answer.error?.source, "origin");
  await pair.untilNothingIsKept();
  assert.deepEqual(answer.calls, ["head 200", "body 4", "abort origin_cut"]);
  assert.deepEqual(served.calls, [], "no abort answers an abort");
});

Deno.test("an answer that ends before its request leaves the stream to the request's end", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  for (const ending of ["end", "abort"] as const) {
    const { request, answer } = pair.ask();
    const served = await inner.request(ending === "end" ? 0 : 1);
    request.body(bytesOf("some"));
    await served.until("body");
    served.answer.head(answerHead());
    served.answer.end(null);
    await answer.until("end");
    request.body(bytesOf(" more"));
    await served.untilTrue(() => served.bodyBytes === 9, "the rest of the request");
    assert.equal(pair.coreSession.streamCount, 1);
    if (ending === "end") request.end(null);
    else request.abort(LEFT);
    await served.until(ending);
    await pair.untilNothingIsKept();
    assert.deepEqual(answer.calls, ["head 200", "end"]);
  }
});

Deno.test("a handler that gives up behind a complete answer does not cut what the client still reads", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const { request, answer } = pair.ask({ appetite: "manual" });
  const served = await inner.request(0);
  served.answer.head(answerHead());
  served.answer.body(new Uint8Array(EXCHANGE_WINDOW_BYTES));
  await answer.untilTrue(() => answer.bodyBytes > 200_000, "a window's worth");
  served.answer.body(new Uint8Array(1000));
  served.answer.end(null);
  assert.ok(pair.coreSession.session.heldBytes > 0, "the end is still held");
  served.answer.abort(new RelayError("origin_cut", { source: "origin" }));
  request.answerConsumed(200_000);
  await answer.until("end");
  assert.equal(answer.bodyBytes, EXCHANGE_WINDOW_BYTES + 1000);
  request.end(null);
  await pair.untilNothingIsKept();
});

for (const direction of ["request", "answer"] as const) {
  Deno.test(`a sender is told what left, and at most a window waits at the other end: ${direction}`, async () => {
    const inner = new LiveHandler();
    inner.appetite = "manual";
    await using pair = await TunnelPair.open({ handler: inner.handler });
    const { request, answer } = pair.ask({ appetite: "manual" });
    const served = await inner.request(0);
    served.answer.head(answerHead());
    const isRequest = direction === "request";
    const [sender, receiver] = isRequest ? [answer, served] : [served, answer];
    const send = (bytes: number) => (isRequest ? request : served.answer).body(new Uint8Array(bytes));
    const consume = (bytes: number) =>
      isRequest ? served.answer.requestConsumed(bytes) : request.answerConsumed(bytes);

    send(EXCHANGE_WINDOW_BYTES);
    await receiver.untilTrue(() => receiver.bodyBytes > EXCHANGE_WINDOW_BYTES - 200, "a window less frames");
    const arrived = receiver.bodyBytes;
    assert.ok(arrived < EXCHANGE_WINDOW_BYTES, "frames cost credit too");
    assert.equal(sender.consumedBytes, arrived);
    // What left may be sent anew, and waits: the receiver has consumed nothing.
    send(arrived);
    await crossBoth(pair, inner);
    assert.deepEqual([receiver.bodyBytes, sender.consumedBytes], [arrived, arrived]);
    const driver = isRequest ? pair.edgeSession : pair.coreSession;
    assert.equal(driver.session.heldBytes, EXCHANGE_WINDOW_BYTES);
    consume(arrived);
    await receiver.untilTrue(() => receiver.bodyBytes > 2 * (EXCHANGE_WINDOW_BYTES - 200), "another window");
    consume(receiver.bodyBytes - arrived);
    await receiver.untilTrue(() => receiver.bodyBytes === EXCHANGE_WINDOW_BYTES + arrived, "the rest");
    request.abort(LEFT);
    await pair.untilNothingIsKept();
  });
}

Deno.test("a request head that no stream can carry is refused", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const { answer } = pair.ask({ head: { fields: new Fields(["x-large", "x".repeat(200_000)]) } });
  await answer.until("abort head_too_large");
  assert.equal(pair.edgeSession.streamCount, 0);
});

/** Lets a small exchange go and come: whatever could have moved before it has. */
async function crossBoth(pair: TunnelPair, inner: LiveHandler): Promise<void> {
  const { request, answer } = pair.ask();
  const served = await inner.request(inner.requests.length);
  request.end(null);
  served.answer.head(answerHead());
  served.answer.end(null);
  await answer.until("end");
}
