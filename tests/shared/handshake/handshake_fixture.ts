import { Buffer } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import {
  type Admission,
  CoreHandshake,
  type CoreHandshakeOptions,
  type TrustedEdge,
} from "../../../shared/handshake/core_handshake.ts";
import { EdgeHandshake, type EdgeHandshakeOptions } from "../../../shared/handshake/edge_handshake.ts";
import { type PeerKey, PeerKeys } from "../../../shared/handshake/peer_keys.ts";
import { type PeerSigner, peerSigner } from "../../../shared/handshake/peer_signer.ts";

export const NOW = Date.UTC(2026, 0, 1);
export const LIMITS = {
  maxStreams: 1000,
  windowUnits: 262_144,
  pingIntervalMs: 1_000,
  laneTimeoutMs: 5_000,
  resumeTimeoutMs: 15_000,
};
export const SESSION_ID = new Uint8Array(16).fill(7);
export const SERVER_NAME = "core.test";

export interface TestEdge {
  readonly sign: PeerSigner;
  readonly publicKey: string;
}

export function createEdge(): TestEdge {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    sign: peerSigner(privateKey.export({ type: "pkcs8", format: "pem" }).toString()),
    publicKey: Buffer.from(publicKey.export({ type: "spki", format: "der" })).toString("base64"),
  };
}

export const EDGE = createEdge();

export function edgeKeys(...keys: Partial<PeerKey>[]): PeerKeys {
  return new PeerKeys(keys.map((key) => ({ name: "hk-1", publicKey: EDGE.publicKey, ...key })));
}

export function admitAll(edge: TrustedEdge): Admission {
  return { sessionId: edge.sessionId ?? SESSION_ID, resumed: edge.sessionId !== null, limits: LIMITS };
}

export function createEdgeHalf(options: Partial<EdgeHandshakeOptions> = {}): EdgeHandshake {
  return new EdgeHandshake({
    edgeName: "hk-1",
    serverName: SERVER_NAME,
    nonce: randomBytes(32),
    sessionId: null,
    versions: [1],
    sign: EDGE.sign,
    ...options,
  });
}

export function createCoreHalf(options: Partial<CoreHandshakeOptions> = {}): CoreHandshake {
  return new CoreHandshake({
    nonce: randomBytes(32),
    coreInstanceId: new Uint8Array(16).fill(9),
    serverNames: new Set([SERVER_NAME]),
    dialledEdge: null,
    versions: [1],
    keys: edgeKeys({}),
    admit: admitAll,
    ...options,
  });
}

/** Every output of one half, in order. */
export interface Recording {
  readonly fromEdge: Uint8Array[];
  readonly fromCore: Uint8Array[];
}

/** Passes bytes between the halves until both are silent. */
export function runBoth(edge: EdgeHandshake, core: CoreHandshake, now = NOW): Recording {
  const recording: Recording = { fromEdge: [], fromCore: [] };
  for (;;) {
    const up = edge.takeOutput();
    if (up !== null) {
      recording.fromEdge.push(up);
      if (core.outcome === null) core.receive(up, now);
    }
    const down = core.takeOutput();
    if (down !== null) {
      recording.fromCore.push(down);
      if (edge.outcome === null) edge.receive(down);
    }
    if (up === null && down === null) return recording;
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
