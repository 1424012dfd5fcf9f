import type { ServeEmbeddedOriginOptions } from "./serve_embedded_origin.ts";

export interface OriginFlags extends ServeEmbeddedOriginOptions {
  /** Print where it listens as one line of JSON. */
  readonly json: boolean;
}

/** A command line that cannot be obeyed. */
export class FlagError extends Error {
  override name = "FlagError";
}

export const ORIGIN_USAGE = `embedded origin: an imitated, OpenAI-compatible model server

  --address host:port             where to listen; port 0 takes a free one (127.0.0.1:0)
  --seed n                        all texts follow from it (1)
  --models a,b                    names of the model (lowu-demo)
  --prefill-tokens-per-second n   prompt tokens a second, Infinity for no prefill time (50000)
  --decode-tokens-per-second n    tokens a second of one stream alone (50)
  --step-slope-ms n               added to a decode step by each further stream (0.02)
  --max-batch n                   generations at a time (256)
  --max-waiting n                 generations that may wait (20000)
  --kv-tokens n                   size of the KV cache in tokens (1048576)
  --json                          print {"address", "url"} as one line
`;

const NAMES = [
  "address",
  "seed",
  "models",
  "prefill-tokens-per-second",
  "decode-tokens-per-second",
  "step-slope-ms",
  "max-batch",
  "max-waiting",
  "kv-tokens",
] as const;
type FlagName = (typeof NAMES)[number];

/** @throws {FlagError} if a flag is unknown, lacks its value or is out of bounds */
export function parseOriginFlags(args: readonly string[]): OriginFlags {
  const values = new Map<FlagName, string>();
  let json = false;
  for (let i = 0; i < args.length; i++) {
    const [flag = "", inline] = splitFlag(args[i] ?? "");
    if (flag === "--json") {
      json = true;
      continue;
    }
    const name = NAMES.find((one) => flag === `--${one}`);
    if (name === undefined) throw new FlagError(`unknown flag ${flag}`);
    const value = inline ?? args[++i];
    if (value === undefined) throw new FlagError(`${flag} lacks its value`);
    values.set(name, value);
  }
  const number = (name: FlagName, min: number) => numberOf(name, values.get(name), min);
  const engine = {
    prefillTokensPerSecond: number("prefill-tokens-per-second", 1e-3),
    decodeTokensPerSecond: number("decode-tokens-per-second", 1e-3),
    stepSlopeMs: number("step-slope-ms", 0),
    maxBatch: number("max-batch", 1),
    maxWaiting: number("max-waiting", 0),
    kvTokens: number("kv-tokens", 1),
  };
  const seed = number("seed", 0);
  const models = values.get("models")?.split(",").filter((name) => name !== "");
  if (models?.length === 0) throw new FlagError("--models names no model");
  return {
    json,
    ...addressOf(values.get("address") ?? "127.0.0.1:0"),
    ...(seed === undefined ? {} : { seed }),
    ...(models === undefined ? {} : { models }),
    engine: Object.fromEntries(Object.entries(engine).filter(([, value]) => value !== undefined)),
  };
}

function splitFlag(arg: string): [flag: string, value: string | undefined] {
  const at = arg.indexOf("=");
  return at < 0 ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)];
}

function numberOf(name: FlagName, text: string | undefined, min: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value) || value < min) {
    throw new FlagError(`--${name} takes a number from ${min} on`);
  }
  return value;
}

function addressOf(text: string): { hostname: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const hostname = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (hostname === undefined || port > 65_535) throw new FlagError("--address takes host:port");
  return { hostname, port };
}
