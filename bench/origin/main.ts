/**
 * The origin of the benches: answers with tokens that say when they were sent, at a fixed rate, whatever becomes of
 * them (an open loop), and with small replies. One timer serves all streams; a token costs one write.
 *
 *     /tokens?interval=MS&count=N&prompt   an event stream; no count: endless; prompt: the first token at once
 *     /reply                               a small JSON answer
 *
 * Prints its port as one line of JSON. Ends when its standard input does.
 */
import { OriginRequestReader } from "./origin_request.ts";
import { preciseSleep } from "./precise_sleep.ts";
import { TokenStream } from "./token_stream.ts";
import { TokenWheel } from "./token_wheel.ts";

const READ_BYTES = 4096;
/** A stream that comes meanwhile may wait so long for its first beat. */
const LONGEST_SLEEP_MS = 1;

const body =
  '{"id":"chatcmpl-0000000000000001","object":"chat.completion","model":"lowu-bench","choices":[{"index":0,' +
  '"message":{"role":"assistant","content":"A short answer."},"finish_reason":"stop"}],"usage":{"total_tokens":21}}\n';
const encoder = new TextEncoder();
const REPLY = encoder.encode(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
);
const UNKNOWN = encoder.encode("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");

const wheel = new TokenWheel<TokenStream>(performance.now());

/** Serves one connection until the relay closes it. */
async function serve(connection: Deno.TcpConn): Promise<void> {
  const reader = new OriginRequestReader();
  const buffer = new Uint8Array(READ_BYTES);
  let stream: TokenStream | null = null;
  const write = async (bytes: Uint8Array): Promise<void> => {
    let written = await connection.write(bytes);
    while (written < bytes.length) written += await connection.write(bytes.subarray(written));
  };
  try {
    connection.setNoDelay(true);
    for (let read = await connection.read(buffer); read !== null; read = await connection.read(buffer)) {
      const replies: Uint8Array[] = [];
      reader.receive(buffer.subarray(0, read), (request) => {
        if (stream !== null) throw new RangeError("a request within an answer");
        if (request.kind !== "tokens") return void replies.push(request.kind === "reply" ? REPLY : UNKNOWN);
        stream = new TokenStream(request, { write, ended: () => stream = null });
        if (!stream.isSent) wheel.add(stream);
      });
      for (const reply of replies) await write(reply);
    }
  } catch (error) {
    if (error instanceof RangeError) console.error(error.message);
    else if (!(error instanceof Error)) throw error;
  } finally {
    (stream as TokenStream | null)?.stop();
    connection.close();
  }
}

/** Sends all tokens when they are due, until the process ends. */
async function beat(): Promise<never> {
  const sleep = preciseSleep();
  for (;;) {
    wheel.turn(performance.now(), (stream) => stream.beat());
    await sleep(wheel.msUntilNext(LONGEST_SLEEP_MS));
  }
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(JSON.stringify({ port: listener.addr.port }));
void beat();
Deno.stdin.readable.pipeTo(new WritableStream()).then(() => Deno.exit(0));
for await (const connection of listener) void serve(connection);
