import assert from "node:assert/strict";
import fc from "fast-check";
import { ANONYMOUS } from "../../../core/auth/authenticate.ts";
import type { Routed } from "../../../core/exchange/core_exchange.ts";
import { PeekBudget } from "../../../core/routing/model_peek.ts";
import { routeByModel } from "../../../core/routing/route_by_model.ts";
import { type Route, RouteTable } from "../../../core/routing/route_table.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { EXCHANGE_WINDOW_BYTES, type RequestHead } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { bytesOf, RecordedAnswer, RecordedUpstream, requestHead } from "../../support/recorded_exchange.ts";

function route(name: string, models: string[] | null, paths: string[] | null = null): Route {
  return { name, models, paths, origin: { name, endpoints: [], apiKey: null }, passesCaching: false };
}

const TABLE = new RouteTable([
  route("files", null, ["/v1/files"]),
  route("small", ["small-*", "tiny"]),
  route("large", ["large"]),
]);

function start(overrides: Partial<RequestHead> = {}, { maxPeekBytes = 1 << 20, budgetBytes = 1 << 20 } = {}) {
  const upstream = new RecordedUpstream();
  const routed: Routed[] = [];
  const answer = new RecordedAnswer();
  const budget = new PeekBudget(budgetBytes);
  const handler = routeByModel({ routes: TABLE, maxPeekBytes, budget }, (exchange, inner) => {
    routed.push(exchange);
    return upstream.handler(exchange.request, inner);
  });
  const receiver = handler({ request: requestHead(overrides), edge: "hk", principal: ANONYMOUS }, answer);
  return { upstream, routed, answer, budget, receiver };
}

Deno.test("routeByModel() passes the body on whole and chooses by the model in it", () => {
  const { upstream, routed, receiver, answer, budget } = start();
  const body = '{"messages":["hello"],"model":"small-7b","stream":true}';
  for (const character of body) receiver.body(bytesOf(character));
  receiver.end(null);
  assert.equal(routed[0]?.route.name, "small");
  assert.equal(routed[0]?.model, "small-7b");
  assert.equal(upstream.last.text, body);
  assert.deepEqual(upstream.last.calls, ["end"]);
  upstream.last.answer.requestConsumed(body.length);
  assert.equal(answer.consumedBytes, body.length, "each byte is reported once");
  assert.equal(budget.freeBytes, 1 << 20);
});

Deno.test("routeByModel() needs no body where the path decides", () => {
  const { routed } = start({ path: "/v1/files" });
  assert.equal(routed[0]?.route.name, "files");
});

Deno.test("routeByModel() reads the model from the path of the models endpoint", () => {
  const { routed } = start({ method: "GET", path: "/v1/models/tiny", contentLength: 0 });
  assert.equal(routed[0]?.route.name, "small");
});

Deno.test("routeByModel() says which model nobody serves", async () => {
  const { answer, receiver } = start();
  receiver.body(bytesOf('{"model":"gpt-unknown"}'));
  await Promise.resolve();
  assert.equal(answer.errors[0]?.code, "model_not_found");
  assert.match(answer.errors[0]?.message ?? "", /gpt-unknown/);
});

Deno.test("routeByModel() looks into multipart forms", () => {
  const fields = new Fields(["content-type", "multipart/form-data; boundary=b"]);
  const { routed, receiver } = start({ fields, path: "/v1/audio/transcriptions" });
  receiver.body(bytesOf('--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nlarge\r\n--b'));
  assert.equal(routed[0]?.route.name, "large");
});

Deno.test("routeByModel() refuses a body that names no model within the limit, and gives the budget back", () => {
  const { answer, receiver, budget } = start({}, { maxPeekBytes: 1000 });
  receiver.body(bytesOf('{"messages":"'));
  receiver.body(new Uint8Array(990).fill(0x61));
  assert.deepEqual(answer.errors.map((error) => error.code), ["request_too_large"]);
  assert.equal(budget.freeBytes, 1 << 20);
});

Deno.test("routeByModel() refuses when all requests together hold too much", () => {
  const { answer, receiver, budget } = start({}, { budgetBytes: 100 });
  receiver.body(bytesOf('{"messages":"'));
  receiver.body(new Uint8Array(100).fill(0x61));
  assert.deepEqual(answer.errors.map((error) => error.code), ["overloaded"]);
  assert.equal(budget.freeBytes, 100);
});

Deno.test("routeByModel() gives the budget back when the client leaves while looking", () => {
  const { receiver, budget, routed } = start();
  receiver.body(bytesOf('{"messages":"'));
  receiver.abort(new RelayError("client_left", { source: "downstream" }));
  assert.equal(budget.freeBytes, 1 << 20);
  assert.equal(routed.length, 0);
});

Deno.test("routeByModel() plays long bodies back exactly and within the next step's window", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 120_000 }), { minLength: 1, maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 8 }),
      (sizes, consumptions) => {
        const { upstream, receiver, answer } = start({}, { maxPeekBytes: 1 << 24, budgetBytes: 1 << 24 });
        const prompt = "p".repeat(sizes.reduce((sum, size) => sum + size, 0));
        const body = bytesOf(`{"messages":"${prompt}","model":"large"}${" ".repeat(400_000)}`);
        let sent = 0;
        let consumedThere = 0;
        const sizesInTurn = [...sizes];
        while (sent < body.length) {
          const outstanding = sent - answer.consumedBytes;
          const size = Math.min(
            sizesInTurn.shift() ?? 50_000,
            EXCHANGE_WINDOW_BYTES - outstanding,
            body.length - sent,
          );
          if (size > 0) receiver.body(body.subarray(sent, sent + size));
          sent += size;
          const inner = upstream.requests[0];
          if (inner === undefined) continue;
          assert.ok(inner.bytes.length - consumedThere <= EXCHANGE_WINDOW_BYTES, "window of the next step");
          const step = Math.min(
            consumptions[sent % consumptions.length] ?? 1,
            inner.bytes.length - consumedThere,
          );
          consumedThere += step;
          if (step > 0) inner.answer.requestConsumed(step);
        }
        receiver.end(null);
        while (consumedThere < body.length) {
          const step = upstream.last.bytes.length - consumedThere;
          assert.ok(step > 0, "the rest is played");
          consumedThere += step;
          upstream.last.answer.requestConsumed(step);
        }
        assert.deepEqual(upstream.last.calls, ["end"]);
        assert.equal(answer.consumedBytes, body.length);
      },
    ),
    { numRuns: 15 },
  );
});
