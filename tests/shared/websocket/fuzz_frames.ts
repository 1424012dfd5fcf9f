/**
 * Fuzzes the frame reader: `deno run -A tests/shared/websocket/fuzz_frames.ts [seed] [runs]`. Inputs are streams of
 * frames with some bytes broken. Checked for each: the events are those of the reference, however the input is cut.
 */
import assert from "node:assert/strict";
import { OPCODE } from "../../../shared/websocket/opcode.ts";
import { referenceTranscript } from "./reference_reader.ts";
import {
  concatenate,
  encodeFrames,
  textBytes,
  type TranscriptEntry,
  transcriptOf,
  type WrittenFrame,
} from "./websocket_transcript.ts";

const LIMIT = 400;
const TEXTS = ["", "a", "ñ", "令牌", "\u{1f600}", "plain text", "x".repeat(130)];

/** A generator that gives the same numbers for the same seed (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) % below;
  };
}

/** Throws with the seed and the run at the first input that is read differently. */
export function fuzzFrames({ seed, runs }: { seed: number; runs: number }): Record<string, number> {
  const next = seeded(seed);
  const seen: Record<string, number> = {};
  for (let run = 0; run < runs; run++) {
    const role = next(2) === 0 ? "server" : "client";
    const input = makeInput(next, role === "server" ? "client" : "server");
    const options = { role, maxMessageBytes: LIMIT } as const;
    const expected = withoutCutText(referenceTranscript(input, options));
    const message = `seed ${seed}, run ${run}: ${input.toHex()}`;
    assert.deepEqual(withoutCutText(transcriptOf([input], options)), expected, message);
    assert.deepEqual(withoutCutText(transcriptOf(cutAnywhere(input, next), options)), expected, message);
    for (const { kind } of expected) seen[kind] = (seen[kind] ?? 0) + 1;
  }
  return seen;
}

function makeInput(next: (below: number) => number, from: "client" | "server"): Uint8Array {
  const frames: WrittenFrame[] = [];
  let isOpen = false;
  for (let count = 1 + next(6); count > 0; count--) {
    const isControl = next(4) === 0;
    const isFinal = isControl || next(3) > 0;
    const payload = textBytes(TEXTS[next(TEXTS.length)] ?? "");
    if (isControl) {
      const opcode = [OPCODE.ping, OPCODE.pong, OPCODE.close][next(3)] ?? OPCODE.ping;
      const code = Uint8Array.of(3, 0xe4 + next(28));
      const isClose = opcode === OPCODE.close && next(4) > 0;
      frames.push({ opcode, payload: (isClose ? concatenate([code, payload]) : payload).subarray(0, 125) });
    } else {
      const begins = next(20) === 0 ? isOpen : !isOpen;
      frames.push({ opcode: begins ? [OPCODE.text, OPCODE.binary][next(2)] ?? 1 : 0, payload, isFinal });
      isOpen = !isFinal;
    }
  }
  const bytes = encodeFrames(frames, from);
  for (let broken = next(4); broken > 0; broken--) bytes[next(bytes.length)] = next(256);
  return next(3) === 0 ? bytes.subarray(0, next(bytes.length + 1)) : bytes;
}

function cutAnywhere(bytes: Uint8Array, next: (below: number) => number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + next(next(2) === 0 ? 3 : 60);
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** What came of a text in the frame that breaks it hangs on the cuts. */
function withoutCutText(entries: TranscriptEntry[]): TranscriptEntry[] {
  const before = entries.at(-2);
  const isCut = entries.at(-1)?.kind === "violation" && before?.kind === "data" && !before.endsMessage;
  return isCut ? entries.toSpliced(-2, 1) : entries;
}

if (import.meta.main) {
  console.log(fuzzFrames({ seed: Number(Deno.args[0] ?? 1), runs: Number(Deno.args[1] ?? 100_000) }));
}
