import type { RelayTarget } from "../../../bench/relays/relay.ts";
import { Http2Client } from "./http2_client.ts";

export interface LeaveOptions {
  readonly target: RelayTarget;
  /** By which the origin's record is found. */
  readonly id: string;
  /** `reset`: the stream alone; `close`: the connection. */
  readonly how: "reset" | "close";
}

const BODY = new TextEncoder().encode(JSON.stringify({
  model: "lowu-demo",
  stream: true,
  max_tokens: 1000,
  ignore_eos: true,
  messages: [{ role: "user", content: "Which way to the border?" }],
}));
/** The first token comes and no other: nothing is on the way when the client leaves. */
const STALL = "stall;after=1";

/**
 * Asks for a stream and leaves, with no other word, once the origin has fallen silent.
 * @returns when, in milliseconds since 1970 with fractions
 */
export async function leave({ target, id, how }: LeaveOptions): Promise<{ atMs: number }> {
  const client = await Http2Client.connect(target);
  const begun = Promise.withResolvers<void>();
  const fields = [
    ["content-type", "application/json"],
    ["x-lowu-test-id", id],
    ["x-lowu-fault", STALL],
  ] as const;
  const stream = client.ask({ path: "/v1/chat/completions", fields, bodyBytes: BODY.length }, {
    onHead() {},
    onBody: () => begun.resolve(),
    onSent() {},
    onClosed: (reason) => begun.reject(new Error(`the answer ended: ${reason}`)),
  });
  client.send(stream, BODY);
  client.end(stream);
  await begun.promise;
  const atMs = performance.timeOrigin + performance.now();
  if (how === "reset") {
    client.cancel(stream);
    // A connection that ends at once would take the stream with it.
    await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
  }
  client.close();
  return { atMs };
}

const LINGER_MS = 50;
