/** The origin client against a real server of ours, over real sockets, with exchanges that are given up at any moment. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { OriginClient } from "../../../core/origin/origin_client.ts";
import { slabsInUse } from "../../../shared/buffers/slab_pool.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { EXCHANGE_WINDOW_BYTES, type ExchangeHandler } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { Http1Fixture } from "../../shared/server/http1_fixture.ts";
import { beginExchange, ORIGIN_OPTIONS } from "./origin_fixture.ts";

const PIECE = new Uint8Array(10_000).fill(122);
const CLIENT_LEFT = new RelayError("client_left", { source: "downstream" });
/** 20 × 50: a thousand exchanges. */
const RUNS = 20;
const EXCHANGES = 50;

/** Answers with so many pieces as the path says, a window ahead at the most, whatever the request brings. */
const stream: ExchangeHandler = ({ path }, answer) => {
  let pieces = Number(path.slice(1));
  let unconsumed = 0;
  let isOver = false;
  const send = () => {
    for (; !isOver && pieces > 0 && unconsumed + PIECE.length <= EXCHANGE_WINDOW_BYTES; pieces--) {
      unconsumed += PIECE.length;
      answer.body(PIECE);
    }
    if (isOver || pieces > 0) return;
    isOver = true;
    answer.end(null);
  };
  queueMicrotask(() => {
    answer.head({ status: 200, fields: new Fields(), contentLength: null });
    send();
  });
  return {
    body: (bytes) => answer.requestConsumed(bytes.length),
    end() {},
    abort: () => isOver = true,
    answerConsumed(bytes) {
      unconsumed -= bytes;
      send();
    },
  };
};

const plan = fc.record({
  answerPieces: fc.constantFrom(0, 1, 3, 60),
  requestBytes: fc.constantFrom(0, 1, 5_000, 200_000),
  isLengthTold: fc.boolean(),
  isRequestEnded: fc.boolean(),
  /** Turns of the event loop after which it is given up; null: never. */
  abortAfterTurns: fc.option(fc.nat(12)),
  startTurn: fc.nat(20),
});

type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((turn) => setTimeout(turn, 0));
}

async function run(handler: ExchangeHandler, one: Plan): Promise<void> {
  await turns(one.startTurn);
  const hasBody = one.requestBytes > 0;
  const { answer, request } = beginExchange(handler, {
    method: hasBody ? "POST" : "GET",
    path: `/${one.answerPieces}`,
    contentLength: !hasBody || one.isLengthTold ? one.requestBytes : null,
  });
  if (hasBody) {
    request.body(new Uint8Array(one.requestBytes));
    if (one.isRequestEnded) request.end(null);
  }
  if (one.abortAfterTurns !== null) {
    await turns(one.abortAfterTurns);
    const before = answer.calls.length;
    request.abort(CLIENT_LEFT);
    await turns(1);
    assert.equal(answer.calls.length, before, "nothing is said after an abort");
    return;
  }
  await answer.until("end");
  assert.equal(answer.bodyBytes, one.answerPieces * PIECE.length);
  assert.ok(answer.consumedBytes <= one.requestBytes);
  if (!hasBody || one.isRequestEnded) return;
  request.abort(CLIENT_LEFT);
}

Deno.test({
  name: "OriginClient leaves no socket behind after a thousand exchanges given up at random moments",
  // A socket that is lost while it connects is nowhere in our books.
  sanitizeResources: true,
  fn: giveUpAtRandom,
});

async function giveUpAtRandom(): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.array(plan, { minLength: EXCHANGES, maxLength: EXCHANGES }),
      async (plans) => {
        const server = new Http1Fixture({ handler: stream });
        const client = new OriginClient({ ...ORIGIN_OPTIONS, maxIdleConnections: 8 }, SYSTEM_CLOCK);
        const url = new URL(`http://127.0.0.1:${server.port}`);
        const handler = client.exchange({ url, name: "engine" });
        await Promise.all(plans.map((one) => run(handler, one)));
        assert.ok(client.openConnections <= 8, `${client.openConnections} connections are kept`);
        await client.close();
        assert.equal(client.openConnections, 0);
        await server[Symbol.asyncDispose]();
        assert.equal(server.tally.started, server.tally.ended);
        assert.deepEqual(server.tally.refusals, []);
        assert.equal(slabsInUse(), 0);
      },
    ),
    { numRuns: RUNS, endOnFailure: true },
  );
}
