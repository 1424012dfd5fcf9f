/**
 * Fuzzes both codecs from the kept corpus: `deno run -A tests/shared/http1/fuzz_http1.ts [seed] [runs]`.
 * A failing input is written into the corpus folder, which the tests run whole; what it broke is printed.
 *
 * Checked for every input: nothing is thrown; cutting changes no event and no output; what is kept stays bounded; work
 * is in proportion to the input; after a refusal or a break nothing more comes.
 */
import assert from "node:assert/strict";
import { DEFAULT_HTTP1_LIMITS, type Http1Limits } from "../../../shared/http1/http1_limits.ts";
import {
  clientTranscript,
  cut,
  serverTranscript,
  type Transcript,
  type TranscriptOptions,
} from "./transcript.ts";
import { countWork } from "./work_counter.ts";

export type Role = "server" | "client";
const CORPUS = new URL("./corpus/", import.meta.url);
const MAX_INPUT_BYTES = 4096;
/** Small, so that inputs of fuzzing size reach them. */
const LIMITS: Http1Limits = {
  ...DEFAULT_HTTP1_LIMITS,
  ...{
    maxHeadBytes: 1024,
    maxFieldCount: 12,
    maxTargetBytes: 100,
    maxTrailerBytes: 128,
    maxChunkLineBytes: 32,
  },
};
/** Looking, holding, doubling and decoding, and the transcript's own two copies of each piece. */
const WORK_PER_BYTE = 12;

/** Pieces of the grammar and of what breaks it. */
const WORDS = [
  ...[
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "\0",
    "\x0b",
    "\x7f",
    "\x80",
    "\xff",
    "0",
    "1",
    "a",
    "ff",
  ],
  ...[
    "0\r\n\r\n",
    "1\r\na\r\n",
    "GET / HTTP/1.1\r\n",
    "POST / HTTP/1.0\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 103\r\n",
  ],
  ...[
    "Host: a\r\n",
    "Content-Length: 1\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "X: y\r\n",
  ],
  ...[
    "Connection: close\r\n",
    "Connection: x, te\r\n",
    "Expect: 100-continue\r\n",
    "TE: trailers\r\n",
    "Upgrade: h2c\r\n",
  ],
  ...[
    "http://a",
    "*",
    "OPTIONS",
    "HEAD",
    "CONNECT",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "9007199254740993",
    "+",
    "0x",
  ],
];

/** A generator of 32-bit numbers from one seed (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export function readCorpus(role: Role): { name: string; bytes: Uint8Array }[] {
  const folder = new URL(`${role}/`, CORPUS);
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort()
    .map((name) => ({ name, bytes: Deno.readFileSync(new URL(name, folder)) }));
}

/** Deletes, doubles, overwrites, inserts words and splices a second input in, a few times. */
export function mutate(input: Uint8Array, other: Uint8Array, random: (below: number) => number): Uint8Array {
  let bytes = [...input];
  for (let rounds = 1 + random(4); rounds > 0; rounds--) {
    const at = random(bytes.length + 1);
    const length = random(12);
    const word = [...(WORDS[random(WORDS.length)] ?? "")].map((unit) => unit.charCodeAt(0));
    const otherAt = random(other.length + 1);
    const inserted = [
      [],
      word,
      bytes.slice(at, at + length),
      [random(256)],
      [...other.subarray(otherAt, otherAt + random(200))],
    ][random(5)] ?? [];
    const removed = random(2) * length;
    bytes = [...bytes.slice(0, at), ...inserted, ...bytes.slice(at + removed)];
  }
  return Uint8Array.from(bytes.slice(0, MAX_INPUT_BYTES));
}

/** @throws {assert.AssertionError} naming the invariant that `bytes` break */
export function checkInput(role: Role, bytes: Uint8Array, seed: number): void {
  const random = randomFrom(seed);
  const read = role === "server" ? serverTranscript : clientTranscript;
  const methods = ["GET", "HEAD", "POST"];
  const options: TranscriptOptions = {
    limits: LIMITS,
    ends: random(4) > 0,
    method: methods[random(3)] ?? "GET",
  };
  const whole = read([bytes], options);
  for (
    const pieces of [cut(bytes, 1), cut(bytes, 1 + random(50)), cut(bytes, 1 + random(bytes.length + 1))]
  ) {
    let seen: Transcript | null = null;
    const work = countWork(() => seen = read(pieces, options));
    assert.ok(seen !== null);
    const { lines, output, maxHeldBytes, isClosed }: Transcript = seen;
    assert.deepEqual(lines, whole.lines, "cutting changes the events");
    assert.equal(output, whole.output, "cutting changes the output");
    assert.equal(isClosed, whole.isClosed, "cutting changes the end");
    assert.ok(work <= WORK_PER_BYTE * bytes.length + 600 * whole.lines.length + 4096, `work of ${work}`);
    assert.ok(maxHeldBytes <= LIMITS.maxHeadBytes + LIMITS.maxTrailerBytes, `holds ${maxHeldBytes}`);
  }
  const lastAt = whole.lines.findIndex((line) => /^(refused|broken)/.test(line));
  assert.ok(lastAt < 0 || lastAt === whole.lines.length - 1, "events after the last");
  if (role === "server" && options.ends === true && lastAt < 0) {
    const isOver = whole.isClosed || whole.lines.at(-1)?.includes("left");
    assert.ok(isOver, "the end of the input goes unnoticed");
  }
  if (role === "client" && options.ends === true) {
    assert.ok(/^broken|"kind":"end"/.test(whole.lines.at(-1) ?? ""), "the end of the input goes unnoticed");
  }
}

/** Runs every corpus file and `runs` mutations of each role. @throws as `checkInput`, with seed and input told */
export function fuzz(
  options: { seed: number; runs: number; onFailure?(role: Role, bytes: Uint8Array): void },
): void {
  for (const role of ["server", "client"] as const) {
    const corpus = readCorpus(role);
    const random = randomFrom(options.seed);
    const pick = () => corpus[random(corpus.length)]?.bytes ?? new Uint8Array(0);
    for (let run = -corpus.length; run < options.runs; run++) {
      const bytes = run < 0 ? corpus[run + corpus.length]?.bytes ?? pick() : mutate(pick(), pick(), random);
      try {
        checkInput(role, bytes, options.seed + run);
      } catch (error) {
        options.onFailure?.(role, bytes);
        const told = JSON.stringify(String.fromCharCode(...bytes));
        throw new Error(`${role}, seed ${options.seed}, run ${run}: ${told}`, { cause: error });
      }
    }
  }
}

if (import.meta.main) {
  const seed = Number(Deno.args[0] ?? Date.now() % 1e9);
  const runs = Number(Deno.args[1] ?? 100_000);
  console.log(`seed ${seed}, ${runs} runs`);
  fuzz({
    seed,
    runs,
    onFailure(role, bytes) {
      Deno.writeFileSync(new URL(`${role}/found_${seed}.http`, CORPUS), bytes);
    },
  });
}
