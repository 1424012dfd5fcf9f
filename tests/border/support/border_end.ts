/**
 * A process at one end of the border that does what it is told: at the clients' end it keeps streams going and checks them,
 * at both it asks what only listens there. A command is one line of JSON; each is answered by one line.
 */
import { dialTarget } from "../../../bench/load/dial_target.ts";
import type { RelayTarget } from "../../../bench/relays/relay.ts";
import { EchoLoad, type EchoLoadOptions } from "./echo_load.ts";
import { leave, type LeaveOptions } from "./leave.ts";
import type { StreamReport } from "./stream_load.ts";
import { TokenLoad, type TokenLoadOptions, type TokenReport } from "./token_load.ts";

export type EndCommand =
  | { readonly kind: "get"; readonly url: string }
  /** Asks for a small answer again and again; answered by the moment at which one was whole. */
  | { readonly kind: "first answer"; readonly target: RelayTarget }
  /** Answered when all streams have their answers' heads. */
  | { readonly kind: "tokens"; readonly options: TokenLoadOptions }
  | { readonly kind: "report" }
  /** Answered when the last stream has ended, or will not. */
  | { readonly kind: "finish tokens" }
  | { readonly kind: "echoes"; readonly options: EchoLoadOptions }
  | { readonly kind: "finish echoes" }
  | { readonly kind: "leave"; readonly options: LeaveOptions };

export interface EndAnswers {
  /** Null: nobody listens there. */
  readonly get: { readonly status: number; readonly text: string } | null;
  readonly "first answer": { readonly atMs: number };
  readonly tokens: null;
  readonly report: TokenReport;
  readonly "finish tokens": TokenReport;
  readonly echoes: null;
  readonly "finish echoes": StreamReport;
  readonly leave: { readonly atMs: number };
}

const GET_TIMEOUT_MS = 20_000;
const RETRY_MS = 20;
const READ_BYTES = 4096;

let tokens: TokenLoad | null = null;
let echoes: EchoLoad | null = null;

async function get(url: string): Promise<EndAnswers["get"]> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(GET_TIMEOUT_MS) });
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** Milliseconds since 1970 with fractions. */
function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

async function firstAnswer(target: RelayTarget): Promise<EndAnswers["first answer"]> {
  for (;;) {
    try {
      const connection = await dialTarget(target, "http/1.1");
      try {
        if (await isServed(connection, target)) return { atMs: epochMs() };
      } finally {
        connection.close();
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

async function isServed(connection: Deno.Conn, target: RelayTarget): Promise<boolean> {
  const fields = target.fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const request =
    `POST /reply HTTP/1.1\r\nhost: edge\r\n${fields}content-length: 0\r\nconnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const buffer = new Uint8Array(READ_BYTES);
  let text = "";
  for (let read = await connection.read(buffer); read !== null; read = await connection.read(buffer)) {
    text += new TextDecoder().decode(buffer.subarray(0, read));
  }
  return text.startsWith("HTTP/1.1 200 ") && text.includes("A short answer.");
}

async function obey(command: EndCommand): Promise<unknown> {
  switch (command.kind) {
    case "get":
      return await get(command.url);
    case "first answer":
      return await firstAnswer(command.target);
    case "tokens":
      tokens = new TokenLoad(command.options);
      await tokens.start();
      return null;
    case "report":
      return tokens?.report();
    case "finish tokens":
      await tokens?.finish();
      return tokens?.report();
    case "echoes":
      echoes = new EchoLoad(command.options);
      await echoes.start();
      return null;
    case "finish echoes":
      await echoes?.finish();
      return echoes?.report();
    case "leave":
      return await leave(command.options);
  }
}

async function main(): Promise<void> {
  console.log("{}");
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) console.log(JSON.stringify(await obey(JSON.parse(line)) ?? null));
  }
  Deno.exit(0);
}

if (import.meta.main) await main();
