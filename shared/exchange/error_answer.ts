import { ERROR_TABLE } from "../errors/error_table.ts";
import type { RelayError } from "../errors/relay_error.ts";
import type { AnswerHead } from "./exchange.ts";
import { Fields } from "./fields.ts";
import { forbidAnswerCaching } from "./zero_cache.ts";

const encoder = new TextEncoder();

/** The JSON that OpenAI's SDKs read: `{"error": {"message", "type", "param", "code"}}`, with the request's id beside it. */
export function errorBody(error: RelayError, requestId: string): string {
  const row = ERROR_TABLE[error.code];
  return JSON.stringify({
    error: { message: error.message || row.message, type: row.type, param: null, code: error.code },
    request_id: requestId,
  });
}

/** A whole answer that tells `error`: for use while no head has been sent. */
export function errorAnswer(error: RelayError, requestId: string): { head: AnswerHead; body: Uint8Array } {
  const body = encoder.encode(errorBody(error, requestId) + "\n");
  const fields = new Fields(["content-type", "application/json", "x-request-id", requestId]);
  if (error.retryAfterSeconds !== null) {
    fields.append("retry-after", String(Math.ceil(error.retryAfterSeconds)));
  }
  if (ERROR_TABLE[error.code].httpStatus === 401) fields.append("www-authenticate", "Bearer");
  forbidAnswerCaching(fields);
  return { head: { status: ERROR_TABLE[error.code].httpStatus, fields, contentLength: body.length }, body };
}

/** The event that a client of an event stream reads when its answer is cut after the head. */
export function errorEvent(error: RelayError, requestId: string): Uint8Array {
  return encoder.encode(`event: error\ndata: ${errorBody(error, requestId)}\n\n`);
}
