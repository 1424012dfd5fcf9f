import { boundaryOf, MultipartReader, type PartHead, type PartSink } from "./multipart_reader.ts";
import type { BodySink, OriginExchange } from "./origin_exchange.ts";

const MAX_FIELD_BYTES = 64 * 1024;
const MAX_FIELDS = 64;

/** What an endpoint makes of an uploaded form with one file. */
export interface FormSink {
  /** Bytes of the part `file`, lent for the length of the call. */
  fileBytes(bytes: Uint8Array): void;
  /** The form is complete; `filename` is null if it had no part `file`. */
  complete(fields: ReadonlyMap<string, string>, filename: string | null): void;
}

/** Reads a multipart form: the part `file` as it arrives, the other fields (bounded) as text. */
export class FormBody implements BodySink, PartSink {
  readonly #exchange: OriginExchange;
  readonly #sink: FormSink;
  readonly #reader: MultipartReader | null;
  readonly #fields = new Map<string, string>();
  #filename: string | null = null;
  #part: PartHead = { name: "", filename: null };
  #value = "";
  #decoder = new TextDecoder();

  constructor(exchange: OriginExchange, sink: FormSink) {
    this.#exchange = exchange;
    this.#sink = sink;
    const boundary = boundaryOf(exchange.request.fields.get("content-type") ?? "");
    this.#reader = boundary === null ? null : new MultipartReader(boundary, this);
  }

  body(bytes: Uint8Array): void {
    this.#reader?.receive(bytes);
  }

  end(): void {
    if (this.#reader === null || !this.#reader.isDone) {
      this.#exchange.sendInvalid("The request body is not a complete multipart form.");
      return;
    }
    this.#sink.complete(this.#fields, this.#filename);
  }

  partStart(head: PartHead): void {
    this.#part = head;
    this.#value = "";
    this.#decoder = new TextDecoder();
    if (head.name === "file") this.#filename = head.filename ?? "file";
  }

  partBytes(bytes: Uint8Array): void {
    if (this.#part.name === "file") this.#sink.fileBytes(bytes);
    else if (this.#value.length < MAX_FIELD_BYTES) {
      this.#value += this.#decoder.decode(bytes, { stream: true });
    }
  }

  partEnd(): void {
    if (this.#part.name !== "file" && this.#fields.size < MAX_FIELDS) {
      this.#fields.set(this.#part.name, this.#value);
    }
  }
}
