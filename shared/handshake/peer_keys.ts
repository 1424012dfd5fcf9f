/**
 * The nodes that prove themselves by key, by name, each with its Ed25519 public keys: a core's edges, and the cores that
 * may dial an edge.
 *
 * Every look-up costs the same whatever it finds: {@linkcode MAX_KEYS_PER_PEER} verifications, the missing ones
 * against a dummy key whose outcome is thrown away. So neither the answer nor its time tells whether a name exists.
 * (A signature with an out-of-range scalar fails at once, but for every key alike.)
 */
import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { isNodeName } from "./handshake_names.ts";

/** Two, so that a new key can be put beside the old one before the peer changes over. */
export const MAX_KEYS_PER_PEER = 2;

export interface PeerKey {
  readonly name: string;
  /** SPKI public key: PEM, or the base64 of its DER. */
  readonly publicKey: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly disabled?: boolean;
}

/** `trusted`, or why not; the reason is for our own log and counters, never for the peer. */
export type PeerVerdict =
  | "trusted"
  | "unknown_peer"
  | "wrong_key"
  | "disabled"
  | "not_yet_valid"
  | "expired";

interface ParsedKey {
  readonly key: PeerKey;
  readonly publicKey: KeyObject;
}

/** RFC 8032 §7.1, test 1. Its private key is public, which is why its outcome never counts. */
const DUMMY_KEY = parsePeerPublicKey("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");

export class PeerKeys {
  readonly #byName = new Map<string, ParsedKey[]>();

  /** @throws {TypeError} for a bad name, a key that is not Ed25519, or too many keys of one name */
  constructor(keys: readonly PeerKey[]) {
    for (const key of keys) {
      if (!isNodeName(key.name)) throw new TypeError(`"${key.name}" is not a node's name`);
      const sameName = this.#byName.get(key.name) ?? [];
      if (sameName.length === MAX_KEYS_PER_PEER) {
        throw new TypeError(`"${key.name}" has more than ${MAX_KEYS_PER_PEER} keys`);
      }
      sameName.push({ key, publicKey: parsePeerPublicKey(key.publicKey) });
      this.#byName.set(key.name, sameName);
    }
  }

  /** `now` is wall-clock time in ms since 1970; only the keys' validity looks at it. */
  verify(name: string, proof: { transcript: Uint8Array; signature: Uint8Array; now: number }): PeerVerdict {
    const keys = this.#byName.get(name);
    let verdict: PeerVerdict = keys === undefined ? "unknown_peer" : "wrong_key";
    for (let i = 0; i < MAX_KEYS_PER_PEER; i++) {
      const parsed = keys?.[i];
      const isSigned = verify(null, proof.transcript, parsed?.publicKey ?? DUMMY_KEY, proof.signature);
      if (parsed !== undefined && isSigned && verdict !== "trusted") {
        verdict = validityOf(parsed.key, proof.now);
      }
    }
    return verdict;
  }
}

/** @throws {TypeError} unless `text` is an Ed25519 public key as {@linkcode PeerKey} wants it */
export function parsePeerPublicKey(text: string): KeyObject {
  const trimmed = text.trim();
  let key: KeyObject;
  try {
    key = trimmed.startsWith("-----BEGIN PUBLIC KEY-----")
      ? createPublicKey(trimmed)
      : createPublicKey({ key: Buffer.from(trimmed, "base64"), format: "der", type: "spki" });
  } catch (error) {
    throw new TypeError("not a public key in PEM or base64 SPKI", { cause: error });
  }
  if (key.asymmetricKeyType !== "ed25519") throw new TypeError("the key is not an Ed25519 key");
  return key;
}

function validityOf(key: PeerKey, now: number): PeerVerdict {
  if (key.disabled === true) return "disabled";
  if (key.notBefore !== undefined && now < key.notBefore.getTime()) return "not_yet_valid";
  if (key.notAfter !== undefined && now >= key.notAfter.getTime()) return "expired";
  return "trusted";
}
