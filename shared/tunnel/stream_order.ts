/** Which frame may follow which in one direction of a stream; `SPEC.md` has the same table. */
import {
  STREAM_DATA,
  STREAM_END,
  STREAM_HEAD,
  STREAM_INFORMATIONAL,
  type StreamFrameType,
} from "./frame_type.ts";

/** `request`: edge to core; `answer`: core to edge. */
export type StreamDirection = "request" | "answer";

/** `start`: no head yet; `body`: after it; `ended`: after STREAM_END. */
export type StreamDirectionState = "start" | "body" | "ended";

/** The state after a frame, or null when the frame is not allowed. */
export function nextDirectionState(
  state: StreamDirectionState,
  frame: { type: StreamFrameType; direction: StreamDirection },
): StreamDirectionState | null {
  const { type, direction } = frame;
  if (state === "body") {
    if (type === STREAM_DATA) return "body";
    return type === STREAM_END ? "ended" : null;
  }
  if (state === "ended") return null;
  if (type === STREAM_HEAD) return "body";
  return type === STREAM_INFORMATIONAL && direction === "answer" ? "start" : null;
}
