import assert from "node:assert/strict";
import { boundaryOf, MultipartReader } from "../../../../deploy/embedded_origin/http/multipart_reader.ts";

const BODY = new TextEncoder().encode(
  "preamble\r\n--b\r\n" +
    'Content-Disposition: form-data; name="model"\r\n\r\nm1\r\n--b\r\n' +
    'content-disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n' +
    "\r\n--\r\n--c\r\n-- b--\r\n--b--\r\nepilogue\r\n--b\r\n",
);

function read(pieces: readonly Uint8Array[]): { events: string[]; isDone: boolean } {
  const events: string[] = [];
  let text = "";
  const reader = new MultipartReader("b", {
    partStart: (head) => {
      text = "";
      events.push(`start ${head.name} ${head.filename}`);
    },
    partBytes: (bytes) => {
      text += new TextDecoder().decode(bytes);
    },
    partEnd: () => void events.push(text),
  });
  for (const piece of pieces) reader.receive(piece);
  return { events, isDone: reader.isDone };
}

Deno.test("MultipartReader finds the same parts however the body is cut", () => {
  const expected = {
    events: ["start model null", "m1", "start file a.wav", "\r\n--\r\n--c\r\n-- b--"],
    isDone: true,
  };
  assert.deepEqual(read([BODY]), expected);
  assert.deepEqual(read(Array.from(BODY, (byte) => Uint8Array.of(byte))), expected);
  for (let at = 1; at < BODY.length; at++) {
    assert.deepEqual(read([BODY.subarray(0, at), BODY.subarray(at)]), expected, `cut at ${at}`);
  }
});

Deno.test("MultipartReader is not done with a body that was cut short", () => {
  assert.equal(read([BODY.subarray(0, 100)]).isDone, false);
});

Deno.test("boundaryOf() reads the boundary of a multipart form only", () => {
  assert.equal(boundaryOf("multipart/form-data; boundary=abc"), "abc");
  assert.equal(boundaryOf('multipart/form-data; charset=utf-8; boundary="a b"'), "a b");
  assert.equal(boundaryOf("application/json"), null);
});
