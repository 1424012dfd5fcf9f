import { Http1ClientCodec } from "../../shared/http1/http1_client_codec.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../shared/http1/http1_limits.ts";
import type { LoadExchange } from "./load_exchange.ts";
import type { LoadRequest } from "./load_request.ts";

/** Small: ten thousand connections wait for tokens at once. */
const READ_BYTES = 2048;

/**
 * Asks the request on this connection again and again, each time when the answer before is complete.
 * Resolves when the connection can carry no further request, or with `untilFailure` when one failed; rejects if it is
 * cut.
 */
export async function runHttp1Load(
  connection: Deno.Conn,
  request: LoadRequest,
  { begin, untilFailure }: { begin(): LoadExchange; untilFailure: boolean },
): Promise<void> {
  const codec = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
  const buffer = new Uint8Array(READ_BYTES);
  while (codec.isReusable) {
    const exchange = begin();
    exchange.sending();
    codec.sendRequest(request.head);
    codec.sendBody(request.body);
    codec.sendEnd(null);
    try {
      await flush(connection, codec);
      for (let isOver = false; !isOver;) {
        const read = await connection.read(buffer);
        if (read === null) codec.receiveEnd(performance.now());
        else codec.receive(buffer.subarray(0, read), performance.now());
        isOver = takeEvents(codec, exchange);
      }
    } catch (error) {
      exchange.failed(String(error));
      throw error;
    }
    if (untilFailure && exchange.hasFailed) return;
  }
}

/** @returns whether the exchange is over */
function takeEvents(codec: Http1ClientCodec, exchange: LoadExchange): boolean {
  let isOver = false;
  for (let event = codec.nextEvent(); event !== null; event = codec.nextEvent()) {
    if (event.kind === "body") exchange.body(event.bytes);
    else if (event.kind === "head") exchange.head(event.head.status);
    else if (event.kind === "end") {
      exchange.end();
      isOver = true;
    } else if (event.kind === "broken") {
      exchange.failed(`${event.error.code} ${event.error.message}`);
      isOver = true;
    }
  }
  return isOver;
}

async function flush(connection: Deno.Conn, codec: Http1ClientCodec): Promise<void> {
  for (let chunk = codec.takeOutput(); chunk !== null; chunk = codec.takeOutput()) {
    for (let written = 0; written < chunk.length;) written += await connection.write(chunk.subarray(written));
    codec.outputWritten(chunk);
  }
}
