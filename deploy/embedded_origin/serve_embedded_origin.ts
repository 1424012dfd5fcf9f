import { SYSTEM_CLOCK } from "../../shared/clock/clock.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../shared/http1/http1_limits.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../shared/http2/http2_limits.ts";
import { serveHttp1 } from "../../shared/server/serve_http1.ts";
import type { ConnectionObserver } from "../../shared/server/serve_options.ts";
import type { ByteConnection } from "../../shared/transport/byte_connection.ts";
import { createEmbeddedOrigin, type EmbeddedOriginOptions } from "./embedded_origin.ts";
import type { OriginServices } from "./http/origin_services.ts";

export interface ServeEmbeddedOriginOptions extends EmbeddedOriginOptions {
  /** @default "127.0.0.1" */
  readonly hostname?: string;
  /** 0 takes a free one. @default 0 */
  readonly port?: number;
}

/** An embedded origin that listens. */
export interface ServedEmbeddedOrigin {
  /** `host:port` */
  readonly address: string;
  readonly url: string;
  readonly services: OriginServices;
  get openConnections(): number;
  /** Closes the socket and every connection at once. */
  close(): Promise<void>;
}

/** Further connections are closed at once. */
const MAX_CONNECTIONS = 20_000;
const STALL_TIMEOUT_MS = 60_000;
/** Until accepting is tried again when it failed (out of descriptors). */
const ACCEPT_PAUSE_MS = 50;
const UNOBSERVED: ConnectionObserver = {
  exchangeStarted() {},
  exchangeEnded() {},
  refused() {},
  bytesIn() {},
  bytesOut() {},
};

/** A socket that may be closed more than once. */
class OriginConnection implements ByteConnection {
  readonly #socket: Deno.TcpConn;
  #isClosed = false;

  constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#socket.read(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#socket.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#socket.closeWrite();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
  }
}

/** Serves an embedded origin over HTTP/1.1; throws where the address cannot be listened on. */
export function serveEmbeddedOrigin(options: ServeEmbeddedOriginOptions = {}): ServedEmbeddedOrigin {
  const connections = new Map<string, OriginConnection>();
  const serving = new Set<Promise<void>>();
  const draining = new AbortController();
  let accepted = 0;
  const origin = createEmbeddedOrigin(options, {
    clock: SYSTEM_CLOCK,
    clockOriginMs: performance.timeOrigin,
    cutConnection: (exchangeId) => connections.get(exchangeId.slice(0, exchangeId.indexOf("-")))?.close(),
  });
  const listener = Deno.listen({ hostname: options.hostname ?? "127.0.0.1", port: options.port ?? 0 });

  const serve = (socket: Deno.TcpConn): void => {
    const connection = new OriginConnection(socket);
    if (connections.size >= MAX_CONNECTIONS) return connection.close();
    socket.setNoDelay(true);
    const name = String(++accepted);
    let exchanges = 0;
    connections.set(name, connection);
    const served = serveHttp1(connection, {
      handler: origin.handler,
      scheme: "http",
      clientAddress: socket.remoteAddr.hostname,
      newRequestId: () => `${name}-${++exchanges}`,
      clock: SYSTEM_CLOCK.now,
      http1: DEFAULT_HTTP1_LIMITS,
      http2: DEFAULT_HTTP2_LIMITS,
      observer: UNOBSERVED,
      stallTimeoutMs: STALL_TIMEOUT_MS,
      signal: draining.signal,
    }).then(() => {
      connections.delete(name);
      serving.delete(served);
    });
    serving.add(served);
  };
  const accepting = acceptAll(listener, { serve, signal: draining.signal });

  const { hostname, port } = listener.addr as Deno.NetAddr;
  const address = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  return {
    address,
    url: `http://${address}`,
    services: origin.services,
    get openConnections() {
      return connections.size;
    },
    close: async () => {
      origin.close();
      draining.abort();
      listener.close();
      for (const connection of connections.values()) connection.close();
      await accepting;
      await Promise.all(serving);
    },
  };
}

/** Accepts until the listener is closed, which `signal` announces. */
async function acceptAll(
  listener: Deno.Listener<Deno.TcpConn>,
  { serve, signal }: { serve(socket: Deno.TcpConn): void; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    try {
      serve(await listener.accept());
    } catch (error) {
      if (signal.aborted) return;
      console.error(`embedded origin: accept failed: ${error instanceof Error ? error.message : error}`);
      await new Promise<void>((resolve) => void SYSTEM_CLOCK.after(ACCEPT_PAUSE_MS, resolve));
    }
  }
}
