import { Http2Connection } from "../../shared/http2/http2_connection.ts";
import type { Http2Event } from "../../shared/http2/http2_event.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../shared/http2/http2_limits.ts";
import { WritePump } from "../../shared/transport/write_pump.ts";
import type { LoadExchange } from "./load_exchange.ts";
import type { LoadRequest } from "./load_request.ts";

const READ_BYTES = 16 * 1024;
const STALL_TIMEOUT_MS = 60_000;

/**
 * Keeps `streams` of the request in flight on this connection; a new one begins when one has ended.
 * Resolves when the server closes the connection; rejects if it is cut.
 */
export async function runHttp2Load(
  connection: Deno.Conn,
  request: LoadRequest,
  { streams, begin }: { streams: number; begin(): LoadExchange },
): Promise<void> {
  const http2 = new Http2Connection<LoadExchange>({
    role: "client",
    limits: DEFAULT_HTTP2_LIMITS,
    stallTimeoutMs: STALL_TIMEOUT_MS,
    now: performance.now(),
  });
  let isReady = false;
  let wanted = streams;
  const pump = new WritePump(connection, http2, { onError: () => {} });
  const open = (): void => {
    for (; isReady && wanted > 0 && http2.canOpenStream; wanted--) {
      const exchange = begin();
      exchange.sending();
      const stream = http2.sendRequest(request.head, exchange);
      if (request.body.length === 0) continue;
      http2.sendBody(stream, request.body);
      http2.sendEnd(stream, null);
    }
  };
  const take = (event: Http2Event<LoadExchange>): void => {
    if (event.kind === "settings") isReady = true;
    else if (event.kind === "closed") wanted++;
    else if (event.kind === "refused") throw event.error;
    tellExchange(http2, event);
  };
  const buffer = new Uint8Array(READ_BYTES);
  pump.wake();
  for (let read = await connection.read(buffer); read !== null; read = await connection.read(buffer)) {
    http2.receive(buffer.subarray(0, read), performance.now());
    for (let event = http2.nextEvent(); event !== null; event = http2.nextEvent()) take(event);
    open();
    pump.wake();
  }
}

function tellExchange(http2: Http2Connection<LoadExchange>, event: Http2Event<LoadExchange>): void {
  if (!("stream" in event) || event.stream.owner === null) return;
  const exchange = event.stream.owner;
  if (event.kind === "answer") exchange.head(event.head.status);
  else if (event.kind === "body") {
    exchange.body(event.bytes);
    http2.consumed(event.stream, event.bytes.length);
  } else if (event.kind === "end") exchange.end();
  else if (event.kind === "closed" && event.error !== null) {
    exchange.failed(`${event.error.code} ${event.error.message}`);
  }
}
