import assert from "node:assert/strict";
import { CLOSE_CODE } from "../../../shared/websocket/close_payload.ts";
import { FrameReader } from "../../../shared/websocket/frame_reader.ts";
import { WebSocketViolation } from "../../../shared/websocket/websocket_violation.ts";
import { textBytes, transcriptOf } from "./websocket_transcript.ts";

const { protocolError, invalidText, tooLarge } = CLOSE_CODE;
const LIMIT = 1_000;

/** Unmasked, for a client; each is refused at its last byte and not before. */
const VIOLATIONS: [name: string, closeCode: number, bytes: number[]][] = [
  ["first reserved bit", protocolError, [0xc2]],
  ["second reserved bit", protocolError, [0xa2]],
  ["third reserved bit", protocolError, [0x92]],
  ["reserved opcode 3", protocolError, [0x83]],
  ["reserved opcode 15", protocolError, [0x8f]],
  ["fragmented ping", protocolError, [0x09]],
  ["ping of 126 bytes", protocolError, [0x89, 126]],
  ["close with a long length", protocolError, [0x88, 127]],
  ["masked frame of a server", protocolError, [0x82, 0x80]],
  ["125 bytes in the middle form", protocolError, [0x82, 126, 0, 125]],
  ["65535 bytes in the long form", protocolError, [0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]],
  ["length of 2^63", tooLarge, [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]],
  ["length of 2^53", tooLarge, [0x82, 127, 0, 0x20, 0, 0, 0, 0, 0, 0]],
  ["frame above the limit", tooLarge, [0x82, 126, 0x03, 0xe9]],
  ["message above the limit", tooLarge, [0x02, 1, 7, 0x80, 126, 0x03, 0xe8]],
  ["continuation of nothing", protocolError, [0x80, 0]],
  ["continuation behind a message", protocolError, [0x82, 0, 0x00, 0]],
  ["message within a message", protocolError, [0x02, 0, 0x82, 0]],
  ["text that begins with a continuation byte", invalidText, [0x81, 2, 0x80]],
  ["text with a surrogate", invalidText, [0x81, 3, 0xed, 0xa0]],
  ["text above U+10FFFF", invalidText, [0x81, 4, 0xf4, 0x90]],
  ["text that ends within a character", invalidText, [0x81, 2, 0x61, 0xe4]],
  ["fragmented text that ends within a character", invalidText, [0x01, 2, 0x61, 0xe4, 0x80, 0]],
  ["close of one byte", protocolError, [0x88, 1, 0x03]],
  ["close with code 999", protocolError, [0x88, 2, 0x03, 0xe7]],
  ["close with code 1005", protocolError, [0x88, 2, 0x03, 0xed]],
  ["close with code 1006", protocolError, [0x88, 2, 0x03, 0xee]],
  ["close with code 1015", protocolError, [0x88, 2, 0x03, 0xf7]],
  ["close with code 2999", protocolError, [0x88, 2, 0x0b, 0xb7]],
  ["close with code 5000", protocolError, [0x88, 2, 0x13, 0x88]],
  ["close with a reason that is no UTF-8", invalidText, [0x88, 3, 0x03, 0xe8, 0xff]],
];

for (const [name, closeCode, bytes] of VIOLATIONS) {
  Deno.test(`FrameReader refuses, at the byte that is wrong: ${name}`, () => {
    const options = { role: "client", maxMessageBytes: LIMIT } as const;
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    const isRefused = (pieces: Uint8Array[]) =>
      transcriptOf(pieces, options).some((entry) => entry.kind === "violation");
    assert.equal(isRefused(single.slice(0, -1)), false);
    assert.deepEqual(transcriptOf(single, options).at(-1), { kind: "violation", closeCode });
    assert.deepEqual(transcriptOf([Uint8Array.from(bytes)], options).at(-1), {
      kind: "violation",
      closeCode,
    });
  });
}

Deno.test("FrameReader refuses an unmasked frame of a client", () => {
  const transcript = transcriptOf([Uint8Array.of(0x82, 0x00)], { role: "server", maxMessageBytes: LIMIT });
  assert.deepEqual(transcript, [{ kind: "violation", closeCode: protocolError }]);
});

Deno.test("FrameReader.nextEvent() throws the same violation again, whatever comes", () => {
  const reader = new FrameReader({ role: "client", maxMessageBytes: LIMIT });
  reader.receive(Uint8Array.of(0x83));
  assert.throws(() => reader.nextEvent(), WebSocketViolation);
  reader.receive(Uint8Array.of(0x82, 0));
  assert.throws(() => reader.nextEvent(), /reserved opcode 3/);
});

Deno.test("FrameReader takes a message of exactly the limit, and close codes of all users", () => {
  const options = { role: "client", maxMessageBytes: LIMIT } as const;
  const longest = Uint8Array.of(0x82, 126, 0x03, 0xe8, ...new Uint8Array(LIMIT));
  assert.equal(transcriptOf([longest], options).at(-1)?.kind, "data");
  for (const code of [1000, 1003, 1007, 1011, 1014, 3000, 4999]) {
    const close = Uint8Array.of(0x88, 4, code >> 8, code & 0xff, ...textBytes("ok"));
    assert.deepEqual(transcriptOf([close], options), [{ kind: "close", code, reason: "ok" }]);
  }
  assert.deepEqual(transcriptOf([Uint8Array.of(0x88, 0)], options), [{
    kind: "close",
    code: null,
    reason: "",
  }]);
});
