import type { RelayError } from "../../../shared/errors/relay_error.ts";
import {
  type AnswerReceiver,
  EXCHANGE_WINDOW_BYTES,
  type RequestHead,
  type RequestReceiver,
} from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";

/** Where the body of a request goes inside the origin; `bytes` are lent for the length of the call. */
export interface BodySink {
  body(bytes: Uint8Array): void;
  end(): void;
}

const NO_BODY: BodySink = { body() {}, end() {} };

/** Drops the body and answers when the request is complete. */
export function atEnd(answer: () => void): BodySink {
  return { body() {}, end: answer };
}

/** What makes an answer piece by piece. */
export interface AnswerSource {
  /** Nobody wants the answer any more; hears nothing afterwards. */
  left(): void;
  /** The window is nearly full: give nothing until `resume`. */
  pause(): void;
  resume(): void;
}

/** OpenAI's error object; `code` and `param` are null where there is none. */
export interface ApiError {
  readonly status: number;
  readonly message: string;
  readonly type: "invalid_request_error" | "server_error" | "rate_limit_error";
  readonly param: string | null;
  readonly code: string | null;
}

const PAUSE_AT_BYTES = EXCHANGE_WINDOW_BYTES * 0.8;
const RESUME_AT_BYTES = EXCHANGE_WINDOW_BYTES * 0.2;
const encoder = new TextEncoder();

/** One exchange as the origin's endpoints see it: takes the body, gives one answer, and keeps to the window. */
export class OriginExchange implements RequestReceiver {
  readonly request: RequestHead;
  /** The path without query. */
  readonly pathname: string;
  readonly query: URLSearchParams;
  readonly #answer: AnswerReceiver;
  #sink: BodySink = NO_BODY;
  #source: AnswerSource | null = null;
  /** What is left of an answer that was given as a whole. */
  #rest: Uint8Array | null = null;
  /** Sent and not yet consumed. */
  #unconsumedBytes = 0;
  #isPaused = false;
  #isEnded = false;

  constructor(request: RequestHead, answer: AnswerReceiver) {
    this.request = request;
    this.#answer = answer;
    const queryAt = request.path.indexOf("?");
    this.pathname = queryAt < 0 ? request.path : request.path.slice(0, queryAt);
    this.query = new URLSearchParams(queryAt < 0 ? "" : request.path.slice(queryAt));
  }

  /** True once the answer is complete or unwanted: whatever is sent then is dropped. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Says where the body goes; once, before any of it comes. */
  receiveInto(sink: BodySink): void {
    this.#sink = sink;
  }

  /** Says who makes the answer, so that it can be stopped. */
  answerFrom(source: AnswerSource): void {
    this.#source = source;
  }

  body(bytes: Uint8Array): void {
    if (!this.#isEnded) this.#sink.body(bytes);
    this.#answer.requestConsumed(bytes.length);
  }

  end(): void {
    if (!this.#isEnded) this.#sink.end();
  }

  abort(_error: RelayError): void {
    if (this.#isEnded) return;
    const source = this.#source;
    this.#finish();
    source?.left();
  }

  answerConsumed(bytes: number): void {
    this.#unconsumedBytes -= bytes;
    if (this.#isEnded) return;
    if (this.#rest !== null) this.#sendRest();
    else if (this.#isPaused && this.#unconsumedBytes <= RESUME_AT_BYTES) {
      this.#isPaused = false;
      this.#source?.resume();
    }
  }

  sendHead(status: number, fields: Fields, contentLength: number | null): void {
    if (!this.#isEnded) this.#answer.head({ status, fields, contentLength });
  }

  /** Sends a piece of the body (at most a fifth of the window), lent for the length of the call. */
  sendBody(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    this.#unconsumedBytes += bytes.length;
    this.#answer.body(bytes);
    if (!this.#isPaused && this.#unconsumedBytes >= PAUSE_AT_BYTES) {
      this.#isPaused = true;
      this.#source?.pause();
    }
  }

  sendEnd(): void {
    if (this.#isEnded) return;
    this.#finish();
    this.#answer.end(null);
  }

  /** Sends a complete answer; its body, which must not change any more, leaves as the window allows. */
  sendWhole(status: number, fields: Fields, body: Uint8Array): void {
    if (this.#isEnded) return;
    this.#answer.head({ status, fields, contentLength: body.length });
    this.#rest = this.request.method === "HEAD" ? body.subarray(body.length) : body;
    this.#sendRest();
  }

  sendJson(value: unknown, fields: Fields = new Fields()): void {
    fields.append("content-type", "application/json");
    this.sendWhole(200, fields, encoder.encode(JSON.stringify(value)));
  }

  sendText(contentType: string, text: string): void {
    this.sendWhole(200, new Fields(["content-type", contentType]), encoder.encode(text));
  }

  sendError(error: ApiError, fields: Fields = new Fields()): void {
    const { status, message, type, param, code } = error;
    fields.append("content-type", "application/json");
    this.sendWhole(status, fields, encoder.encode(JSON.stringify({ error: { message, type, param, code } })));
  }

  /** A 400 that names the parameter at fault. */
  sendInvalid(message: string, param: string | null = null, code: string | null = null): void {
    this.sendError({ status: 400, message, type: "invalid_request_error", param, code });
  }

  #sendRest(): void {
    while (this.#rest !== null && !this.#isEnded) {
      const rest = this.#rest;
      const room = EXCHANGE_WINDOW_BYTES - this.#unconsumedBytes;
      if (rest.length > 0 && room <= 0) return;
      const piece = rest.subarray(0, room);
      this.#rest = piece.length === rest.length ? null : rest.subarray(piece.length);
      this.#unconsumedBytes += piece.length;
      if (piece.length > 0) this.#answer.body(piece);
      if (this.#rest === null) this.sendEnd();
    }
  }

  #finish(): void {
    this.#isEnded = true;
    this.#source = null;
    this.#rest = null;
    this.#sink = NO_BODY;
  }
}
