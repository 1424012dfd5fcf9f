import type { RelayError } from "../../../shared/errors/relay_error.ts";
import type {
  AnswerHead,
  AnswerReceiver,
  ExchangeHandler,
  RequestHead,
  RequestReceiver,
} from "../../../shared/exchange/exchange.ts";
import type { Fields } from "../../../shared/exchange/fields.ts";
import type { RequestLog, RequestRecord } from "./request_log.ts";

/** The field by which a test names its request; `x-request-id` serves where it is absent. */
export const TEST_ID_FIELD = "x-lowu-test-id";
const MAX_ID_LENGTH = 200;

/** Writes the record of one exchange. */
class Recording {
  readonly #record: RequestRecord;
  readonly #log: RequestLog;
  readonly #epochMs: () => number;
  /** False: nobody can ask for this record. */
  readonly #isNamed: boolean;

  constructor(request: RequestHead, log: RequestLog, epochMs: () => number) {
    const id = request.fields.get(TEST_ID_FIELD) ?? request.fields.get("x-request-id") ?? "";
    this.#record = {
      id: id.slice(0, MAX_ID_LENGTH),
      method: request.method,
      path: request.path,
      startedAt: epochMs(),
      state: "open",
      status: null,
      headAt: null,
      endedAt: null,
      abortCode: null,
      requestBytes: 0,
      answerBytes: 0,
      pieces: 0,
    };
    this.#log = log;
    this.#epochMs = epochMs;
    this.#isNamed = id !== "";
    log.started++;
    if (this.#isNamed) log.add(this.#record);
  }

  received(bytes: number): void {
    this.#record.requestBytes += bytes;
  }

  head(status: number): void {
    this.#record.status = status;
    this.#record.headAt = this.#epochMs();
    this.#changed();
  }

  sent(bytes: number): void {
    this.#record.answerBytes += bytes;
    this.#record.pieces++;
    this.#changed();
  }

  close(state: "ended" | "aborted", abortCode: string | null): void {
    if (this.#record.state !== "open") return;
    this.#record.state = state;
    this.#record.endedAt = this.#epochMs();
    this.#record.abortCode = abortCode;
    this.#log[state]++;
    this.#changed();
  }

  #changed(): void {
    if (this.#isNamed) this.#log.changed(this.#record);
  }
}

class RecordedAnswer implements AnswerReceiver {
  readonly #inner: AnswerReceiver;
  readonly #recording: Recording;

  constructor(inner: AnswerReceiver, recording: Recording) {
    this.#inner = inner;
    this.#recording = recording;
  }

  informational(head: AnswerHead): void {
    this.#inner.informational(head);
  }

  head(head: AnswerHead): void {
    this.#recording.head(head.status);
    this.#inner.head(head);
  }

  body(bytes: Uint8Array): void {
    this.#recording.sent(bytes.length);
    this.#inner.body(bytes);
  }

  end(trailers: Fields | null): void {
    this.#recording.close("ended", null);
    this.#inner.end(trailers);
  }

  abort(error: RelayError): void {
    this.#recording.close("aborted", error.code);
    this.#inner.abort(error);
  }

  requestConsumed(bytes: number): void {
    this.#inner.requestConsumed(bytes);
  }
}

class RecordedRequest implements RequestReceiver {
  readonly #inner: RequestReceiver;
  readonly #recording: Recording;

  constructor(inner: RequestReceiver, recording: Recording) {
    this.#inner = inner;
    this.#recording = recording;
  }

  body(bytes: Uint8Array): void {
    this.#recording.received(bytes.length);
    this.#inner.body(bytes);
  }

  end(trailers: Fields | null): void {
    this.#inner.end(trailers);
  }

  /** Inner first: who waits for the record then finds the engine's place free. */
  abort(error: RelayError): void {
    this.#inner.abort(error);
    this.#recording.close("aborted", error.code);
  }

  answerConsumed(bytes: number): void {
    this.#inner.answerConsumed(bytes);
  }
}

/** Keeps a record of every exchange but those about the origin itself (`/debug/…`, `/metrics`, `/health`). */
export function recordRequests(
  inner: ExchangeHandler,
  options: { log: RequestLog; epochMs(): number },
): ExchangeHandler {
  return (request, answer) => {
    if (/^\/(debug\/|metrics|health)/.test(request.path)) return inner(request, answer);
    const recording = new Recording(request, options.log, options.epochMs);
    return new RecordedRequest(inner(request, new RecordedAnswer(answer, recording)), recording);
  };
}
