import assert from "node:assert/strict";
import {
  readDatagramReportFrame,
  writeDatagramReportFrame,
} from "../../../shared/tunnel/datagram_report_frame.ts";
import { DATAGRAM_REPORT } from "../../../shared/tunnel/frame_type.ts";
import { cutPayloads, encodeFrame, overlongPayload, splitOne } from "./encode_frame.ts";

function encode(highest: number, received: number): Uint8Array {
  return encodeFrame((writer) => writeDatagramReportFrame(writer, { highest, received }));
}

Deno.test("readDatagramReportFrame() gives back what writeDatagramReportFrame() wrote", () => {
  assert.deepEqual([...encode(0x123, 5)], [0x41, 0x03, 0x41, 0x23, 0x05]);
  for (const [highest, received] of [[0, 0], [1, 1], [2 ** 31, 7], [Number.MAX_SAFE_INTEGER, 1]] as const) {
    const { type, payload } = splitOne(encode(highest, received));
    assert.equal(type, DATAGRAM_REPORT);
    assert.deepEqual(readDatagramReportFrame(payload), { highest, received });
  }
});

Deno.test("readDatagramReportFrame() refuses a frame cut at any byte, and one too long", () => {
  for (const payload of [...cutPayloads(encode(70_000, 60_000)), overlongPayload(encode(70_000, 60_000))]) {
    assert.throws(() => readDatagramReportFrame(payload), { code: "frame_encoding" });
  }
});
