import { FLAG } from "./frame.ts";
import { frameSizeError, protocolError } from "./http2_error.ts";
import { withoutPadding } from "./padding.ts";
import { checkDependency, PRIORITY_BYTES } from "./priority_frame.ts";

/** The fragment of the field block in a HEADERS frame (RFC 9113 §6.2). */
export function parseHeadersFrame(
  payload: Uint8Array,
  frame: { flags: number; streamId: number },
): Uint8Array {
  if (frame.streamId === 0) throw protocolError("HEADERS on stream 0");
  const content = withoutPadding(payload, frame.flags);
  if ((frame.flags & FLAG.PRIORITY) === 0) return content;
  if (content.length < PRIORITY_BYTES) throw frameSizeError("HEADERS without room for its priority");
  checkDependency(content, frame.streamId);
  return content.subarray(PRIORITY_BYTES);
}
