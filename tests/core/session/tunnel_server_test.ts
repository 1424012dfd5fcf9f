import assert from "node:assert/strict";
import { TunnelServer } from "../../../core/session/tunnel_server.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { HandshakeTally } from "../../../shared/handshake/handshake_tally.ts";
import { PeerKeys } from "../../../shared/handshake/peer_keys.ts";
import type { PeerSigner } from "../../../shared/handshake/peer_signer.ts";
import { performEdgeHandshake } from "../../../shared/handshake/perform_edge_handshake.ts";
import type { LaneConnection } from "../../../shared/transport/lane_connection.ts";
import { DEFAULT_REDUNDANCY } from "../../../shared/tunnel/redundancy.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/tunnel/session_limits.ts";
import { eventually } from "../../support/eventually.ts";
import { LiveHandler } from "../../support/live_exchange.ts";
import { LogLines } from "../../support/log_lines.ts";
import { createEdge } from "../../shared/handshake/handshake_fixture.ts";
import {
  closeQuietly,
  dialLoopback,
  listenOnLoopback,
  SERVER_NAME,
  untilLost,
} from "../../shared/transport/lane_fixture.ts";

const KEYS = { "hk-1": createEdge(), "hk-2": createEdge() };
type EdgeName = keyof typeof KEYS;
const NEVER = new AbortController().signal;

class ServerFixture implements AsyncDisposable {
  readonly tally = new HandshakeTally();
  readonly log = new LogLines("core");
  readonly server: TunnelServer;
  readonly #listener = listenOnLoopback("tls");
  readonly #serving: Promise<void>;
  readonly #lanes: LaneConnection[] = [];

  constructor({ maxConnections = 100 } = {}) {
    this.server = new TunnelServer({
      keys: new PeerKeys(Object.entries(KEYS).map(([name, { publicKey }]) => ({ name, publicKey }))),
      serverNames: new Set([SERVER_NAME]),
      limits: { ...DEFAULT_SESSION_LIMITS, resumeTimeoutMs: 60_000 },
      redundancy: DEFAULT_REDUNDANCY,
      clock: SYSTEM_CLOCK,
      log: this.log.log,
      tally: this.tally,
      maxConnections,
      wallClock: Date.now,
      handlerFor: () => new LiveHandler().handler,
    });
    this.#serving = this.server.serve(this.#listener);
  }

  async dial(): Promise<LaneConnection> {
    const lane = await dialLoopback("tls", this.#listener.localAddress);
    this.#lanes.push(lane);
    return lane;
  }

  async join(edgeName: EdgeName, options: { sessionId?: Uint8Array | null; sign?: PeerSigner } = {}) {
    const { sessionId = null, sign = KEYS[edgeName].sign } = options;
    const lane = await this.dial();
    return performEdgeHandshake(lane, {
      edgeName,
      serverName: SERVER_NAME,
      sessionId,
      sign,
      clock: SYSTEM_CLOCK,
    });
  }

  get edges(): string[] {
    return [...this.server.sessions].map(({ edge }) => edge);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lane of this.#lanes) closeQuietly(lane);
    await this.server.drain(AbortSignal.abort());
    this.#listener.close();
    await this.#serving;
  }
}

Deno.test("TunnelServer gives a session back only to the edge that began it", async () => {
  await using fixture = new ServerFixture();
  const first = await fixture.join("hk-1");
  assert.ok(first.kind === "accepted" && !first.resumed);
  const { sessionId } = first;
  const again = await fixture.join("hk-1", { sessionId });
  assert.ok(again.kind === "accepted" && again.resumed);
  assert.deepEqual(again.sessionId, sessionId);
  const thief = await fixture.join("hk-2", { sessionId });
  assert.ok(thief.kind === "accepted" && !thief.resumed);
  assert.notDeepEqual(thief.sessionId, sessionId);
  const unknown = await fixture.join("hk-1", { sessionId: new Uint8Array(16) });
  assert.ok(unknown.kind === "accepted" && !unknown.resumed);
  assert.deepEqual(fixture.edges, ["hk-1", "hk-2", "hk-1"]);
  const wrong = await fixture.join("hk-1", { sessionId, sign: KEYS["hk-2"].sign });
  assert.deepEqual(wrong, { kind: "refused", reason: "refused" });
});

Deno.test("TunnelServer bounds the sessions of one edge, and no other edge feels it", async () => {
  await using fixture = new ServerFixture();
  const results = [];
  for (let i = 0; i < 65; i++) results.push(await fixture.join("hk-1"));
  assert.deepEqual(results.slice(0, 64).filter(({ kind }) => kind !== "accepted"), []);
  assert.deepEqual(results[64], { kind: "refused", reason: "unavailable" });
  assert.equal((await fixture.join("hk-2")).kind, "accepted");
});

Deno.test("TunnelServer turns connections away above its limit, those without a proof included", async () => {
  await using fixture = new ServerFixture({ maxConnections: 2 });
  assert.equal((await fixture.join("hk-1")).kind, "accepted");
  await fixture.dial();
  await eventually(() => fixture.tally.pending === 1);
  await untilLost(await fixture.dial());
  assert.equal(fixture.tally.refused.overloaded, 1);
});

Deno.test("TunnelServer that drains resumes sessions and begins none", async () => {
  await using fixture = new ServerFixture();
  const first = await fixture.join("hk-1");
  assert.ok(first.kind === "accepted");
  const stop = new AbortController();
  const draining = fixture.server.drain(stop.signal);
  assert.deepEqual(await fixture.join("hk-1"), { kind: "refused", reason: "unavailable" });
  const again = await fixture.join("hk-1", { sessionId: first.sessionId });
  assert.ok(again.kind === "accepted" && again.resumed);
  stop.abort();
  await draining;
  assert.deepEqual(fixture.edges, []);
});

Deno.test("TunnelServer.drain() ends handshakes that are under way", async () => {
  await using fixture = new ServerFixture();
  const silent = await fixture.dial();
  await eventually(() => fixture.tally.pending === 1);
  await fixture.server.drain(NEVER);
  assert.equal(fixture.tally.pending, 0);
  await untilLost(silent);
});
