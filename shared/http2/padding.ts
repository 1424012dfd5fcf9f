import { FLAG } from "./frame.ts";
import { frameSizeError, protocolError } from "./http2_error.ts";

/**
 * The payload without padding (RFC 9113 §6.1), for frames that are parsed whole.
 * @throws {Http2Error} FRAME_SIZE_ERROR if there is no length byte, PROTOCOL_ERROR if the padding is all or more
 */
export function withoutPadding(payload: Uint8Array, flags: number): Uint8Array {
  if ((flags & FLAG.PADDED) === 0) return payload;
  const padLength = payload[0];
  if (padLength === undefined) throw frameSizeError("padded frame without pad length");
  if (padLength >= payload.length) throw protocolError("padding longer than the frame");
  return payload.subarray(1, payload.length - padLength);
}
