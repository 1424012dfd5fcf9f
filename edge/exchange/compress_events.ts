/**
 * Compresses event streams for clients that accept gzip, with a flush behind every piece received, so that no event
 * waits in the compressor.
 *
 * A small window (4 KiB) and memory level keep the compressor near 24 KiB a stream where zlib's default takes 256 KiB;
 * events resemble the one before them, so little is lost by it.
 */
import { constants, createGzip, type Gzip } from "node:zlib";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type {
  AnswerHead,
  ExchangeHandler,
  RequestHead,
  RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import { AnswerForwarder, RequestForwarder } from "../../shared/exchange/forwarder.ts";
import { ConsumptionLedger } from "./consumption_ledger.ts";
import { isEventStream, isUncoded } from "./event_stream.ts";

export interface CompressOptions {
  readonly compression: "none" | "gzip";
}

export function compressEvents(options: CompressOptions, next: ExchangeHandler): ExchangeHandler {
  if (options.compression === "none") return next;
  return (request, answer) => {
    if (!acceptsGzip(request)) return next(request, answer);
    const compressed = new CompressedAnswer(answer);
    compressed.upstream = next(request, compressed);
    return new CompressedRequest(compressed, compressed.upstream);
  };
}

/** RFC 9110 §12.5.3: gzip is named (or `*`) with a quality above zero. */
export function acceptsGzip(request: RequestHead): boolean {
  const value = request.fields.getAll("accept-encoding").join(",").toLowerCase();
  let star = false;
  for (const item of value.split(",")) {
    const [coding = "", ...parameters] = item.split(";").map((part) => part.trim());
    const quality = parameters.find((part) => part.startsWith("q="))?.slice(2) ?? "1";
    const isAccepted = Number(quality) > 0;
    if (coding === "gzip" || coding === "x-gzip") return isAccepted;
    if (coding === "*") star = isAccepted;
  }
  return star;
}

class CompressedAnswer extends AnswerForwarder {
  /** Null until the handler has returned. */
  upstream: RequestReceiver | null = null;
  /** Null for answers that pass as they are. */
  #gzip: Gzip | null = null;
  #ledger = new ConsumptionLedger();
  #waiting: Uint8Array[] = [];
  #isBusy = false;
  #output: Uint8Array[] = [];
  #end: { trailers: Fields | null } | null = null;
  #abort: RelayError | null = null;
  #isStopped = false;

  override head(head: AnswerHead): void {
    if (!isEventStream(head) || !isUncoded(head)) return super.head(head);
    const gzip = createGzip({ windowBits: 12, memLevel: 4, level: 5 });
    gzip.on("data", (bytes: Uint8Array) => this.#output.push(bytes));
    gzip.on("error", (cause) => this.#fail(cause));
    this.#gzip = gzip;
    head.fields.set("content-encoding", "gzip");
    head.fields.append("vary", "accept-encoding");
    super.head({ ...head, contentLength: null });
  }

  override body(bytes: Uint8Array): void {
    if (this.#gzip === null) return super.body(bytes);
    this.#waiting.push(bytes.slice());
    this.#work(this.#gzip);
  }

  override end(trailers: Fields | null): void {
    if (this.#gzip === null) return super.end(trailers);
    this.#end = { trailers };
    this.#work(this.#gzip);
  }

  override abort(error: RelayError): void {
    if (this.#gzip === null) return super.abort(error);
    this.#abort = error;
    this.#work(this.#gzip);
  }

  freed(bytes: number): number {
    return this.#gzip === null ? bytes : this.#ledger.consumed(bytes);
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting = [];
    this.#gzip?.destroy();
  }

  #work(gzip: Gzip): void {
    if (this.#isBusy || this.#isStopped) return;
    const bytes = this.#takeWaiting();
    if (bytes !== null) {
      this.#isBusy = true;
      gzip.write(bytes);
      gzip.flush(constants.Z_SYNC_FLUSH, () => this.#flushed(gzip, bytes.length));
    } else if (this.#abort !== null) {
      this.stop();
      this.answer.abort(this.#abort);
    } else if (this.#end !== null) {
      this.#isBusy = true;
      gzip.once("end", () => this.#ended());
      gzip.end();
    }
  }

  #takeWaiting(): Uint8Array | null {
    const all = this.#waiting;
    if (all.length <= 1) return all.pop() ?? null;
    this.#waiting = [];
    const joined = new Uint8Array(all.reduce((sum, bytes) => sum + bytes.length, 0));
    let at = 0;
    for (const bytes of all) {
      joined.set(bytes, at);
      at += bytes.length;
    }
    return joined;
  }

  #flushed(gzip: Gzip, receivedBytes: number): void {
    this.#isBusy = false;
    if (this.#isStopped) return;
    this.#send(receivedBytes);
    this.#work(gzip);
  }

  #ended(): void {
    if (this.#isStopped) return;
    this.#send(0);
    this.answer.end(this.#end?.trailers ?? null);
  }

  #send(receivedBytes: number): void {
    const output = this.#output;
    this.#output = [];
    const sentBytes = output.reduce((sum, bytes) => sum + bytes.length, 0);
    if (sentBytes === 0) {
      if (receivedBytes > 0) this.upstream?.answerConsumed(receivedBytes);
      return;
    }
    this.#ledger.changed(sentBytes, receivedBytes);
    for (const bytes of output) this.answer.body(bytes);
  }

  #fail(cause: unknown): void {
    if (this.#isStopped) return;
    this.stop();
    const error = new RelayError("internal_error", { source: "internal", cause });
    this.upstream?.abort(error);
    this.answer.abort(error);
  }
}

class CompressedRequest extends RequestForwarder {
  readonly #compressed: CompressedAnswer;

  constructor(compressed: CompressedAnswer, request: RequestReceiver) {
    super(request);
    this.#compressed = compressed;
  }

  override answerConsumed(bytes: number): void {
    const freed = this.#compressed.freed(bytes);
    if (freed > 0) super.answerConsumed(freed);
  }

  override abort(error: RelayError): void {
    this.#compressed.stop();
    super.abort(error);
  }
}
