import { FLAG, FRAME_HEAD_BYTES, FRAME_TYPE, MAX_FRAME_BYTES, writeFrameHead } from "./frame.ts";
import { frameSizeError, protocolError } from "./http2_error.ts";
import type { Http2Output } from "./http2_output.ts";
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

/** Writes HEADERS and as many CONTINUATION frames as the block needs, with nothing between (RFC 9113 §4.3). */
export function writeHeadersFrames(
  output: Http2Output,
  section: { streamId: number; block: Uint8Array; isEnd: boolean },
): void {
  const { streamId, block, isEnd } = section;
  let type: number = FRAME_TYPE.HEADERS;
  let at = 0;
  do {
    const fragment = block.subarray(at, at + MAX_FRAME_BYTES);
    at += fragment.length;
    const flags = (at === block.length ? FLAG.END_HEADERS : 0) |
      (isEnd && type === FRAME_TYPE.HEADERS ? FLAG.END_STREAM : 0);
    const view = output.reserve(FRAME_HEAD_BYTES + fragment.length);
    writeFrameHead(view, { length: fragment.length, type, flags, streamId });
    view.set(fragment, FRAME_HEAD_BYTES);
    type = FRAME_TYPE.CONTINUATION;
  } while (at < block.length);
}
