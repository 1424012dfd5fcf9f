/** Peers that are half open, wrong, old, new, oversized or mad, over real listeners. */
import assert from "node:assert/strict";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { encodeHandshakeMessage } from "../../../shared/handshake/handshake_codec.ts";
import type { HelloMessage } from "../../../shared/handshake/handshake_message.ts";
import type { LaneRefusal } from "../../../shared/handshake/handshake_tally.ts";
import { performEdgeHandshake } from "../../../shared/handshake/perform_edge_handshake.ts";
import type { ByteConnection } from "../../../shared/transport/byte_connection.ts";
import type { LaneConnection } from "../../../shared/transport/lane_connection.ts";
import { eventually } from "../../support/eventually.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { concat, createEdge, randomBytes } from "../../shared/handshake/handshake_fixture.ts";
import {
  closeQuietly,
  readExactly,
  SERVER_NAME,
  TRANSPORTS,
  untilLost,
  writeAll,
} from "../../shared/transport/lane_fixture.ts";
import { EDGE_KEY, EDGE_NAME, ListeningCore } from "./listening_core.ts";

const REFUSED = encodeHandshakeMessage({ kind: "reject", code: "refused" });
const WRONG_VERSION = encodeHandshakeMessage({ kind: "reject", code: "version" });

function hello(changes: Partial<HelloMessage> = {}): Uint8Array {
  return encodeHandshakeMessage({
    kind: "hello",
    versions: [1],
    edgeName: EDGE_NAME,
    serverName: SERVER_NAME,
    nonce: randomBytes(32),
    sessionId: null,
    ...changes,
  });
}

/** What a peer says first, how it is counted, and what it hears. */
const FIRST_WORDS: readonly [what: string, bytes: Uint8Array, reason: LaneRefusal, answer: Uint8Array][] = [
  ["junk", new Uint8Array(200).fill(0x0b), "malformed", REFUSED],
  ["an HTTP request", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), "oversized", REFUSED],
  ["a message that is too long", new Uint8Array([0x10, 0x01, 0x01]), "oversized", REFUSED],
  ["a message of another kind", new Uint8Array([0, 0, 4]), "malformed", REFUSED],
  ["a knock at a core", new Uint8Array([0, 0, 6]), "malformed", REFUSED],
  ["a frame before the handshake is over", concat(hello(), new Uint8Array(1)), "malformed", REFUSED],
  ["a version from the past", hello({ versions: [2, 3] }), "version", WRONG_VERSION],
  ["a version from the future", hello({ versions: [65_535] }), "version", WRONG_VERSION],
];

for (const transport of TRANSPORTS) {
  Deno.test(`wrong first words are refused in two kinds of words, and nothing is kept: ${transport}`, async () => {
    await using core = new ListeningCore({ transport });
    for (const [what, bytes, reason, answer] of FIRST_WORDS) {
      const before = core.tally.refused[reason];
      const lane = await core.dial();
      await writeAll(lane, bytes);
      assert.deepEqual(await readExactly(lane, answer.length), answer, what);
      closeQuietly(lane);
      await eventually(() => core.tally.refused[reason] === before + 1, () => what);
    }
    await core.untilNothingIsKept();
    assert.deepEqual(core.sessions, []);
    await core.serveOne();
  });

  Deno.test(`unknown edges, wrong keys and wrong names cannot be told apart: ${transport}`, async () => {
    await using core = new ListeningCore({ transport });
    const impostors = [
      ["unknown_edge", { edgeName: "hk-9", sign: EDGE_KEY.sign, serverName: SERVER_NAME }],
      ["wrong_key", { edgeName: EDGE_NAME, sign: createEdge().sign, serverName: SERVER_NAME }],
      ["server_name", { edgeName: EDGE_NAME, sign: EDGE_KEY.sign, serverName: "other.test" }],
    ] as const;
    for (const [reason, options] of impostors) {
      const lane = new RecordingLane(await core.dial());
      const result = await performEdgeHandshake(lane, { ...options, sessionId: null, clock: SYSTEM_CLOCK });
      assert.deepEqual(result, { kind: "refused", reason: "refused" });
      assert.deepEqual(lane.heard.at(-1)?.slice(-REFUSED.length), REFUSED);
      await eventually(() => core.tally.refused[reason] === 1);
    }
    await core.untilNothingIsKept();
    assert.deepEqual(core.sessions, []);
  });

  Deno.test(`a recorded handshake opens no lane: ${transport}`, async () => {
    await using core = new ListeningCore({ transport });
    const lane = new RecordingLane(await core.dial());
    const options = { edgeName: EDGE_NAME, serverName: SERVER_NAME, sign: EDGE_KEY.sign };
    const result = await performEdgeHandshake(lane, { ...options, sessionId: null, clock: SYSTEM_CLOCK });
    assert.equal(result.kind, "accepted");
    const replay = await core.dial();
    for (const bytes of lane.written) {
      await writeAll(replay, bytes);
      await replay.read(new Uint8Array(200));
    }
    closeQuietly(replay);
    await eventually(() => core.tally.refused.wrong_key === 1);
    assert.equal(core.sessions.length, 1, "the one that was recorded");
  });

  Deno.test(`peers that say nothing, or half a word, are let go: ${transport}`, async () => {
    const clock = new ManualClock();
    await using core = new ListeningCore({ transport, clock });
    const silent: LaneConnection[] = [];
    for (const words of [[0], [0, 60, 1], [...hello().subarray(0, 40)]]) {
      const lane = await core.dial();
      await writeAll(lane, new Uint8Array(words));
      silent.push(lane);
    }
    await eventually(() => core.tally.pending === silent.length);
    clock.advance(5_000);
    for (const lane of silent) await untilLost(lane);
    await core.untilNothingIsKept();
    assert.equal(core.tally.refused.timeout, silent.length);
    await core.serveOne();
  });

  Deno.test(`an edge that stops in the middle of its proof is let go: ${transport}`, async () => {
    const clock = new ManualClock();
    await using core = new ListeningCore({ transport, clock });
    const lane = await core.dial();
    await writeAll(lane, hello());
    await lane.read(new Uint8Array(200));
    await writeAll(lane, new Uint8Array([0, 66, 3, 10, 64]));
    clock.advance(5_000);
    await untilLost(lane);
    await core.untilNothingIsKept();
    assert.equal(core.tally.refused.timeout, 1);
  });
}

/** Keeps what crosses a lane. */
class RecordingLane implements ByteConnection {
  readonly written: Uint8Array[] = [];
  readonly heard: Uint8Array[] = [];
  readonly #lane: LaneConnection;

  constructor(lane: LaneConnection) {
    this.#lane = lane;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const length = await this.#lane.read(buffer);
    if (length !== null) this.heard.push(buffer.slice(0, length));
    return length;
  }

  async write(bytes: Uint8Array): Promise<number> {
    const length = await this.#lane.write(bytes);
    this.written.push(bytes.slice(0, length));
    return length;
  }

  close(): void {
    closeQuietly(this.#lane);
  }
}
