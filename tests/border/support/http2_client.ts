/** A client's connection over HTTP/2 that tells each request's owner what becomes of it, whatever becomes of the connection. */
import { dialTarget } from "../../../bench/load/dial_target.ts";
import type { RelayTarget } from "../../../bench/relays/relay.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { Http2Connection } from "../../../shared/http2/http2_connection.ts";
import type { Http2Event } from "../../../shared/http2/http2_event.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../shared/http2/http2_limits.ts";
import type { Http2Stream } from "../../../shared/http2/http2_stream.ts";
import { WritePump } from "../../../shared/transport/write_pump.ts";

export interface Asked {
  onHead(status: number): void;
  /** The bytes are lent for the call. */
  onBody(bytes: Uint8Array): void;
  /** `bytes` of the request's body have been written. */
  onSent(bytes: number): void;
  /** The last call. `reason`: null if the answer was complete. */
  onClosed(reason: string | null): void;
}

export interface AskOptions {
  readonly path: string;
  readonly fields?: readonly (readonly [name: string, value: string])[];
  /** Bytes that will be sent. */
  readonly bodyBytes: number;
}

const READ_BYTES = 64 * 1024;
const STALL_TIMEOUT_MS = 120_000;
const CANCEL = 0x8;
/** Many answers on one connection, none of them an attack. */
const LIMITS = { ...DEFAULT_HTTP2_LIMITS, controlBurst: 1e9, controlPerSecond: 1e9, resetBurst: 1e6 };

export type AskedStream = Http2Stream<Asked>;

export class Http2Client {
  readonly #target: RelayTarget;
  readonly #connection: Deno.Conn;
  readonly #pump: WritePump;
  readonly #http2 = new Http2Connection<Asked>({
    role: "client",
    limits: LIMITS,
    stallTimeoutMs: STALL_TIMEOUT_MS,
    now: performance.now(),
  });
  readonly #ready = Promise.withResolvers<void>();
  #isClosed = false;
  /** {@linkcode canAsk} may have changed. */
  onChange = () => {};

  private constructor(connection: Deno.Conn, target: RelayTarget) {
    this.#connection = connection;
    this.#target = target;
    this.#pump = new WritePump(connection, this.#http2, { onError: (error) => this.#lost(error) });
    this.#pump.wake();
    void this.#read();
  }

  /** @throws {Error} if the edge takes no connection */
  static async connect(target: RelayTarget): Promise<Http2Client> {
    const client = new Http2Client(await dialTarget(target, "h2"), target);
    await client.#ready.promise;
    return client;
  }

  get canAsk(): boolean {
    return !this.#isClosed && this.#http2.canOpenStream;
  }

  /** Only while {@linkcode canAsk}. */
  ask({ path, fields = [], bodyBytes }: AskOptions, owner: Asked): AskedStream {
    const { hostname, port } = this.#target;
    const stream = this.#http2.sendRequest({
      context: { id: "", kind: "client", clientAddress: "", protocol: "h2" },
      method: "POST",
      scheme: "https",
      authority: `${hostname}:${port}`,
      path,
      fields: new Fields([...this.#target.fields, ...fields].flat()),
      contentLength: bodyBytes,
    }, owner);
    this.#pump.wake();
    return stream;
  }

  send(stream: AskedStream, bytes: Uint8Array): void {
    this.#http2.sendBody(stream, bytes);
    this.#pump.wake();
  }

  end(stream: AskedStream): void {
    this.#http2.sendEnd(stream, null);
    this.#pump.wake();
  }

  cancel(stream: AskedStream): void {
    this.#http2.reset(stream, CANCEL);
    this.#pump.wake();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#lost(new Error("closed by ourselves"));
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    try {
      for (;;) {
        const read = await this.#connection.read(buffer);
        if (read === null) return this.#lost(new Error("the edge closed the connection"));
        this.#http2.receive(buffer.subarray(0, read), performance.now());
        for (let event = this.#http2.nextEvent(); event !== null; event = this.#http2.nextEvent()) {
          this.#take(event);
        }
        this.#pump.wake();
      }
    } catch (error) {
      this.#lost(error);
    }
  }

  #take(event: Http2Event<Asked>): void {
    if (event.kind === "settings") this.#ready.resolve();
    if (event.kind === "goaway") this.onChange();
    if (event.kind === "refused") throw event.error;
    if (!("stream" in event) || event.stream.owner === null) return;
    const { stream } = event;
    const { owner } = event.stream;
    if (event.kind === "answer") owner.onHead(event.head.status);
    else if (event.kind === "sent") owner.onSent(event.bytes);
    else if (event.kind === "body") {
      owner.onBody(event.bytes);
      this.#http2.consumed(stream, event.bytes.length);
    } else if (event.kind === "closed") {
      owner.onClosed(event.error === null ? null : `${event.error.code} ${event.error.message}`);
      this.onChange();
    }
  }

  #lost(cause: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#pump.stop();
    this.#connection.close();
    this.#ready.reject(cause);
    this.#ready.promise.catch(() => {});
    for (const { owner } of this.#http2.abandon()) owner?.onClosed(String(cause));
    this.onChange();
  }
}
