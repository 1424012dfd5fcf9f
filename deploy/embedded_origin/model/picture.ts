/** A small picture as PNG (RFC 2083): eight by eight pixels whose colours follow from a hash. */
import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";
import { mix } from "./hash.ts";

const SIDE_PIXELS = 8;
const BITS_PER_CHANNEL = 8;
const COLOUR_TYPE_RGB = 2;
const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

function chunk(type: string, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(content, 8);
  view.setUint32(8 + content.length, crc32(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

export function picture(hash: number): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, SIDE_PIXELS);
  view.setUint32(4, SIDE_PIXELS);
  header.set([BITS_PER_CHANNEL, COLOUR_TYPE_RGB], 8);
  const rowBytes = 1 + SIDE_PIXELS * 3;
  const rows = new Uint8Array(rowBytes * SIDE_PIXELS);
  for (let i = 0; i < rows.length; i++) if (i % rowBytes !== 0) rows[i] = mix(hash, i);
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", new Uint8Array(0)),
  ]);
}
