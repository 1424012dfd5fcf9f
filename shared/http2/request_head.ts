/** A request's head (RFC 9113 §8.3.1): checked against everything that smuggles, made canonical. */
import type { Fields } from "../exchange/fields.ts";
import { canonicalAuthority } from "../http/authority.ts";
import { isTarget, isToken } from "../http/byte_classes.ts";
import { type FieldSection, isPseudoName, readFieldSection } from "./field_section.ts";
import { malformed } from "./http2_error.ts";

const MAX_METHOD_LENGTH = 32;

/** As in `RequestHead` of the exchange contract. */
export interface Http2RequestHead {
  readonly method: string;
  /** As the client wrote it; whether the connection is encrypted is for the listener to say. */
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly path: string;
  readonly fields: Fields;
  readonly contentLength: number | null;
  /** The client waits for a 100 answer before it sends the body. */
  readonly expectsContinue: boolean;
}

interface PseudoHeaders {
  ":method": string | null;
  ":scheme": string | null;
  ":authority": string | null;
  ":path": string | null;
}

/**
 * @param flat name, value … as decoded
 * @param options `isEnd`: no body and no trailers follow
 * @throws {Http2Error} of the stream: the request is malformed
 */
export function readRequestHead(
  flat: readonly string[],
  options: { streamId: number; isEnd: boolean },
): Http2RequestHead {
  const { streamId, isEnd } = options;
  const pseudo: PseudoHeaders = { ":method": null, ":scheme": null, ":authority": null, ":path": null };
  let start = 0;
  for (; start < flat.length && isPseudoName(flat[start] ?? ""); start += 2) {
    const name = flat[start] ?? "";
    if (!isRequestPseudo(name)) throw malformed("unknown pseudo-header", streamId);
    if (pseudo[name] !== null) throw malformed("pseudo-header twice", streamId);
    pseudo[name] = flat[start + 1] ?? "";
  }
  const section = readFieldSection(flat, { start, streamId });
  const { fields, contentLength } = section;
  if (isEnd && contentLength !== null && contentLength > 0) throw malformed("no body but a length", streamId);
  const method = pseudo[":method"] ?? "";
  if (!isToken(method) || method.length > MAX_METHOD_LENGTH) throw malformed("malformed method", streamId);
  if (method === "CONNECT") throw malformed("CONNECT is not served", streamId);
  const scheme = pseudo[":scheme"];
  if (scheme !== "http" && scheme !== "https") throw malformed("malformed scheme", streamId);
  return {
    method,
    scheme,
    authority: readAuthority(pseudo[":authority"], { host: section.host, streamId }),
    path: readPath(pseudo[":path"] ?? "", { method, streamId }),
    fields,
    contentLength: isEnd ? 0 : contentLength,
    expectsContinue: readExpect(section, streamId) && !isEnd,
  };
}

function isRequestPseudo(name: string): name is keyof PseudoHeaders {
  return name === ":method" || name === ":scheme" || name === ":authority" || name === ":path";
}

/** `:authority` or, without it, `host`; with both they are the same. */
function readAuthority(
  authority: string | null,
  options: { host: string | null; streamId: number },
): string {
  const canonical = canonicalAuthority(authority ?? options.host ?? "");
  if (canonical === null) throw malformed("malformed authority", options.streamId);
  if (options.host !== null && canonicalAuthority(options.host) !== canonical) {
    throw malformed("authority and host differ", options.streamId);
  }
  return canonical;
}

function readPath(path: string, options: { method: string; streamId: number }): string {
  const isAsterisk = path === "*" && options.method === "OPTIONS";
  if (!isAsterisk && !(path.startsWith("/") && isTarget(path))) {
    throw malformed("malformed path", options.streamId);
  }
  return path;
}

/** RFC 9110 §10.1.1: `100-continue` is the only expectation there is. */
function readExpect(section: FieldSection, streamId: number): boolean {
  if (section.expect === null) return false;
  if (section.expect.toLowerCase() !== "100-continue") throw malformed("unknown expectation", streamId);
  return true;
}
