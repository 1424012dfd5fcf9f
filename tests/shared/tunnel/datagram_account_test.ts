import assert from "node:assert/strict";
import fc from "fast-check";
import { ReceivedDatagrams, SentDatagrams } from "../../../shared/tunnel/datagram_account.ts";
import { Random } from "./simulation/random.ts";

/** Sends `count` datagrams of which `isLost` says which are lost, and reports after each `reportEvery`. */
function send(
  { sent, received }: { sent: SentDatagrams; received: ReceivedDatagrams },
  { count, isLost, reportEvery = 10 }: {
    count: number;
    isLost: (number: number) => boolean;
    reportEvery?: number;
  },
): void {
  for (let i = 0; i < count; i++) {
    const number = sent.next();
    if (!isLost(number)) received.add(number);
    if (number % reportEvery !== 0) continue;
    assert.equal(sent.reported(received.report), true);
    received.reportSent();
  }
}

function makeAccounts(): { sent: SentDatagrams; received: ReceivedDatagrams } {
  return { sent: new SentDatagrams(), received: new ReceivedDatagrams() };
}

Deno.test("SentDatagrams.lossShare is null until enough went out, then what was lost of it", () => {
  const accounts = makeAccounts();
  send(accounts, { count: 10, isLost: () => false });
  assert.equal(accounts.sent.lossShare, null);
  send(accounts, { count: 30, isLost: (number) => number % 4 === 0 });
  const share = accounts.sent.lossShare ?? 0;
  assert.ok(share > 0.1 && share < 0.25, `${share}`);
});

Deno.test("SentDatagrams.lossShare forgets a loss over a thousand datagrams or so", () => {
  const accounts = makeAccounts();
  send(accounts, { count: 500, isLost: (number) => number % 10 === 0 });
  const after = accounts.sent.lossShare ?? 0;
  assert.ok(after > 0.05);
  send(accounts, { count: 5_000, isLost: () => false });
  assert.ok((accounts.sent.lossShare ?? 1) < after / 20);
});

Deno.test("SentDatagrams.lossShare is near what a path loses, in order or not", () => {
  fc.assert(
    fc.property(fc.integer(), fc.constantFrom(0, 0.01, 0.05, 0.3), (seed, loss) => {
      const random = new Random(seed);
      const accounts = makeAccounts();
      send(accounts, { count: 4_000, isLost: () => random.chance(loss), reportEvery: 64 });
      const share = accounts.sent.lossShare ?? 1;
      assert.ok(Math.abs(share - loss) < 0.02 + loss / 3, `${share} of ${loss}`);
    }),
    { numRuns: 50 },
  );
});

Deno.test("SentDatagrams.reported() refuses what cannot be, and takes an old report as nothing", () => {
  const { sent } = makeAccounts();
  for (let i = 0; i < 40; i++) sent.next();
  assert.equal(sent.reported({ highest: 41, received: 1 }), false);
  assert.equal(sent.reported({ highest: 5, received: 6 }), false);
  assert.equal(sent.reported({ highest: 40, received: 20 }), true);
  assert.equal(sent.reported({ highest: 30, received: 30 }), true);
  assert.equal(sent.lossShare, 0.5);
  assert.equal(sent.count, 40);
});

Deno.test("SentDatagrams.lossShare stays between 0 and 1 whatever is reported", () => {
  const reports = fc.array(fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 300 })), { maxLength: 30 });
  fc.assert(fc.property(reports, (pairs) => {
    const sent = new SentDatagrams();
    for (let i = 0; i < 300; i++) sent.next();
    for (const [highest, received] of pairs) {
      sent.reported({ highest, received });
      const share = sent.lossShare;
      assert.ok(share === null || (share >= 0 && share <= 1));
    }
  }));
});

Deno.test("ReceivedDatagrams has news until they are reported, at the latest after 64", () => {
  const received = new ReceivedDatagrams();
  assert.equal(received.hasNews, false);
  for (let number = 1; number <= 63; number++) received.add(number);
  assert.equal(received.hasNews, true);
  assert.equal(received.isReportDue, false);
  received.add(65);
  assert.equal(received.isReportDue, true);
  assert.deepEqual(received.report, { highest: 65, received: 64 });
  received.reportSent();
  assert.equal(received.hasNews, false);
});

Deno.test("ReceivedDatagrams.report is credible though datagrams came twice, and in any order", () => {
  const received = new ReceivedDatagrams();
  for (const number of [3, 1, 1, 3, 2, 2]) received.add(number);
  assert.deepEqual(received.report, { highest: 3, received: 3 });
  assert.equal(received.count, 6);
});
