/**
 * Mutations of a kept corpus (`corpus/*.hex`): nothing a peer sends may throw, hold more than the limits, or leave
 * anything behind. An input that ever broke something belongs into the corpus.
 */
import assert from "node:assert/strict";
import { Fields } from "../../../shared/exchange/fields.ts";
import { Http2Connection } from "../../../shared/http2/http2_connection.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../shared/http2/http2_limits.ts";
import { randomFrom } from "./random.ts";

const CORPUS = new URL("./corpus/", import.meta.url);
const MUTATIONS_PER_SEED = 400;
const FIRST_SEED = 1;

const CONTEXT = { id: "t", kind: "client", clientAddress: "127.0.0.1", protocol: "internal" } as const;
const REQUEST = {
  context: CONTEXT,
  method: "GET",
  scheme: "http",
  authority: "a.example",
  path: "/",
  fields: new Fields(),
  contentLength: 0,
} as const;

function readCorpus(): { name: string; bytes: Uint8Array }[] {
  return [...Deno.readDirSync(CORPUS)].filter((entry) => entry.name.endsWith(".hex")).map(({ name }) => {
    const pairs = Deno.readTextFileSync(new URL(name, CORPUS)).replaceAll(/\s/g, "").match(/../g) ?? [];
    return { name, bytes: Uint8Array.from(pairs, (pair) => parseInt(pair, 16)) };
  });
}

/** Flips, inserts, removes, repeats and splices a few bytes. */
function mutate(input: { bytes: Uint8Array; other: Uint8Array }, random: () => number): Uint8Array {
  let bytes = [...input.bytes];
  for (let count = Math.floor(random() * 6); count >= 0; count--) {
    const at = Math.floor(random() * bytes.length);
    const length = 1 + Math.floor(random() * 20);
    const kind = Math.floor(random() * 6);
    if (kind < 2) bytes[at] = Math.floor(random() * 256);
    else if (kind === 2) bytes.splice(at, length);
    else if (kind === 3) bytes.splice(at, 0, ...Array.from({ length }, () => Math.floor(random() * 256)));
    else if (kind === 4) bytes = [...bytes.slice(0, at), ...bytes.slice(at, at + 60), ...bytes.slice(at)];
    else bytes = [...bytes.slice(0, at), ...input.other.subarray(Math.floor(random() * input.other.length))];
  }
  return Uint8Array.from(bytes);
}

function feed(connection: Http2Connection<null>, bytes: Uint8Array, random: () => number): void {
  let now = 1;
  for (let at = 0; at < bytes.length;) {
    const size = 1 + Math.floor(random() * 40);
    connection.receive(bytes.subarray(at, at + size), now++);
    at += size;
    for (let event = connection.nextEvent(); event !== null; event = connection.nextEvent()) {
      if (event.kind === "request" || event.kind === "stream_refused") {
        connection.sendHead(event.stream, { status: 200, fields: new Fields(), contentLength: null });
        connection.sendBody(event.stream, new Uint8Array(Math.floor(random() * 70_000)));
        if (random() < 0.5) connection.sendEnd(event.stream, null);
        else if (random() < 0.3) connection.reset(event.stream, 2);
      } else if (event.kind === "body" && random() < 0.7) {
        connection.consumed(event.stream, event.bytes.length);
      }
    }
    const chunk = random() < 0.6 ? connection.takeOutput() : null;
    if (chunk !== null) connection.outputWritten(chunk);
    if (random() < 0.05) connection.handleTimeout(now += 500);
  }
}

function checkBounds(connection: Http2Connection<null>): void {
  const { streams, openHeadBytes, unconsumedBytes, receiveWindowBytes } = connection.counts;
  assert(streams <= DEFAULT_HTTP2_LIMITS.maxConcurrentStreams);
  assert(openHeadBytes <= DEFAULT_HTTP2_LIMITS.maxOpenHeadBytes);
  assert(unconsumedBytes >= 0 && receiveWindowBytes >= 0);
  connection.abandon();
  const left = connection.counts;
  assert.deepEqual([left.streams, left.openHeadBytes, left.unconsumedBytes, left.heldBytes], [0, 0, 0, 0]);
}

const corpus = readCorpus();

for (const role of ["server", "client"] as const) {
  Deno.test(`Http2Connection as ${role} survives mutations of the corpus`, () => {
    let seed = FIRST_SEED;
    for (const { name, bytes } of corpus) {
      for (let run = 0; run < MUTATIONS_PER_SEED; run++, seed++) {
        const random = randomFrom(seed);
        const other = corpus[Math.floor(random() * corpus.length)]?.bytes ?? bytes;
        const input = run === 0 ? bytes : mutate({ bytes, other }, random);
        const connection = new Http2Connection<null>({
          role,
          limits: DEFAULT_HTTP2_LIMITS,
          stallTimeoutMs: 60_000,
          now: 0,
        });
        if (role === "client") connection.sendRequest(REQUEST, null);
        try {
          feed(connection, input, random);
          checkBounds(connection);
        } catch (error) {
          throw new Error(`${name}, seed ${seed}`, { cause: error });
        }
      }
    }
  });
}
