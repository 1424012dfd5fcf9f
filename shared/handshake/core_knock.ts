/**
 * The dialling core's half of a knock, without sockets: KNOCK out, INVITE in, CORE_PROOF out. It comes first on a lane
 * that a core dialled; the ordinary handshake, begun by the edge, follows it.
 *
 * The core trusts the edge's certificate before the first byte. What it signs names the edge that it means and the
 * server name that it verified, so that an edge cannot pass the proof on to another one.
 */
import { assert } from "../assert/assert.ts";
import { encodeHandshakeMessage } from "./handshake_codec.ts";
import { HandshakeFormatError, type KnockMessage } from "./handshake_message.ts";
import { HandshakeReader } from "./handshake_reader.ts";
import type { PeerSigner } from "./peer_signer.ts";
import { coreTranscript } from "./transcript.ts";

export interface CoreKnockOptions {
  readonly coreName: string;
  /** The edge that the lane is to reach. */
  readonly edgeName: string;
  /** The name that the lane's certificate was verified against. */
  readonly serverName: string;
  /** 32 random bytes, used once. */
  readonly nonce: Uint8Array;
  /** Versions that the core speaks. */
  readonly versions: readonly number[];
  readonly sign: PeerSigner;
}

/** `proved`: the proof is out; whether the edge takes it shows in the handshake that follows. */
export type CoreKnockOutcome =
  | { readonly kind: "proved" }
  | { readonly kind: "refused"; readonly reason: "version" | "turned_away" | "protocol" };

export class CoreKnock {
  readonly #options: CoreKnockOptions;
  readonly #reader = new HandshakeReader();
  readonly #knock: Uint8Array;
  #output: Uint8Array | null;
  #outcome: CoreKnockOutcome | null = null;

  constructor(options: CoreKnockOptions) {
    this.#options = options;
    const { versions, coreName, edgeName, serverName, nonce } = options;
    const knock: KnockMessage = { kind: "knock", versions, coreName, edgeName, serverName, nonce };
    this.#knock = encodeHandshakeMessage(knock);
    this.#output = this.#knock;
  }

  /** Null until the knock is over; output may still be waiting then. */
  get outcome(): CoreKnockOutcome | null {
    return this.#outcome;
  }

  /** The next bytes for the edge, or null. */
  takeOutput(): Uint8Array | null {
    const output = this.#output;
    this.#output = null;
    return output;
  }

  /** Takes bytes from the edge; must not be called once there is an outcome. Keeps no reference to `bytes`. */
  receive(bytes: Uint8Array): void {
    assert(this.#outcome === null, "the knock is over");
    this.#reader.push(bytes);
    try {
      this.#receiveInvite();
    } catch (error) {
      if (!(error instanceof HandshakeFormatError)) throw error;
      this.#refuse("protocol");
    }
  }

  #receiveInvite(): void {
    const frame = this.#reader.next(["invite", "reject"]);
    if (frame === null) return;
    const { message } = frame;
    if (message.kind === "reject") {
      return this.#refuse(message.code === "version" ? "version" : "turned_away");
    }
    if (!this.#options.versions.includes(message.version) || this.#reader.heldBytes > 0) {
      return this.#refuse("protocol");
    }
    const signature = this.#options.sign(coreTranscript(this.#knock, frame.bytes));
    this.#output = encodeHandshakeMessage({ kind: "core_proof", signature });
    this.#outcome = { kind: "proved" };
  }

  #refuse(reason: "version" | "turned_away" | "protocol"): void {
    this.#outcome = { kind: "refused", reason };
    this.#output = null;
    this.#reader.takeRest();
  }
}
