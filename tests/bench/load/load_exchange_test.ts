import assert from "node:assert/strict";
import { LoadExchange } from "../../../bench/load/load_exchange.ts";
import { LoadStatistics } from "../../../bench/load/load_statistics.ts";
import { momentUs, newTokenEvent, stampToken } from "../../../bench/origin/token_event.ts";

function tokens(...numbers: readonly number[]): Uint8Array {
  return new Uint8Array(numbers.flatMap((number) => {
    const event = newTokenEvent();
    stampToken(event, 0, { sentUs: momentUs(), number });
    return [...event];
  }));
}

function exchangeOf(statistics: LoadStatistics, { isEndless }: { isEndless: boolean }) {
  const failures: string[] = [];
  const to = { statistics, connection: statistics.newConnection(), isEndless };
  const exchange = new LoadExchange(to, { answered: () => {}, failed: (reason) => failures.push(reason) });
  exchange.sending();
  exchange.head(200);
  return { exchange, failures };
}

Deno.test("LoadExchange counts tokens that never came and tokens that came again", () => {
  const statistics = new LoadStatistics();
  statistics.start(0);
  const { exchange } = exchangeOf(statistics, { isEndless: true });
  exchange.body(tokens(0, 1, 4));
  exchange.body(tokens(3, 4, 5, 6));
  const report = statistics.report(1000);
  assert.deepEqual([report.tokens, report.lostTokens, report.repeatedTokens], [7, 2, 2]);
});

Deno.test("LoadExchange takes the end of an answer without end for a failure", () => {
  const statistics = new LoadStatistics();
  const cut = exchangeOf(statistics, { isEndless: true });
  cut.exchange.end();
  assert.deepEqual([cut.exchange.hasFailed, cut.failures.length], [true, 1]);
  const whole = exchangeOf(statistics, { isEndless: false });
  whole.exchange.end();
  assert.deepEqual([whole.exchange.hasFailed, whole.failures.length], [false, 0]);
  const report = statistics.report(performance.now());
  assert.deepEqual([report.brokenConnections, report.failures, report.exchanges], [1, 1, 1]);
});
