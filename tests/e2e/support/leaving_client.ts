/**
 * Clients on bare sockets that ask for something and leave in the middle of it: over HTTP/2 with RST_STREAM, over HTTP/1.1 by
 * closing the connection.
 *
 * Not `fetch`: of hundreds of aborts at once, Deno's client forgets some and goes on receiving.
 */
import { Fields } from "../../../shared/exchange/fields.ts";
import { Http2Connection } from "../../../shared/http2/http2_connection.ts";
import type { Http2Event } from "../../../shared/http2/http2_event.ts";
import type { Http2Stream } from "../../../shared/http2/http2_stream.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../shared/http2/http2_limits.ts";
import { closeConnection } from "../../../shared/server/close_connection.ts";
import { WritePump } from "../../../shared/transport/write_pump.ts";
import type { Relay } from "./relay.ts";

/** What is asked for, and when to leave. */
export interface Leaving {
  readonly path: string;
  /** Without credentials. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  /** False: more of the body would follow. */
  readonly isBodyWhole: boolean;
  /** Bytes of the answer's body; 0: at its head; null: not when something arrives. */
  readonly afterBytes: number | null;
  /** At the latest. */
  readonly afterMs: number;
}

export interface LeavingClient {
  /** Resolves when the client has left, or the answer was complete before; throws if it was refused or cut. */
  leave(leaving: Leaving): Promise<void>;
  close(): void;
}

const CANCEL = 0x8;
/** What arrives for streams that this client has left is no attack of the edge's. */
const LIMITS = { ...DEFAULT_HTTP2_LIMITS, controlBurst: 1e9, controlPerSecond: 1e9 };
const READ_BYTES = 16_384;
const STALL_TIMEOUT_MS = 60_000;

function connect(relay: Relay, protocol: string): Promise<Deno.TlsConn> {
  const { hostname, port } = new URL(relay.url);
  return Deno.connectTls({ hostname, port: Number(port), caCerts: [relay.ca], alpnProtocols: [protocol] });
}

interface Asked {
  bytes: number;
  /** Null until it is opened. */
  stream: Http2Stream<Asked> | null;
  readonly leaving: Leaving;
  readonly timer: ReturnType<typeof setTimeout>;
  readonly left: PromiseWithResolvers<void>;
}

/** Many exchanges on one connection. */
export class LeavingHttp2Client implements LeavingClient {
  readonly #key: string;
  readonly #connection: Deno.TlsConn;
  readonly #pump: WritePump;
  readonly #http2 = new Http2Connection<Asked>({
    role: "client",
    limits: LIMITS,
    stallTimeoutMs: STALL_TIMEOUT_MS,
    now: performance.now(),
  });
  /** What the connection said before it took no more streams. */
  #ended: unknown = null;
  readonly #ready = Promise.withResolvers<void>();

  private constructor(connection: Deno.TlsConn, key: string) {
    this.#connection = connection;
    this.#key = key;
    this.#pump = new WritePump(connection, this.#http2, { onError: () => this.#lost() });
    this.#pump.wake();
    this.#read().catch(() => this.#lost());
  }

  static async connect(relay: Relay): Promise<LeavingHttp2Client> {
    const client = new LeavingHttp2Client(await connect(relay, "h2"), relay.key);
    await client.#ready.promise;
    return client;
  }

  leave(leaving: Leaving): Promise<void> {
    const { path, fields, body, isBodyWhole, afterMs } = leaving;
    const left = Promise.withResolvers<void>();
    const timer = setTimeout(() => this.#leave(asked), afterMs);
    const asked: Asked = { bytes: 0, stream: null, leaving, timer, left };
    if (!this.#http2.canOpenStream) throw new Error("the connection takes no stream", { cause: this.#ended });
    const stream = this.#http2.sendRequest({
      context: { id: "", kind: "client", clientAddress: "", protocol: "h2" },
      method: "POST",
      scheme: "https",
      authority: "127.0.0.1",
      path,
      fields: new Fields([...fields, ["authorization", `Bearer ${this.#key}`]].flat()),
      contentLength: null,
    }, asked);
    asked.stream = stream;
    this.#http2.sendBody(stream, body);
    if (isBodyWhole) this.#http2.sendEnd(stream, null);
    this.#pump.wake();
    return left.promise;
  }

  close(): void {
    this.#pump.stop();
    closeConnection(this.#connection);
  }

  #leave(asked: Asked): void {
    clearTimeout(asked.timer);
    if (asked.stream !== null) this.#http2.reset(asked.stream, CANCEL);
    this.#pump.wake();
    asked.left.resolve();
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    for (;;) {
      const read = await this.#connection.read(buffer);
      if (read === null) return this.#lost();
      this.#http2.receive(buffer.subarray(0, read), performance.now());
      for (let event = this.#http2.nextEvent(); event !== null; event = this.#http2.nextEvent()) {
        this.#take(event);
      }
      this.#pump.wake();
    }
  }

  #take(event: Http2Event<Asked>): void {
    if (event.kind === "settings") this.#ready.resolve();
    if (event.kind === "refused" || event.kind === "goaway") this.#ended = event;
    if (!("stream" in event) || event.stream.owner === null) return;
    const { stream } = event;
    const asked = event.stream.owner;
    const { afterBytes } = asked.leaving;
    if (event.kind === "body") {
      asked.bytes += event.bytes.length;
      this.#http2.consumed(stream, event.bytes.length);
    }
    const isDue = afterBytes !== null && asked.bytes >= afterBytes;
    if ((event.kind === "answer" || event.kind === "body") && isDue) this.#leave(asked);
    else if (event.kind === "closed") {
      clearTimeout(asked.timer);
      if (event.error === null) asked.left.resolve();
      else asked.left.reject(event.error);
    }
  }

  #lost(): void {
    for (const { owner } of this.#http2.abandon()) {
      clearTimeout(owner?.timer);
      owner?.left.reject(new Error("the edge closed the connection"));
    }
  }
}

/** One connection for each exchange. */
export class LeavingHttp1Client implements LeavingClient {
  readonly #relay: Relay;

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  async leave({ path, fields, body, isBodyWhole, afterBytes, afterMs }: Leaving): Promise<void> {
    const connection = await connect(this.#relay, "http/1.1");
    let hasLeft = false;
    const leave = () => {
      hasLeft = true;
      closeConnection(connection);
    };
    const timer = setTimeout(leave, afterMs);
    try {
      const length = isBodyWhole ? body.length : body.length + 1_000_000;
      const lines = [
        ...fields,
        ["host", "127.0.0.1"],
        ["authorization", `Bearer ${this.#relay.key}`],
        ["content-length", `${length}`],
      ].map(([name, value]) => `${name}: ${value}\r\n`).join("");
      await writeAll(connection, new TextEncoder().encode(`POST ${path} HTTP/1.1\r\n${lines}\r\n`));
      await writeAll(connection, body);
      const buffer = new Uint8Array(READ_BYTES);
      for (let bytes = 0; afterBytes === null || bytes <= afterBytes;) {
        const read = await connection.read(buffer);
        if (read === null) throw new Error("the edge closed the connection");
        bytes += read;
      }
    } catch (error) {
      if (!hasLeft) throw error;
    } finally {
      clearTimeout(timer);
      leave();
    }
  }

  close(): void {}
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}
