import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeHandshakePayload,
  encodeHandshakeMessage,
  handshakeKindOf,
} from "../../../shared/handshake/handshake_codec.ts";
import {
  HANDSHAKE_HEADER_BYTES,
  HandshakeFormatError,
  type HandshakeMessage,
} from "../../../shared/handshake/handshake_message.ts";
import {
  coversServerName,
  dialledByName,
  isNodeName,
  isServerName,
} from "../../../shared/handshake/handshake_names.ts";
import { HandshakeReader } from "../../../shared/handshake/handshake_reader.ts";
import { concat } from "./handshake_fixture.ts";

const KINDS = [
  "hello",
  "challenge",
  "proof",
  "accept",
  "reject",
  "knock",
  "invite",
  "core_proof",
] as const;

const plainRecord = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const nodeName = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,62}$/);
const serverName = fc.constantFrom("core.test", "a", "10.0.0.1", "::1", "2001:db8::1", "x".repeat(253));
const version = fc.integer({ min: 1, max: 0xffff });
const limits = plainRecord({
  maxStreams: fc.integer({ min: 1, max: 1_000_000 }),
  windowUnits: fc.integer({ min: 256 * 1024, max: 64 * 1024 * 1024 }),
  pingIntervalMs: fc.integer({ min: 100, max: 60_000 }),
  laneTimeoutMs: fc.integer({ min: 60_001, max: 300_000 }),
  resumeTimeoutMs: fc.integer({ min: 1, max: 3_600_000 }),
});
const message: fc.Arbitrary<HandshakeMessage> = fc.oneof(
  plainRecord({
    kind: fc.constant("hello" as const),
    versions: fc.uniqueArray(version, { minLength: 1, maxLength: 8 }),
    edgeName: nodeName,
    serverName,
    nonce: bytes(32),
    sessionId: fc.option(bytes(16)),
  }),
  plainRecord({
    kind: fc.constant("challenge" as const),
    version,
    nonce: bytes(32),
    coreInstanceId: bytes(16),
  }),
  plainRecord({ kind: fc.constant("proof" as const), signature: bytes(64) }),
  plainRecord({ kind: fc.constant("accept" as const), sessionId: bytes(16), resumed: fc.boolean(), limits }),
  plainRecord({
    kind: fc.constant("reject" as const),
    code: fc.constantFrom("refused" as const, "version" as const, "unavailable" as const),
  }),
  plainRecord({
    kind: fc.constant("knock" as const),
    versions: fc.uniqueArray(version, { minLength: 1, maxLength: 8 }),
    coreName: nodeName,
    edgeName: nodeName,
    serverName,
    nonce: bytes(32),
  }),
  plainRecord({ kind: fc.constant("invite" as const), version, nonce: bytes(32) }),
  plainRecord({ kind: fc.constant("core_proof" as const), signature: bytes(64) }),
);

function decodeFrame(frame: Uint8Array): HandshakeMessage {
  const kind = handshakeKindOf(frame[2] ?? 0) ?? assert.fail("unknown type");
  return decodeHandshakePayload(kind, frame.subarray(HANDSHAKE_HEADER_BYTES));
}

Deno.test("decodeHandshakePayload() gives back what encodeHandshakeMessage() took", () => {
  fc.assert(
    fc.property(message, (original) => {
      assert.deepEqual(decodeFrame(encodeHandshakeMessage(original)), original);
    }),
    { numRuns: 500 },
  );
});

Deno.test("decodeHandshakePayload() refuses every payload that is cut short or has something behind it", () => {
  fc.assert(
    fc.property(message, fc.uint8Array({ minLength: 1, maxLength: 8 }), (original, tail) => {
      const frame = encodeHandshakeMessage(original);
      const payload = frame.subarray(HANDSHAKE_HEADER_BYTES);
      for (let cut = 0; cut < payload.length; cut++) {
        try {
          // A cut between two fields can leave a valid message: then it must be the one encoding of what is read.
          const shorter = decodeHandshakePayload(original.kind, payload.subarray(0, cut));
          assert.notDeepEqual(shorter, original);
        } catch (error) {
          assert.ok(error instanceof HandshakeFormatError, String(error));
        }
      }
      try {
        const longer = decodeHandshakePayload(original.kind, concat(payload, tail));
        assert.notDeepEqual(longer, original);
      } catch (error) {
        assert.ok(error instanceof HandshakeFormatError, String(error));
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("decodeHandshakePayload() never throws anything but HandshakeFormatError", () => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), fc.uint8Array({ maxLength: 300 }), (kind, payload) => {
      try {
        decodeHandshakePayload(kind, payload);
      } catch (error) {
        assert.ok(error instanceof HandshakeFormatError, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("decodeHandshakePayload() refuses unknown fields, repeated fields and overlong varints", () => {
  const reject = (payload: number[]) => () => decodeHandshakePayload("reject", new Uint8Array(payload));
  assert.deepEqual(reject([0x08, 0x01])(), { kind: "reject", code: "refused" });
  assert.throws(reject([0x08, 0x01, 0x10, 0x01]), HandshakeFormatError, "unknown field 2");
  assert.throws(reject([0x08, 0x02, 0x08, 0x01]), HandshakeFormatError, "field 1 twice");
  assert.throws(reject([0x08, 0x81, 0x00]), HandshakeFormatError, "overlong");
  assert.throws(reject([0x08, 0x09]), HandshakeFormatError, "unknown code");
  assert.throws(reject([]), HandshakeFormatError, "no code");
});

Deno.test("HandshakeReader finds the same frames however the bytes are cut", () => {
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 5 }),
      fc.infiniteStream(fc.nat({ max: 40 })),
      (all, cuts) => {
        const wire = concat(...all.map(encodeHandshakeMessage));
        const reader = new HandshakeReader();
        const found: HandshakeMessage[] = [];
        for (let offset = 0; offset < wire.length;) {
          const size = cuts.next().value ?? 1;
          reader.push(wire.subarray(offset, offset + size));
          offset += size;
          for (let frame = reader.next(KINDS); frame !== null; frame = reader.next(KINDS)) {
            found.push(frame.message);
          }
        }
        assert.deepEqual(found, all);
        assert.equal(reader.heldBytes, 0);
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("isNodeName() takes names and nothing that could pass for something else", () => {
  for (const name of ["a", "hk-1", "edge.hk_2", "0", "x".repeat(63)]) assert.ok(isNodeName(name), name);
  for (const name of ["", "-a", ".a", "A", "a b", "a\n", "é", "x".repeat(64), "a/b"]) {
    assert.ok(!isNodeName(name), name);
  }
});

Deno.test("coversServerName() knows exact names and wildcards of one label", () => {
  const names = new Set(["core.test", "*.example.com", "10.0.0.1"]);
  for (const name of ["core.test", "10.0.0.1", "a.example.com"]) {
    assert.ok(coversServerName(names, name), name);
  }
  for (const name of ["example.com", "a.b.example.com", ".example.com", "a.core.test", "com"]) {
    assert.ok(!coversServerName(names, name), name);
  }
});

Deno.test("dialledByName() gives what a HELLO can carry and no certificate covers", () => {
  for (const core of ["sz-1", "a.example.com", "core.test"]) {
    assert.ok(isServerName(dialledByName(core)));
    assert.ok(!coversServerName(new Set(["*.example.com", "core.test", "sz-1"]), dialledByName(core)), core);
  }
});
