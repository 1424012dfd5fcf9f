import { createHash } from "node:crypto";

/** Random bytes in `Sec-WebSocket-Key` (RFC 6455 §4.1). */
export const OPENING_NONCE_BYTES = 16;
const ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** Sixteen bytes in base64: the last character before the padding holds four bits. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

export function isOpeningKey(text: string): boolean {
  return KEY.test(text);
}

/** What `Sec-WebSocket-Accept` must say to a key: that the answer is one to this very request (RFC 6455 §4.2.2). */
export function acceptValue(key: string): string {
  return createHash("sha1").update(key + ACCEPT_GUID).digest("base64");
}
