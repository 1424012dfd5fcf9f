import assert from "node:assert/strict";
import { newTokenEvent, stampToken, TOKEN_EVENT_BYTES } from "../../bench/origin/token_event.ts";
import { TokenChecker } from "./support/token_checker.ts";

const TOKENS = 3;
const ERROR_EVENT = 'event: error\ndata: {"error":{"code":"tunnel_lost"}}\n\n';

function stream(tokens = TOKENS): Uint8Array {
  const bytes = new Uint8Array(tokens * TOKEN_EVENT_BYTES);
  for (let number = 0; number < tokens; number++) {
    const offset = number * TOKEN_EVENT_BYTES;
    bytes.set(newTokenEvent(), offset);
    stampToken(bytes, offset, { sentUs: 1_700_000_000_123_456 + number, number });
  }
  return bytes;
}

function check(...pieces: readonly Uint8Array[]): TokenChecker {
  const checker = new TokenChecker();
  for (const piece of pieces) checker.scan(piece);
  return checker;
}

Deno.test("TokenChecker counts tokens however they are cut", () => {
  const bytes = stream();
  for (let cut = 0; cut <= bytes.length; cut++) {
    const { tokens, problem, isBetweenTokens } = check(bytes.subarray(0, cut), bytes.subarray(cut));
    assert.deepEqual({ tokens, problem, isBetweenTokens }, {
      tokens: TOKENS,
      problem: null,
      isBetweenTokens: true,
    });
  }
});

Deno.test("TokenChecker finds every byte that is lost, repeated or changed", () => {
  const bytes = stream();
  const isWhole = ({ tokens, problem, isBetweenTokens }: TokenChecker) =>
    problem === null && isBetweenTokens && tokens === TOKENS;
  for (let at = 0; at < bytes.length; at++) {
    assert.ok(!isWhole(check(bytes.subarray(0, at), bytes.subarray(at + 1))), `byte ${at} lost`);
    assert.ok(!isWhole(check(bytes.subarray(0, at + 1), bytes.subarray(at))), `byte ${at} repeated`);
    const changed = bytes.slice();
    changed[at] = 0x7f;
    assert.ok(!isWhole(check(changed)), `byte ${at} changed`);
  }
});

Deno.test("TokenChecker finds whole tokens that are lost, repeated or exchanged", () => {
  const bytes = stream();
  const token = (number: number) =>
    bytes.subarray(number * TOKEN_EVENT_BYTES, (number + 1) * TOKEN_EVENT_BYTES);
  for (const order of [[0, 2], [0, 0, 1, 2], [1, 0, 2], [1, 2]]) {
    assert.notEqual(check(...order.map(token)).problem, null, `tokens ${order}`);
  }
});

Deno.test("TokenChecker tells the error event behind the last token", () => {
  const error = new TextEncoder().encode(ERROR_EVENT);
  for (let cut = 0; cut < error.length; cut++) {
    assert.equal(check(stream(), error.subarray(0, cut)).errorCode, null);
  }
  const { errorCode, tokens, problem } = check(stream(), error);
  assert.deepEqual({ errorCode, tokens, problem }, {
    errorCode: "tunnel_lost",
    tokens: TOKENS,
    problem: null,
  });
  assert.notEqual(check(stream().subarray(0, -1), error).problem, null);
});
