import type { RelayError } from "../../shared/errors/relay_error.ts";
import type {
  AnswerHead,
  AnswerReceiver,
  RequestHead,
  RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import { Fields } from "../../shared/exchange/fields.ts";

/** The outer end of an exchange under test: keeps everything that it is told. */
export class RecordedAnswer implements AnswerReceiver {
  readonly calls: string[] = [];
  heads: AnswerHead[] = [];
  bytes: number[] = [];
  errors: RelayError[] = [];
  trailers: Fields | null = null;
  consumedBytes = 0;

  get text(): string {
    return new TextDecoder().decode(Uint8Array.from(this.bytes));
  }

  informational(head: AnswerHead): void {
    this.calls.push(`informational ${head.status}`);
  }

  head(head: AnswerHead): void {
    this.calls.push(`head ${head.status}`);
    this.heads.push(head);
  }

  body(bytes: Uint8Array): void {
    this.calls.push("body");
    for (const byte of bytes) this.bytes.push(byte);
  }

  end(trailers: Fields | null): void {
    this.calls.push("end");
    this.trailers = trailers;
  }

  abort(error: RelayError): void {
    this.calls.push(`abort ${error.code}`);
    this.errors.push(error);
  }

  requestConsumed(bytes: number): void {
    this.consumedBytes += bytes;
  }
}

/** The inner end: what the step under test passes on, and the answer side to speak back with. */
export class RecordedRequest implements RequestReceiver {
  readonly calls: string[] = [];
  readonly request: RequestHead;
  readonly answer: AnswerReceiver;
  bytes: number[] = [];
  consumedBytes = 0;

  constructor(request: RequestHead, answer: AnswerReceiver) {
    this.request = request;
    this.answer = answer;
  }

  get text(): string {
    return new TextDecoder().decode(Uint8Array.from(this.bytes));
  }

  body(bytes: Uint8Array): void {
    for (const byte of bytes) this.bytes.push(byte);
  }

  end(): void {
    this.calls.push("end");
  }

  abort(error: RelayError): void {
    this.calls.push(`abort ${error.code}`);
  }

  answerConsumed(bytes: number): void {
    this.consumedBytes += bytes;
  }
}

/** Collects the exchanges that reach the end of the steps under test. */
export class RecordedUpstream {
  readonly requests: RecordedRequest[] = [];

  readonly handler = (request: RequestHead, answer: AnswerReceiver): RequestReceiver => {
    const recorded = new RecordedRequest(request, answer);
    this.requests.push(recorded);
    return recorded;
  };

  get last(): RecordedRequest {
    const last = this.requests.at(-1);
    if (last === undefined) throw new Error("no exchange came through");
    return last;
  }
}

export function requestHead(overrides: Partial<RequestHead> = {}): RequestHead {
  return {
    context: { id: "req_test", kind: "client", clientAddress: "192.0.2.7", protocol: "h2" },
    method: "POST",
    scheme: "https",
    authority: "api.example.com",
    path: "/v1/chat/completions",
    fields: new Fields(["content-type", "application/json"]),
    contentLength: null,
    ...overrides,
  };
}

export function answerHead(overrides: Partial<AnswerHead> = {}): AnswerHead {
  return {
    status: 200,
    fields: new Fields(["content-type", "text/event-stream"]),
    contentLength: null,
    ...overrides,
  };
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
