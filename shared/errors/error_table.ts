/**
 * The total table from error code to what each protocol tells about it, before and after the answer's head.
 * `tunnelCode` is the wire value of RESET frames: once given, a number is never given to another code.
 */

/** OpenAI's error types: SDKs choose the exception class by status and show the type. */
export type OpenAiErrorType =
  | "invalid_request_error"
  | "authentication_error"
  | "permission_error"
  | "rate_limit_error"
  | "server_error";

export interface ErrorRow {
  readonly httpStatus: number;
  /** gRPC status code (google.rpc.Code). */
  readonly grpcStatus: number;
  /** WebSocket close code (RFC 6455 §7.4). */
  readonly webSocketClose: number;
  /** HTTP/2 error code of the RST_STREAM that breaks a transfer after its head (RFC 9113 §7). */
  readonly http2Reset: number;
  readonly tunnelCode: number;
  readonly type: OpenAiErrorType;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** What a client reads; the relay's own words, no internals. */
  readonly message: string;
}

const INTERNAL_ERROR = 0x2;
const CANCEL = 0x8;
const ENHANCE_YOUR_CALM = 0xb;

function row(
  tunnelCode: number,
  httpStatus: number,
  grpcStatus: number,
  webSocketClose: number,
  type: OpenAiErrorType,
  logLevel: ErrorRow["logLevel"],
  message: string,
  http2Reset = INTERNAL_ERROR,
): ErrorRow {
  return { tunnelCode, httpStatus, grpcStatus, webSocketClose, type, logLevel, message, http2Reset };
}

export const ERROR_TABLE = {
  // What the client did.
  client_left: row(
    1,
    499,
    1,
    1001,
    "invalid_request_error",
    "info",
    "The client left before the answer was complete.",
    CANCEL,
  ),
  client_stalled: row(
    2,
    408,
    4,
    1008,
    "invalid_request_error",
    "info",
    "The client stopped reading the answer.",
    CANCEL,
  ),
  invalid_request: row(3, 400, 3, 1002, "invalid_request_error", "info", "The request is malformed."),
  request_timeout: row(
    4,
    408,
    4,
    1008,
    "invalid_request_error",
    "info",
    "The request did not arrive in time.",
  ),
  request_too_large: row(
    5,
    413,
    8,
    1009,
    "invalid_request_error",
    "info",
    "The request is larger than the limit.",
  ),
  head_too_large: row(
    6,
    431,
    8,
    1009,
    "invalid_request_error",
    "info",
    "The request's header fields are larger than the limit.",
  ),
  missing_api_key: row(
    7,
    401,
    16,
    1008,
    "authentication_error",
    "info",
    "No API key was given. Send it as 'Authorization: Bearer <key>'.",
  ),
  invalid_api_key: row(8, 401, 16, 1008, "authentication_error", "info", "The API key is not valid."),
  rate_limit_exceeded: row(
    9,
    429,
    8,
    1013,
    "rate_limit_error",
    "info",
    "Too many requests. Wait as long as Retry-After says.",
    ENHANCE_YOUR_CALM,
  ),
  model_not_found: row(10, 404, 5, 1008, "invalid_request_error", "info", "No origin serves this model."),
  not_found: row(11, 404, 5, 1008, "invalid_request_error", "info", "No route leads to this path."),
  // The way to the core.
  tunnel_unavailable: row(
    20,
    503,
    14,
    1013,
    "server_error",
    "warn",
    "The tunnel to the core is down. Try again shortly.",
  ),
  tunnel_lost: row(
    21,
    502,
    14,
    1014,
    "server_error",
    "warn",
    "The tunnel to the core was lost during the exchange.",
  ),
  tunnel_overloaded: row(
    22,
    503,
    8,
    1013,
    "server_error",
    "warn",
    "Too many exchanges wait for the tunnel. Try again shortly.",
  ),
  // The origin.
  origin_unreachable: row(
    30,
    502,
    14,
    1014,
    "server_error",
    "warn",
    "No endpoint of the origin could be reached.",
  ),
  origin_timeout: row(31, 504, 4, 1014, "server_error", "warn", "The origin did not answer in time."),
  origin_cut: row(
    32,
    502,
    14,
    1014,
    "server_error",
    "warn",
    "The origin ended its answer before it was complete.",
  ),
  origin_protocol: row(33, 502, 13, 1014, "server_error", "warn", "The origin's answer is malformed."),
  // Ourselves.
  max_age_reached: row(40, 504, 4, 1001, "server_error", "info", "The exchange reached its maximum age."),
  draining: row(
    41,
    503,
    14,
    1001,
    "server_error",
    "info",
    "This node is going down. Try again: another one will answer.",
  ),
  overloaded: row(42, 503, 8, 1013, "server_error", "warn", "This node is at its limit. Try again shortly."),
  internal_error: row(43, 500, 13, 1011, "server_error", "error", "The relay failed to handle the request."),
} as const satisfies Record<string, ErrorRow>;

/** Every way an exchange can fail: stable, part of the API. */
export type ErrorCode = keyof typeof ERROR_TABLE;

const CODE_BY_TUNNEL_CODE = new Map<number, ErrorCode>(
  (Object.keys(ERROR_TABLE) as ErrorCode[]).map((code) => [ERROR_TABLE[code].tunnelCode, code]),
);

/** The code behind a RESET frame's number; a number from a newer peer reads as `internal_error`. */
export function errorCodeOf(tunnelCode: number): ErrorCode {
  return CODE_BY_TUNNEL_CODE.get(tunnelCode) ?? "internal_error";
}
