/**
 * The edge's half of a knock, without sockets: KNOCK in, INVITE out, CORE_PROOF in; nothing out if the core is trusted,
 * since HELLO follows, else REJECT.
 *
 * Invariant, as in `CoreHandshake`: until the proof holds the peer learns only the version. Every KNOCK of a known
 * version gets an INVITE, every CORE_PROOF costs the same verifications, all refusals are the same bytes. A proof counts
 * only for the edge and the server name that it was made for: a core that another edge has lured knocks for that one.
 */
import { assert } from "../assert/assert.ts";
import { encodeHandshakeMessage } from "./handshake_codec.ts";
import { HandshakeFormatError, type KnockMessage } from "./handshake_message.ts";
import { coversServerName } from "./handshake_names.ts";
import { HandshakeReader } from "./handshake_reader.ts";
import type { PeerKeys } from "./peer_keys.ts";
import { coreTranscript } from "./transcript.ts";
import { highestCommonVersion } from "./tunnel_versions.ts";

export interface EdgeKnockOptions {
  readonly edgeName: string;
  /** The names in the edge's certificate. */
  readonly serverNames: ReadonlySet<string>;
  /** 32 random bytes, used once. */
  readonly nonce: Uint8Array;
  /** Versions that the edge speaks; the highest common one is chosen. */
  readonly versions: readonly number[];
  /** The cores that may dial this edge. */
  readonly keys: PeerKeys;
}

/** Why a core was refused: a label for logs and counters, never told to the peer. `edge_name`: it means another edge. */
export type KnockRefusal =
  | "malformed"
  | "oversized"
  | "version"
  | "server_name"
  | "edge_name"
  | "unknown_core"
  | "wrong_key"
  | "disabled"
  | "not_yet_valid"
  | "expired";

export type EdgeKnockOutcome =
  | { readonly kind: "proved"; readonly coreName: string }
  | { readonly kind: "refused"; readonly reason: KnockRefusal; readonly edgeName: null };

interface Invited {
  readonly knock: KnockMessage;
  readonly transcript: Uint8Array;
}

export class EdgeKnock {
  readonly #options: EdgeKnockOptions;
  readonly #reader = new HandshakeReader();
  #invited: Invited | null = null;
  #output: Uint8Array | null = null;
  #outcome: EdgeKnockOutcome | null = null;

  constructor(options: EdgeKnockOptions) {
    this.#options = options;
  }

  /** Null until the knock is over; output may still be waiting then. */
  get outcome(): EdgeKnockOutcome | null {
    return this.#outcome;
  }

  /** The next bytes for the core, or null. */
  takeOutput(): Uint8Array | null {
    const output = this.#output;
    this.#output = null;
    return output;
  }

  /**
   * Takes bytes from the core; must not be called once there is an outcome. Keeps no reference to `bytes`.
   * `now`: wall clock, ms since 1970; only the validity of keys looks at it.
   */
  receive(bytes: Uint8Array, now: number): void {
    assert(this.#outcome === null, "the knock is over");
    this.#reader.push(bytes);
    try {
      if (this.#invited === null) this.#receiveKnock();
      else this.#receiveProof(this.#invited, now);
    } catch (error) {
      if (!(error instanceof HandshakeFormatError)) throw error;
      this.#refuse(error.reason);
    }
  }

  #receiveKnock(): void {
    const frame = this.#reader.next(["knock"]);
    if (frame === null) return;
    if (this.#reader.heldBytes > 0) return this.#refuse("malformed");
    const { nonce, versions } = this.#options;
    const version = highestCommonVersion(frame.message.versions, versions);
    if (version === null) return this.#refuse("version");
    const invite = encodeHandshakeMessage({ kind: "invite", version, nonce });
    this.#invited = { knock: frame.message, transcript: coreTranscript(frame.bytes, invite) };
    this.#output = invite;
  }

  #receiveProof({ knock, transcript }: Invited, now: number): void {
    const frame = this.#reader.next(["core_proof"]);
    if (frame === null) return;
    if (this.#reader.heldBytes > 0) return this.#refuse("malformed");
    const { edgeName, serverNames, keys } = this.#options;
    const { signature } = frame.message;
    const verdict = keys.verify(knock.coreName, { transcript, signature, now });
    if (verdict !== "trusted") return this.#refuse(verdict === "unknown_peer" ? "unknown_core" : verdict);
    if (knock.edgeName !== edgeName) return this.#refuse("edge_name");
    if (!coversServerName(serverNames, knock.serverName)) return this.#refuse("server_name");
    this.#outcome = { kind: "proved", coreName: knock.coreName };
    this.#invited = null;
  }

  #refuse(reason: KnockRefusal): void {
    this.#outcome = { kind: "refused", reason, edgeName: null };
    this.#output = encodeHandshakeMessage({
      kind: "reject",
      code: reason === "version" ? "version" : "refused",
    });
    this.#invited = null;
    this.#reader.takeRest();
  }
}
