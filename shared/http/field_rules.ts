/**
 * Which fields belong to the connection, which survive being named in `connection`, which may not be trailers.
 *
 * RFC 9110 §7.6.1 tells an intermediary to drop whatever `connection` names. Taken literally, a client drops with it
 * the fields that those behind us decide by (`connection: authorization, x-forwarded-for`); so fields that carry
 * identity, routing or the meaning of the body stay.
 */

/** Fields of one connection only: never forwarded (RFC 9110 §7.6.1; RFC 9113 §8.2.2; `http2-settings`: RFC 7540 §3.2.1). */
const CONNECTION_FIELDS = new Set([
  ...["connection", "http2-settings", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"],
]);

const PROTECTED_FIELDS = new Set([
  ...[
    "api-key",
    "authorization",
    "cache-control",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "idempotency-key",
  ],
  ...[
    "origin",
    "proxy-authorization",
    "retry-after",
    "set-cookie",
    "traceparent",
    "tracestate",
    "trailer",
    "true-client-ip",
  ],
  ...["via", "www-authenticate", "x-api-key", "x-real-ip", "x-request-id"],
]);
const PROTECTED_PREFIXES = [
  ...[
    "accept",
    "access-control-",
    "anthropic-",
    "content-",
    "grpc-",
    "openai-",
    "sec-",
    "x-forwarded-",
    "x-lowu-",
  ],
];

/** Framing, routing, authentication, request modifiers and what describes the body (RFC 9110 §6.5.1). */
const FORBIDDEN_TRAILERS = new Set([
  ...[
    "age",
    "api-key",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-range",
  ],
  ...["content-type", "cookie", "date", "expect", "expires", "forwarded", "host", "location", "max-forwards"],
  ...["pragma", "proxy-authenticate", "proxy-authorization", "range", "retry-after", "set-cookie", "trailer"],
  ...["vary", "via", "warning", "www-authenticate", "x-api-key", "x-real-ip", "x-request-id"],
]);
const FORBIDDEN_TRAILER_PREFIXES = ["access-control-", "if-", "x-forwarded-", "x-lowu-"];

export function isConnectionField(name: string): boolean {
  return CONNECTION_FIELDS.has(name);
}

/** True for a field that stays although `connection` names it. */
export function isProtectedField(name: string): boolean {
  return PROTECTED_FIELDS.has(name) || PROTECTED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

export function isForbiddenTrailer(name: string): boolean {
  return FORBIDDEN_TRAILERS.has(name) || CONNECTION_FIELDS.has(name) ||
    FORBIDDEN_TRAILER_PREFIXES.some((prefix) => name.startsWith(prefix));
}
