import assert from "node:assert/strict";
import type {
  CoreHandshakeOptions,
  CoreOutcome,
  RefusalReason,
} from "../../../shared/handshake/core_handshake.ts";
import type { EdgeHandshake, EdgeHandshakeOptions } from "../../../shared/handshake/edge_handshake.ts";
import { encodeHandshakeMessage } from "../../../shared/handshake/handshake_codec.ts";
import {
  admitAll,
  concat,
  createCoreHalf,
  createEdge,
  createEdgeHalf,
  EDGE,
  edgeKeys,
  LIMITS,
  NOW,
  randomBytes,
  runBoth,
  SESSION_ID,
} from "./handshake_fixture.ts";

const UNIFORM_REJECT = encodeHandshakeMessage({ kind: "reject", code: "refused" });
const DAY_MS = 86_400_000;

function reasonOf(outcome: CoreOutcome | null): string {
  return outcome === null ? "open" : outcome.kind === "accepted" ? "accepted" : outcome.reason;
}

function kindOf(edge: EdgeHandshake): string | null {
  return edge.outcome?.kind ?? null;
}

Deno.test("EdgeHandshake and CoreHandshake agree on a new session", () => {
  const [edge, core] = [createEdgeHalf(), createCoreHalf()];
  runBoth(edge, core);
  assert.deepEqual(core.outcome, {
    kind: "accepted",
    version: 1,
    edgeName: "hk-1",
    sessionId: SESSION_ID,
    resumed: false,
  });
  assert.deepEqual(edge.outcome, {
    kind: "accepted",
    version: 1,
    sessionId: SESSION_ID,
    resumed: false,
    limits: LIMITS,
    coreInstanceId: new Uint8Array(16).fill(9),
    leftover: new Uint8Array(0),
  });
});

Deno.test("CoreHandshake passes the wish for a session on and tells what became of it", () => {
  const sessionId = randomBytes(16);
  const asked: (Uint8Array | null)[] = [];
  const edge = createEdgeHalf({ sessionId });
  runBoth(edge, createCoreHalf({ admit: (trusted) => (asked.push(trusted.sessionId), admitAll(trusted)) }));
  assert.deepEqual(asked, [sessionId]);
  assert.ok(edge.outcome?.kind === "accepted" && edge.outcome.resumed);

  const forgotten = createEdgeHalf({ sessionId });
  runBoth(
    forgotten,
    createCoreHalf({ admit: () => ({ sessionId: SESSION_ID, resumed: false, limits: LIMITS }) }),
  );
  assert.ok(forgotten.outcome?.kind === "accepted" && !forgotten.outcome.resumed);
  assert.deepEqual(forgotten.outcome.sessionId, SESSION_ID);
});

Deno.test("EdgeHandshake refuses a core that claims to resume another session", () => {
  const edge = createEdgeHalf({ sessionId: randomBytes(16) });
  runBoth(edge, createCoreHalf({ admit: () => ({ sessionId: SESSION_ID, resumed: true, limits: LIMITS }) }));
  assert.deepEqual(edge.outcome, { kind: "refused", reason: "protocol" });
});

const stranger = createEdge();
const REFUSALS: {
  what: string;
  reason: RefusalReason;
  edge?: Partial<EdgeHandshakeOptions>;
  core?: Partial<CoreHandshakeOptions>;
}[] = [
  { what: "an unknown edge", reason: "unknown_edge", edge: { edgeName: "hk-2" } },
  { what: "a wrong key", reason: "wrong_key", edge: { sign: stranger.sign } },
  {
    what: "an expired key",
    reason: "expired",
    core: { keys: edgeKeys({ notAfter: new Date(NOW) }) },
  },
  {
    what: "a key of the future",
    reason: "not_yet_valid",
    core: { keys: edgeKeys({ notBefore: new Date(NOW + 1) }) },
  },
  { what: "a disabled key", reason: "disabled", core: { keys: edgeKeys({ disabled: true }) } },
  { what: "another server's name", reason: "server_name", edge: { serverName: "other.test" } },
  { what: "a signature of zeros", reason: "wrong_key", edge: { sign: () => new Uint8Array(64) } },
];

for (const { what, reason, edge, core } of REFUSALS) {
  Deno.test(`CoreHandshake refuses ${what}, telling nothing`, () => {
    const [edgeHalf, coreHalf] = [createEdgeHalf(edge), createCoreHalf(core)];
    const { fromCore } = runBoth(edgeHalf, coreHalf);
    assert.equal(reasonOf(coreHalf.outcome), reason);
    assert.equal(fromCore.length, 2, "a challenge and a reject, as for everyone");
    assert.deepEqual(fromCore[1], UNIFORM_REJECT);
    assert.deepEqual(edgeHalf.outcome, { kind: "refused", reason: "refused" });
  });
}

Deno.test("CoreHandshake takes either of an edge's two keys while one replaces the other", () => {
  const next = createEdge();
  const keys = edgeKeys({ notAfter: new Date(NOW + DAY_MS) }, { publicKey: next.publicKey });
  for (const sign of [EDGE.sign, next.sign]) {
    const core = createCoreHalf({ keys });
    runBoth(createEdgeHalf({ sign }), core);
    assert.equal(reasonOf(core.outcome), "accepted");
  }
  const late = createCoreHalf({ keys });
  runBoth(createEdgeHalf(), late, NOW + DAY_MS);
  assert.equal(reasonOf(late.outcome), "expired");
});

Deno.test("CoreHandshake tells a trusted edge alone that it takes no lane now", () => {
  const edge = createEdgeHalf();
  runBoth(edge, createCoreHalf({ admit: () => null }));
  assert.deepEqual(edge.outcome, { kind: "refused", reason: "unavailable" });
  const strange = createEdgeHalf({ sign: stranger.sign });
  runBoth(strange, createCoreHalf({ admit: () => null }));
  assert.deepEqual(strange.outcome, { kind: "refused", reason: "refused" });
});

Deno.test("CoreHandshake chooses the highest common version and says when there is none", () => {
  const edge = createEdgeHalf({ versions: [3, 1, 2] });
  runBoth(edge, createCoreHalf({ versions: [1, 2, 4] }));
  assert.ok(edge.outcome?.kind === "accepted" && edge.outcome.version === 2);
  const [old, core] = [createEdgeHalf({ versions: [1] }), createCoreHalf({ versions: [2] })];
  runBoth(old, core);
  assert.deepEqual(old.outcome, { kind: "refused", reason: "version" });
  assert.equal(reasonOf(core.outcome), "version");
});

Deno.test("a version list shortened on the way does not lead to a lane", () => {
  const nonce = randomBytes(32);
  const edge = createEdgeHalf({ nonce, versions: [1, 2] });
  edge.takeOutput();
  const core = createCoreHalf({ versions: [1, 2] });
  const shortened = {
    kind: "hello",
    versions: [1],
    edgeName: "hk-1",
    serverName: "core.test",
    nonce,
    sessionId: null,
  };
  core.receive(encodeHandshakeMessage({ ...shortened, kind: "hello" }), NOW);
  edge.receive(core.takeOutput() ?? assert.fail("no challenge"));
  core.receive(edge.takeOutput() ?? assert.fail("no proof"), NOW);
  assert.equal(reasonOf(core.outcome), "wrong_key");
});

Deno.test("EdgeHandshake signs for no version that it did not offer", () => {
  const edge = createEdgeHalf({ versions: [2] });
  runBoth(edge, createCoreHalf({ versions: [1] }));
  const forced = createEdgeHalf({ versions: [2] });
  forced.takeOutput();
  const challenge = { version: 1, nonce: randomBytes(32), coreInstanceId: randomBytes(16) };
  forced.receive(encodeHandshakeMessage({ kind: "challenge", ...challenge }));
  assert.equal(forced.takeOutput(), null);
  assert.deepEqual(forced.outcome, { kind: "refused", reason: "protocol" });
});

Deno.test("a recorded handshake does not work again", () => {
  const { fromEdge } = runBoth(createEdgeHalf(), createCoreHalf());
  const core = createCoreHalf();
  for (const bytes of fromEdge) core.receive(bytes, NOW);
  assert.equal(reasonOf(core.outcome), "wrong_key");
});

Deno.test("a proof for one core instance does not work at another", () => {
  const nonce = randomBytes(32);
  const { fromEdge } = runBoth(createEdgeHalf(), createCoreHalf({ nonce }));
  const other = createCoreHalf({ nonce, coreInstanceId: randomBytes(16) });
  for (const bytes of fromEdge) other.receive(bytes, NOW);
  assert.equal(reasonOf(other.outcome), "wrong_key");
});

Deno.test("any changed bit of the conversation keeps the lane from being accepted", () => {
  const nonce = randomBytes(32);
  const { fromEdge } = runBoth(createEdgeHalf(), createCoreHalf({ nonce }));
  const [hello, proof] = fromEdge as [Uint8Array, Uint8Array];
  for (const [index, frame] of [hello, proof].entries()) {
    for (let position = 0; position < frame.length; position++) {
      const changed = frame.slice();
      changed[position] = (changed[position] ?? 0) ^ (1 << (position % 8));
      const core = createCoreHalf({ nonce });
      core.receive(index === 0 ? changed : hello, NOW);
      if (core.outcome === null) core.receive(index === 0 ? proof : changed, NOW);
      assert.notEqual(reasonOf(core.outcome), "accepted", `frame ${index}, byte ${position}`);
    }
  }
});

Deno.test("both halves wait at every cut of the conversation and finish wherever it is split", () => {
  const nonce = randomBytes(32);
  const edgeNonce = randomBytes(32);
  const { fromEdge, fromCore } = runBoth(createEdgeHalf({ nonce: edgeNonce }), createCoreHalf({ nonce }));
  const [hello, proof] = fromEdge as [Uint8Array, Uint8Array];
  const [challenge, accept] = fromCore as [Uint8Array, Uint8Array];
  for (const [frame, isFirst] of [[hello, true], [proof, false]] as const) {
    for (let cut = 0; cut < frame.length; cut++) {
      const core = createCoreHalf({ nonce });
      if (!isFirst) core.receive(hello, NOW);
      core.receive(frame.slice(0, cut), NOW);
      assert.equal(core.outcome, null, `cut at ${cut}`);
      core.receive(frame.slice(cut), NOW);
      if (isFirst) core.receive(proof, NOW);
      assert.equal(reasonOf(core.outcome), "accepted");
    }
  }
  for (const [frame, isFirst] of [[challenge, true], [accept, false]] as const) {
    for (let cut = 0; cut < frame.length; cut++) {
      const edge = createEdgeHalf({ nonce: edgeNonce });
      if (!isFirst) edge.receive(challenge);
      edge.receive(frame.slice(0, cut));
      assert.equal(kindOf(edge), null, `cut at ${cut}`);
      edge.receive(frame.slice(cut));
      if (isFirst) edge.receive(accept);
      assert.equal(kindOf(edge), "accepted");
    }
  }
});

Deno.test("EdgeHandshake hands on what follows ACCEPT in the same read", () => {
  const [edge, core] = [createEdgeHalf(), createCoreHalf()];
  core.receive(edge.takeOutput() ?? assert.fail(), NOW);
  edge.receive(core.takeOutput() ?? assert.fail());
  core.receive(edge.takeOutput() ?? assert.fail(), NOW);
  const session = randomBytes(50_000);
  const accept = core.takeOutput() ?? assert.fail();
  const joined = concat(accept, session);
  edge.receive(joined.subarray(0, accept.length - 1));
  const last = joined.slice(accept.length - 1);
  edge.receive(last);
  last.fill(0);
  assert.ok(edge.outcome?.kind === "accepted");
  assert.deepEqual(edge.outcome.leftover, session);
});

Deno.test("bytes before their time end the handshake on either side", () => {
  const hello = createEdgeHalf().takeOutput() ?? assert.fail();
  const core = createCoreHalf();
  core.receive(concat(hello, new Uint8Array(1)), NOW);
  assert.equal(reasonOf(core.outcome), "malformed");
  const edge = createEdgeHalf();
  edge.takeOutput();
  const challenge = {
    kind: "challenge",
    version: 1,
    nonce: randomBytes(32),
    coreInstanceId: randomBytes(16),
  } as const;
  edge.receive(concat(encodeHandshakeMessage(challenge), new Uint8Array(1)));
  assert.deepEqual(edge.outcome, { kind: "refused", reason: "protocol" });
});

Deno.test("CoreHandshake refuses an oversized frame by its header alone", () => {
  const core = createCoreHalf();
  core.receive(new Uint8Array([0x10]), NOW);
  assert.equal(core.outcome, null);
  core.receive(new Uint8Array([0x01]), NOW);
  assert.equal(reasonOf(core.outcome), "oversized");
  assert.deepEqual(core.takeOutput(), UNIFORM_REJECT);
});

Deno.test("CoreHandshake refuses the wrong message by its type alone", () => {
  for (const type of [0, 2, 3, 4, 5, 6, 255]) {
    const core = createCoreHalf();
    core.receive(new Uint8Array([0, 100, type]), NOW);
    assert.equal(reasonOf(core.outcome), "malformed", `type ${type}`);
  }
});

Deno.test("CoreHandshake outlives junk of every length", () => {
  for (let length = 1; length < 400; length++) {
    const core = createCoreHalf();
    core.receive(randomBytes(length), NOW);
    assert.notEqual(reasonOf(core.outcome), "accepted");
  }
});
