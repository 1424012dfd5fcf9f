/** A client for tests: our own codec on a TCP connection. */
import type { AnswerHead, RequestHead } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { Http2Connection } from "../../../shared/http2/http2_connection.ts";
import type { Http2Event } from "../../../shared/http2/http2_event.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../shared/http2/http2_limits.ts";
import type { Http2Stream } from "../../../shared/http2/http2_stream.ts";

const CONTEXT = { id: "t", kind: "client", clientAddress: "127.0.0.1", protocol: "internal" } as const;

/** What came on one stream. */
export class Answer {
  readonly informational: number[] = [];
  head: AnswerHead | null = null;
  body = "";
  bodyBytes = 0;
  trailers: Fields | null = null;
  isEnded = false;
  /** `complete` or the error's code. */
  closed: string | null = null;
}

export class Http2Client {
  readonly codec = new Http2Connection<Answer>({
    role: "client",
    limits: DEFAULT_HTTP2_LIMITS,
    stallTimeoutMs: 60_000,
    now: 0,
  });
  readonly #connection: Deno.TcpConn;
  readonly #waiting: { isMet: () => boolean; meet: () => void }[] = [];
  #isClosed = false;
  #isFlushing = false;
  goaways = 0;
  readonly done: Promise<void>;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.done = this.#readAll();
    this.flush();
  }

  static async connect(port: number): Promise<Http2Client> {
    return new Http2Client(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  request(changes: Partial<RequestHead> = {}): Http2Stream<Answer> {
    const head: RequestHead = {
      context: CONTEXT,
      method: "GET",
      scheme: "http",
      authority: "a.example",
      path: "/",
      fields: new Fields(),
      contentLength: 0,
      ...changes,
    };
    const stream = this.codec.sendRequest(head, new Answer());
    this.flush();
    return stream;
  }

  flush(): void {
    if (!this.#isFlushing) void this.#flush();
  }

  /** Resolves when `isMet()` holds after some event; if the connection ends first it rejects. */
  until(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ isMet, meet: resolve });
      void this.done.then(() => isMet() ? resolve() : reject(new Error("the connection ended first")));
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.close();
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true;
    await Promise.resolve();
    for (let chunk = this.codec.takeOutput(); chunk !== null; chunk = this.codec.takeOutput()) {
      try {
        let written = 0;
        while (written < chunk.length) written += await this.#connection.write(chunk.subarray(written));
      } catch {
        // The reading side tells that the connection is gone.
        this.codec.outputWritten(chunk);
        break;
      }
      this.codec.outputWritten(chunk);
      this.#tellAll();
    }
    this.#isFlushing = false;
  }

  async #readAll(): Promise<void> {
    const buffer = new Uint8Array(65536);
    for (;;) {
      let bytes: number | null;
      try {
        bytes = await this.#connection.read(buffer);
      } catch {
        bytes = null;
      }
      if (bytes === null) break;
      this.codec.receive(buffer.subarray(0, bytes), 0);
      this.#tellAll();
    }
    this.close();
  }

  #tellAll(): void {
    for (let event = this.codec.nextEvent(); event !== null; event = this.codec.nextEvent()) {
      this.#tell(event);
    }
    for (const waiting of this.#waiting.splice(0)) {
      if (waiting.isMet()) waiting.meet();
      else this.#waiting.push(waiting);
    }
    this.flush();
  }

  #tell(event: Http2Event<Answer>): void {
    if (event.kind === "goaway") this.goaways++;
    if (!("stream" in event)) return;
    const answer = event.stream.owner;
    if (answer === null) return;
    if (event.kind === "informational") answer.informational.push(event.head.status);
    else if (event.kind === "answer") answer.head = event.head;
    else if (event.kind === "body") {
      answer.body += String.fromCharCode(...event.bytes.subarray(0, 1000));
      answer.bodyBytes += event.bytes.length;
      this.codec.consumed(event.stream, event.bytes.length);
    } else if (event.kind === "end") {
      answer.isEnded = true;
      answer.trailers = event.trailers;
    } else if (event.kind === "closed") answer.closed = event.error?.code ?? "complete";
  }
}
