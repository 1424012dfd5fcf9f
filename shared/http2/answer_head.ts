/** An answer's head, final or informational (RFC 9113 §8.3.2). */
import type { AnswerHead } from "../exchange/exchange.ts";
import { readFieldSection } from "./field_section.ts";
import { malformed } from "./http2_error.ts";

const STATUS = /^[1-5][0-9][0-9]$/;

/**
 * @param flat name, value … as decoded
 * @throws {Http2Error} of the stream: the answer is malformed
 */
export function readAnswerHead(
  flat: readonly string[],
  options: { streamId: number; isEnd: boolean },
): AnswerHead {
  const { streamId, isEnd } = options;
  if (flat[0] !== ":status" || !STATUS.test(flat[1] ?? "")) throw malformed("no valid status", streamId);
  const status = Number(flat[1]);
  // RFC 9113 §8.6: there is no 101; an informational answer ends nothing (§8.1).
  if (status === 101 || (status < 200 && isEnd)) {
    throw malformed("informational answer out of place", streamId);
  }
  const { fields, contentLength } = readFieldSection(flat, { start: 2, streamId });
  return { status, fields, contentLength };
}
