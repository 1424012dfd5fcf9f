import assert from "node:assert/strict";
import type { ExchangeHandler } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { LiveAnswer, LiveHandler } from "../../support/live_exchange.ts";
import { answerHead, bytesOf, requestHead } from "../../support/recorded_exchange.ts";
import { eventually } from "../../support/eventually.ts";
import { TunnelPair } from "./tunnel_pair.ts";

/** Breaks where the path says, and serves all else with `inner`. */
function breaking(inner: LiveHandler): ExchangeHandler {
  const fail = (): never => {
    throw new TypeError("a bug");
  };
  return (head, answer) => {
    if (head.path === "/handler") return fail();
    const request = inner.handler(head, answer);
    if (head.path === "/body") return { ...silent(request), body: fail };
    if (head.path === "/end") return { ...silent(request), end: fail };
    if (head.path === "/abort") return { ...silent(request), abort: fail };
    if (head.path === "/consumed") return { ...silent(request), answerConsumed: fail };
    return request;
  };
}

function silent(request: ReturnType<ExchangeHandler>) {
  return {
    body: (bytes: Uint8Array) => request.body(bytes),
    end: (trailers: Fields | null) => request.end(trailers),
    abort: (error: Parameters<typeof request.abort>[0]) => request.abort(error),
    answerConsumed: (bytes: number) => request.answerConsumed(bytes),
  };
}

for (const place of ["handler", "body", "end", "consumed"]) {
  Deno.test(`a core's handler that throws ends its own exchange and no other: ${place}`, async () => {
    const inner = new LiveHandler();
    inner.onRequest = ({ head, answer }) => {
      if (head.path !== "/consumed") return;
      answer.head(answerHead());
      answer.body(bytesOf("reported at once"));
    };
    await using pair = await TunnelPair.open({ handler: breaking(inner) });
    const other = pair.ask({ head: { path: "/other" } });
    const { request, answer } = pair.ask({ head: { path: `/${place}` } });
    request.body(bytesOf("body"));
    request.end(null);
    await answer.until("abort internal_error");
    const served = await inner.request(0);
    served.answer.head(answerHead());
    served.answer.end(null);
    other.request.end(null);
    await other.answer.until("end");
    await pair.untilNothingIsKept();
    assert.equal(pair.coreSession.state, "open");
    // What is thrown at the handler's own call comes back to it as an abort, not to the driver.
    if (place !== "consumed") assert.match(String(pair.coreLog.of("tunnel_fault")[0]?.reason), /a bug/);
    else await eventually(() => inner.requests[1]?.error?.code === "internal_error");
  });
}

Deno.test("a handler that throws at an abort ends nothing but what has ended", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: breaking(inner) });
  const { answer } = pair.ask({ head: { path: "/abort" } });
  await inner.request(0);
  pair.edgeSession.close();
  await answer.until("abort tunnel_lost");
  await eventually(() => pair.coreLog.of("tunnel_fault").length === 1);
  await pair.untilUp();
  await pair.untilNothingIsKept();
});

Deno.test("a handler that says what no message can be ends its exchange on both sides", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const wrongs: ((index: number) => Promise<void>)[] = [
    async (index) => (await inner.request(index)).answer.body(bytesOf("before its head")),
    async (index) => {
      const { answer } = await inner.request(index);
      answer.head(answerHead());
      answer.head(answerHead());
    },
    async (index) => (await inner.request(index)).answer.requestConsumed(1),
    async (index) => (await inner.request(index)).answer.end(new Fields(["x", "y".repeat(200_000)])),
    async (index) => {
      const { answer } = await inner.request(index);
      answer.head(answerHead());
      answer.body(new Uint8Array(600 * 1024));
    },
  ];
  for (const [index, wrong] of wrongs.entries()) {
    const { answer } = pair.ask();
    await wrong(index);
    await answer.until("abort internal_error");
    const served = await inner.request(index);
    assert.deepEqual(served.calls, ["abort internal_error"]);
    await pair.untilNothingIsKept();
  }
});

Deno.test("an edge's receiver that throws ends its own exchange and no other", async () => {
  const inner = new LiveHandler();
  inner.onRequest = ({ answer }) => {
    answer.head(answerHead());
    answer.body(bytesOf("answer"));
  };
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const broken = new LiveAnswer();
  broken.body = () => {
    throw new TypeError("a bug");
  };
  pair.client.open(requestHead(), broken) ?? assert.fail("not opened");
  const healthy = pair.ask();
  await healthy.answer.until("body");
  assert.deepEqual(broken.calls, ["head 200", "abort internal_error"]);
  const [served, other] = [await inner.request(0), await inner.request(1)];
  await served.until("abort internal_error");
  other.answer.end(null);
  healthy.request.end(null);
  await healthy.answer.until("end");
  await pair.untilNothingIsKept();
  assert.match(String(pair.edgeLog.of("tunnel_fault")[0]?.reason), /a bug/);
});
