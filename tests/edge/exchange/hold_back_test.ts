import assert from "node:assert/strict";
import fc from "fast-check";
import { holdBack } from "../../../edge/exchange/hold_back.ts";
import { EXCHANGE_WINDOW_BYTES } from "../../../shared/exchange/exchange.ts";
import {
  answerHead,
  RecordedAnswer,
  RecordedUpstream,
  requestHead,
} from "../../support/recorded_exchange.ts";

function start() {
  const upstream = new RecordedUpstream();
  const answer = new RecordedAnswer();
  const pauses = { count: 0 };
  const options = { highWatermark: 0.8, lowWatermark: 0.2, onPaused: () => void pauses.count++ };
  const request = holdBack(options, upstream.handler)(requestHead(), answer);
  upstream.last.answer.head(answerHead());
  return { inner: upstream.last, request, pauses };
}

const share = (part: number) => Math.floor(part * EXCHANGE_WINDOW_BYTES);

Deno.test("holdBack() reports at once below the high watermark", () => {
  const { inner, request, pauses } = start();
  inner.answer.body(new Uint8Array(share(0.79)));
  request.answerConsumed(10);
  assert.equal(inner.consumedBytes, 10);
  assert.equal(pauses.count, 0);
});

Deno.test("holdBack() reports nothing from the high watermark down to the low one, then all", () => {
  const { inner, request, pauses } = start();
  inner.answer.body(new Uint8Array(share(0.8) + 1));
  assert.equal(pauses.count, 1);
  request.answerConsumed(share(0.5));
  assert.equal(inner.consumedBytes, 0);
  request.answerConsumed(share(0.1) + 2);
  assert.equal(inner.consumedBytes, share(0.5) + share(0.1) + 2);
  inner.answer.body(new Uint8Array(share(0.5)));
  request.answerConsumed(1);
  assert.equal(inner.consumedBytes, share(0.5) + share(0.1) + 3, "below the high watermark again");
});

Deno.test("holdBack() never loses a byte of consumption whatever the order", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(90_000), fc.nat(90_000)), { maxLength: 60 }), (steps) => {
      const { inner, request } = start();
      let sent = 0;
      let taken = 0;
      for (const [produced, consumed] of steps) {
        const allowed = Math.min(produced, EXCHANGE_WINDOW_BYTES - (sent - inner.consumedBytes));
        inner.answer.body(new Uint8Array(allowed));
        sent += allowed;
        const part = Math.min(consumed, sent - taken);
        taken += part;
        request.answerConsumed(part);
        assert.ok(inner.consumedBytes <= taken);
      }
      request.answerConsumed(sent - taken);
      assert.equal(inner.consumedBytes, sent);
    }),
    { numRuns: 200 },
  );
});
