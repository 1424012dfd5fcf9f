import assert from "node:assert/strict";
import { PING, PONG } from "../../../shared/tunnel/frame_type.ts";
import {
  readPingFrame,
  readPongFrame,
  writePingFrame,
  writePongFrame,
} from "../../../shared/tunnel/ping_frame.ts";
import { cutPayloads, encodeFrame, overlongPayload, splitOne } from "./encode_frame.ts";

const ping = encodeFrame((writer) => writePingFrame(writer, 0x0102));

Deno.test("readPingFrame() gives the token that writePongFrame() sends back", () => {
  assert.deepEqual([...ping], [0x21, 0x08, 0, 0, 0, 0, 0, 0, 1, 2]);
  const found = splitOne(ping);
  assert.equal(found.type, PING);
  const token = readPingFrame(found.payload);
  const pong = splitOne(encodeFrame((writer) => writePongFrame(writer, token)));
  assert.equal(pong.type, PONG);
  assert.equal(readPongFrame(pong.payload), 0x0102);
});

Deno.test("readPongFrame() gives -1 for a token above what is ever sent", () => {
  const foreign = encodeFrame((writer) => writePongFrame(writer, new Uint8Array(8).fill(0xff)));
  assert.equal(readPongFrame(splitOne(foreign).payload), -1);
});

Deno.test("readPingFrame() and readPongFrame() refuse any other length", () => {
  for (const read of [readPingFrame, readPongFrame]) {
    for (const payload of [...cutPayloads(ping), overlongPayload(ping)]) {
      assert.throws(() => read(payload), { code: "frame_encoding" });
    }
  }
});
