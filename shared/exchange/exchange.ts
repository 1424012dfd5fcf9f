/**
 * The exchange: the one contract between whatever accepts requests and whatever answers them.
 *
 * A listener, the edge's end of a session, the core's pipeline and the origin client all speak it, so that a new
 * protocol is a new listener or a new origin client and nothing else. An exchange is two messages that flow at the
 * same time. Each message ends in exactly one typed way: `end` (complete) or `abort` (cut short); what comes
 * without `end` is never complete.
 *
 *     downstream  ── RequestReceiver: body* (end | abort) ─────────────────────────────▶  upstream
 *                 ◀─ AnswerReceiver: informational* head body* (end | abort) ──────────
 *
 * Rules for both directions:
 * - Calls are synchronous and never throw; nothing may be called before the handler has returned.
 * - `body(bytes)` lends the bytes for the length of the call: a receiver that keeps them copies them.
 * - Flow control: a sender has at most `EXCHANGE_WINDOW_BYTES` sent and not yet consumed. The receiver reports
 *   bytes that left its memory with `requestConsumed` / `answerConsumed`; a receiver that does so at once makes the
 *   sender unbounded, one that never does stops it. So a receiver buffers one window at the most.
 * - After `end` or `abort` the sender of that message sends no more. `abort` from either side ends both messages:
 *   afterwards the other side's calls are ignored, and neither side answers an abort with an abort.
 * - An answer may `end` before its request does; the receiver then still drains or aborts the request.
 */
import type { RelayError } from "../errors/relay_error.ts";
import type { Fields } from "./fields.ts";

/** Bytes of a message body that may be sent and not yet consumed; bounds memory per exchange and direction. */
export const EXCHANGE_WINDOW_BYTES = 256 * 1024;

/** Who asked: travels with the head from edge to core. */
export interface ExchangeContext {
  /** Request id, unique over edges: in every answer (`x-request-id`), log line and error. */
  readonly id: string;
  /** `client`: relayed for a client; `probe`: asked by the edge itself to see that the way to the core works. */
  readonly kind: "client" | "probe";
  /** IP address of the client as the listener saw it, without port. */
  readonly clientAddress: string;
  /** Protocol between client and listener. */
  readonly protocol: "http/1.0" | "http/1.1" | "h2" | "h3" | "internal";
}

/** The head of a request, already validated and free of connection-specific fields and of `host`. */
export interface RequestHead {
  readonly context: ExchangeContext;
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Host and optional port, lower case, validated; the only source of the target's name. */
  readonly authority: string;
  /** Path with query, beginning with `/`, or `*` (OPTIONS). */
  readonly path: string;
  /** Without `host`, `content-length`, `transfer-encoding`, `connection` and what it names, `te` (but `te: trailers`). */
  readonly fields: Fields;
  /** Announced body length in bytes; 0: no body follows; null: a body of unknown length follows. */
  readonly contentLength: number | null;
}

/** The head of a final (200–599) or informational (100–199, not 101) answer; `fields` as in {@linkcode RequestHead}. */
export interface AnswerHead {
  readonly status: number;
  readonly fields: Fields;
  /** Announced body length in bytes (for HEAD and 304: of the body that is not sent); null: unknown. */
  readonly contentLength: number | null;
}

/** Where a request's body goes: implemented by the side nearer to the origin. */
export interface RequestReceiver {
  body(bytes: Uint8Array): void;
  end(trailers: Fields | null): void;
  /** The client left or broke the protocol, or a step between gave up: stop all work for this exchange now. */
  abort(error: RelayError): void;
  /** `bytes` of the answer's body have left the caller's memory. */
  answerConsumed(bytes: number): void;
}

/** Where an answer goes: implemented by the side nearer to the client. */
export interface AnswerReceiver {
  informational(head: AnswerHead): void;
  head(head: AnswerHead): void;
  body(bytes: Uint8Array): void;
  end(trailers: Fields | null): void;
  /** No (or no complete) answer will come; before `head` the receiver may still make an error answer of it. */
  abort(error: RelayError): void;
  /** `bytes` of the request's body have left the caller's memory. */
  requestConsumed(bytes: number): void;
}

/** Starts one exchange; every layer of the relay is one of these, wrapped around the next. */
export type ExchangeHandler = (request: RequestHead, answer: AnswerReceiver) => RequestReceiver;
