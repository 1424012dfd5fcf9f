import assert from "node:assert/strict";
import { CoreKnock, type CoreKnockOptions } from "../../../shared/handshake/core_knock.ts";
import { EdgeKnock, type EdgeKnockOptions, type KnockRefusal } from "../../../shared/handshake/edge_knock.ts";
import { encodeHandshakeMessage } from "../../../shared/handshake/handshake_codec.ts";
import { dialledByName } from "../../../shared/handshake/handshake_names.ts";
import { PeerKeys } from "../../../shared/handshake/peer_keys.ts";
import {
  concat,
  createCoreHalf,
  createEdge,
  createEdgeHalf,
  NOW,
  randomBytes,
  runBoth,
} from "./handshake_fixture.ts";

const CORE = createEdge();
const STRANGER = createEdge();
const UNIFORM_REJECT = encodeHandshakeMessage({ kind: "reject", code: "refused" });

function createCoreKnock(options: Partial<CoreKnockOptions> = {}): CoreKnock {
  return new CoreKnock({
    coreName: "sz-1",
    edgeName: "hk-1",
    serverName: "edge.test",
    nonce: randomBytes(32),
    versions: [1],
    sign: CORE.sign,
    ...options,
  });
}

function createEdgeKnock(options: Partial<EdgeKnockOptions> = {}): EdgeKnock {
  return new EdgeKnock({
    edgeName: "hk-1",
    serverNames: new Set(["edge.test"]),
    nonce: randomBytes(32),
    versions: [1],
    keys: new PeerKeys([{ name: "sz-1", publicKey: CORE.publicKey }]),
    ...options,
  });
}

/** Passes bytes between the halves until both are silent; what each side sent, in order. */
function knock(core: CoreKnock, edge: EdgeKnock): { fromCore: Uint8Array[]; fromEdge: Uint8Array[] } {
  const [fromCore, fromEdge]: [Uint8Array[], Uint8Array[]] = [[], []];
  for (;;) {
    const up = core.takeOutput();
    if (up !== null) {
      fromCore.push(up);
      if (edge.outcome === null) edge.receive(up, NOW);
    }
    const down = edge.takeOutput();
    if (down !== null) {
      fromEdge.push(down);
      if (core.outcome === null) core.receive(down);
    }
    if (up === null && down === null) return { fromCore, fromEdge };
  }
}

function reasonOf(edge: EdgeKnock): string {
  const { outcome } = edge;
  return outcome === null ? "open" : outcome.kind === "proved" ? "proved" : outcome.reason;
}

Deno.test("CoreKnock proves the core to EdgeKnock, which says nothing more", () => {
  const [core, edge] = [createCoreKnock(), createEdgeKnock()];
  const { fromEdge } = knock(core, edge);
  assert.deepEqual(edge.outcome, { kind: "proved", coreName: "sz-1" });
  assert.deepEqual(core.outcome, { kind: "proved" });
  assert.equal(fromEdge.length, 1);
});

const REFUSALS: {
  what: string;
  reason: KnockRefusal;
  core?: Partial<CoreKnockOptions>;
  edge?: Partial<EdgeKnockOptions>;
}[] = [
  { what: "an unknown core", reason: "unknown_core", core: { coreName: "sz-2" } },
  { what: "a wrong key", reason: "wrong_key", core: { sign: STRANGER.sign } },
  { what: "a signature of zeros", reason: "wrong_key", core: { sign: () => new Uint8Array(64) } },
  { what: "a core that means another edge", reason: "edge_name", core: { edgeName: "hk-2" } },
  {
    what: "a core that verified another certificate",
    reason: "server_name",
    core: { serverName: "other.test" },
  },
];

for (const { what, reason, core, edge } of REFUSALS) {
  Deno.test(`EdgeKnock refuses ${what}, telling nothing`, () => {
    const [coreHalf, edgeHalf] = [createCoreKnock(core), createEdgeKnock(edge)];
    const { fromEdge } = knock(coreHalf, edgeHalf);
    assert.equal(reasonOf(edgeHalf), reason);
    assert.equal(fromEdge.length, 2, "an invite and a reject, as for everyone");
    assert.deepEqual(fromEdge[1], UNIFORM_REJECT);
  });
}

Deno.test("EdgeKnock takes a wildcard certificate for the names it covers", () => {
  const serverNames = new Set(["*.edges.test"]);
  for (
    const [serverName, reason] of [["hk.edges.test", "proved"], ["a.hk.edges.test", "server_name"]] as const
  ) {
    const edge = createEdgeKnock({ serverNames });
    knock(createCoreKnock({ serverName }), edge);
    assert.equal(reasonOf(edge), reason);
  }
});

Deno.test("an edge that lures a core cannot pass its proof on to another edge", () => {
  // The core dials hk-evil, whose certificate is for evil.test; hk-evil hands everything on to hk-1.
  const lured = createCoreKnock({ edgeName: "hk-evil", serverName: "evil.test" });
  const victim = createEdgeKnock();
  knock(lured, victim);
  assert.equal(reasonOf(victim), "edge_name");
  // The core's file calls both edges hk-1: the certificate still tells them apart.
  const confused = createCoreKnock({ serverName: "evil.test" });
  const second = createEdgeKnock();
  knock(confused, second);
  assert.equal(reasonOf(second), "server_name");
});

Deno.test("a recorded knock does not work again", () => {
  const { fromCore } = knock(createCoreKnock(), createEdgeKnock());
  const edge = createEdgeKnock();
  for (const bytes of fromCore) edge.receive(bytes, NOW);
  assert.equal(reasonOf(edge), "wrong_key");
});

Deno.test("a knock and a lane handshake cannot stand for each other", () => {
  for (const type of [0, 1, 2, 3, 4, 5, 7, 8, 9, 255]) {
    const edge = createEdgeKnock();
    edge.receive(new Uint8Array([0, 100, type]), NOW);
    assert.equal(reasonOf(edge), "malformed", `type ${type}`);
  }
  for (const type of [2, 3, 4, 6, 7, 8]) {
    const core = createCoreHalf({ dialledEdge: "hk-1" });
    core.receive(new Uint8Array([0, 100, type]), NOW);
    assert.deepEqual(core.outcome, { kind: "refused", reason: "malformed", edgeName: null });
  }
});

Deno.test("any changed bit of a knock keeps the core from being trusted", () => {
  const nonce = randomBytes(32);
  const { fromCore } = knock(createCoreKnock(), createEdgeKnock({ nonce }));
  const [first, second] = fromCore as [Uint8Array, Uint8Array];
  for (const [index, frame] of [first, second].entries()) {
    for (let position = 0; position < frame.length; position++) {
      const changed = frame.slice();
      changed[position] = (changed[position] ?? 0) ^ (1 << (position % 8));
      const edge = createEdgeKnock({ nonce });
      edge.receive(index === 0 ? changed : first, NOW);
      if (edge.outcome === null) edge.receive(index === 0 ? second : changed, NOW);
      assert.notEqual(reasonOf(edge), "proved", `frame ${index}, byte ${position}`);
    }
  }
});

Deno.test("EdgeKnock waits at every cut of a knock and finishes wherever it is split", () => {
  const nonce = randomBytes(32);
  const { fromCore, fromEdge } = knock(createCoreKnock(), createEdgeKnock({ nonce }));
  const [first, second] = fromCore as [Uint8Array, Uint8Array];
  for (const [frame, isFirst] of [[first, true], [second, false]] as const) {
    for (let cut = 0; cut < frame.length; cut++) {
      const edge = createEdgeKnock({ nonce });
      if (!isFirst) edge.receive(first, NOW);
      edge.receive(frame.slice(0, cut), NOW);
      assert.equal(edge.outcome, null, `cut at ${cut}`);
      edge.receive(frame.slice(cut), NOW);
      if (isFirst) edge.receive(second, NOW);
      assert.equal(reasonOf(edge), "proved");
    }
  }
  const [invite] = fromEdge as [Uint8Array];
  for (let cut = 0; cut < invite.length; cut++) {
    const core = createCoreKnock();
    core.takeOutput();
    core.receive(invite.slice(0, cut));
    assert.equal(core.outcome, null, `cut at ${cut}`);
    core.receive(invite.slice(cut));
    assert.deepEqual(core.outcome, { kind: "proved" });
  }
});

Deno.test("bytes before their time end a knock on either side", () => {
  const first = createCoreKnock().takeOutput() ?? assert.fail();
  const edge = createEdgeKnock();
  edge.receive(concat(first, new Uint8Array(1)), NOW);
  assert.equal(reasonOf(edge), "malformed");
  const core = createCoreKnock();
  core.takeOutput();
  const invite = encodeHandshakeMessage({ kind: "invite", version: 1, nonce: randomBytes(32) });
  core.receive(concat(invite, new Uint8Array(1)));
  assert.deepEqual(core.outcome, { kind: "refused", reason: "protocol" });
  assert.equal(core.takeOutput(), null, "nothing is signed");
});

Deno.test("EdgeKnock and CoreKnock agree on the highest common version or say that there is none", () => {
  const edge = createEdgeKnock({ versions: [1, 2, 4] });
  knock(createCoreKnock({ versions: [3, 1, 2] }), edge);
  assert.equal(reasonOf(edge), "proved");
  const [old, next] = [createCoreKnock({ versions: [1] }), createEdgeKnock({ versions: [2] })];
  knock(old, next);
  assert.deepEqual(old.outcome, { kind: "refused", reason: "version" });
  assert.equal(reasonOf(next), "version");
  const forced = createCoreKnock({ versions: [2] });
  forced.takeOutput();
  forced.receive(encodeHandshakeMessage({ kind: "invite", version: 1, nonce: randomBytes(32) }));
  assert.deepEqual(forced.outcome, { kind: "refused", reason: "protocol" });
});

Deno.test("EdgeKnock outlives junk of every length and refuses oversized frames by their header", () => {
  for (let length = 1; length < 400; length++) {
    const edge = createEdgeKnock();
    edge.receive(randomBytes(length), NOW);
    assert.notEqual(reasonOf(edge), "proved");
  }
  const edge = createEdgeKnock();
  edge.receive(new Uint8Array([0x10, 0x01]), NOW);
  assert.equal(reasonOf(edge), "oversized");
});

Deno.test("CoreHandshake on a dialled lane trusts the edge it meant and no other", () => {
  const serverName = dialledByName("sz-1");
  const options = { serverNames: new Set([serverName]), dialledEdge: "hk-1" };
  const core = createCoreHalf(options);
  runBoth(createEdgeHalf({ serverName }), core);
  assert.equal(core.outcome?.kind, "accepted");
  const other = createCoreHalf({ ...options, dialledEdge: "hk-2" });
  runBoth(createEdgeHalf({ serverName }), other);
  assert.deepEqual(other.outcome, { kind: "refused", reason: "other_edge", edgeName: "hk-1" });
});

Deno.test("an edge's proof to a core that dialled it is worth nothing to another core", () => {
  // sz-evil dialled the edge, and hands the edge's HELLO on to a core that listens as core.test.
  const edge = createEdgeHalf({ serverName: dialledByName("core.test") });
  const listening = createCoreHalf({ serverNames: new Set(["core.test"]) });
  runBoth(edge, listening);
  assert.deepEqual(listening.outcome, { kind: "refused", reason: "server_name", edgeName: "hk-1" });
});

Deno.test("CoreHandshake on a dialled lane hears that the edge turned the core away, and answers nothing", () => {
  const core = createCoreHalf({ dialledEdge: "hk-1" });
  core.receive(UNIFORM_REJECT, NOW);
  assert.deepEqual(core.outcome, { kind: "refused", reason: "turned_away", edgeName: null });
  assert.equal(core.takeOutput(), null);
  const listening = createCoreHalf();
  listening.receive(UNIFORM_REJECT, NOW);
  assert.deepEqual(listening.outcome, { kind: "refused", reason: "malformed", edgeName: null });
});
