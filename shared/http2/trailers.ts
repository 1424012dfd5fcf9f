import type { Fields } from "../exchange/fields.ts";
import { isForbiddenTrailer } from "../http/field_rules.ts";
import { readFieldSection } from "./field_section.ts";
import { malformed } from "./http2_error.ts";

/**
 * A trailer section (RFC 9113 §8.1): no pseudo-headers, nothing that frames, routes or authenticates.
 * @param flat name, value … as decoded
 * @returns null if it is empty
 * @throws {Http2Error} of the stream: the message is malformed
 */
export function readTrailers(flat: readonly string[], streamId: number): Fields | null {
  const { fields, contentLength, host, expect } = readFieldSection(flat, { start: 0, streamId });
  if (contentLength !== null || host !== null || expect !== null) {
    throw malformed("framing in trailers", streamId);
  }
  for (let i = 0; i < fields.size; i++) {
    if (isForbiddenTrailer(fields.nameAt(i))) throw malformed("field that may not be a trailer", streamId);
  }
  return fields.size === 0 ? null : fields;
}
