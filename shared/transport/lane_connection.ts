import type { ByteConnection } from "./byte_connection.ts";
import type { LaneDatagrams } from "./lane_datagrams.ts";

/**
 * `quic`: one bidirectional stream of a QUIC connection of its own; `tls`: TLS 1.3 or 1.2 over TCP; `websocket`: binary
 * messages of a WebSocket over such TLS, for networks and proxies that pass nothing but the web.
 */
export type LaneTransport = "quic" | "tls" | "websocket";

/** ALPN protocol of QUIC and TLS lanes (RFC 7301). */
export const LANE_ALPN = "lowu/1";

/**
 * One transport connection of a session. The dialling side must write first: until then a QUIC lane is invisible to
 * the other side. A peer that goes away shows as null or as a rejection, depending on the transport and on how it
 * went; the lane is lost either way. `close` may drop bytes that `write` has taken.
 */
export interface LaneConnection extends ByteConnection {
  readonly transport: LaneTransport;
  /** `host:port`; on QUIC the peer's address at the moment of asking, for it may move. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** Null where the transport has none. */
  readonly datagrams: LaneDatagrams | null;
  /** On every transport what was written before it still arrives; {@linkcode close} right behind it drops that. */
  closeWrite(): Promise<void>;
}

export interface DialLaneOptions {
  readonly transport: LaneTransport;
  /** `host:port`; a name is resolved first, and its addresses are tried in turn. */
  readonly address: string;
  /** The name that the certificate must hold. */
  readonly serverName: string;
  /** PEM; trusted beside the runtime's own root store. */
  readonly caCertificates: readonly string[];
  /** For the whole dial: name, addresses, transport handshake. */
  readonly connectTimeoutMs: number;
  readonly signal?: AbortSignal;
}

/** PEM, both. */
export interface LaneCertificate {
  /** End certificate first, then its chain. */
  readonly certPem: string;
  /** PKCS #8. */
  readonly keyPem: string;
}

/** Bounds on peers that have proved nothing yet. */
export interface LaneListenerLimits {
  /** Transport handshakes begun per second, over time; each costs up to 2 ms of processor time. @default 100 */
  readonly handshakesPerSecond: number;
  /** Handshakes that may begin at once after a quiet time. @default 200 */
  readonly handshakeBurst: number;
  /** Connections whose transport handshake is not done, or that wait to be accepted. @default 512 */
  readonly maxHalfOpen: number;
  /** The same from one IP address. @default 64 */
  readonly maxHalfOpenPerAddress: number;
  /** For the transport handshake with, on QUIC, the first byte, on a WebSocket its opening. @default 5_000 */
  readonly handshakeTimeoutMs: number;
}

export const DEFAULT_LANE_LISTENER_LIMITS: LaneListenerLimits = {
  handshakesPerSecond: 100,
  handshakeBurst: 200,
  maxHalfOpen: 512,
  maxHalfOpenPerAddress: 64,
  handshakeTimeoutMs: 5_000,
};

export interface ListenLanesOptions {
  readonly transport: LaneTransport;
  /** IP address and port; port 0 takes a free one. */
  readonly address: string;
  readonly certificate: LaneCertificate;
  /** @default DEFAULT_LANE_LISTENER_LIMITS */
  readonly limits?: Partial<LaneListenerLimits>;
}

/** What became of the connections that reached a listener; only grows. */
export interface LaneListenerCounters {
  /** Handed to `accept`. */
  accepted: number;
  /** Times that a rate or half-open limit turned a connection away (QUIC) or let all wait for 20 ms (TCP). */
  limited: number;
  /** Handshake (on QUIC the first byte, on a WebSocket its opening) not in time. */
  timedOut: number;
  /** Handshake or opening failed: a scanner, another protocol, a peer that left. */
  failed: number;
  /** `accept` of the operating system failed, as when descriptors run out. */
  acceptErrors: number;
}

/**
 * Accepts lanes whose transport handshake is done. Closing it ends no accepted lane. A QUIC listener's port is free
 * for this process again only once its endpoint is garbage-collected: to change a certificate, replace it.
 */
export interface LaneListener {
  readonly transport: LaneTransport;
  /** `host:port`, with the port that was taken. */
  readonly localAddress: string;
  readonly counters: Readonly<LaneListenerCounters>;
  /** A warning for the log when the listener's sockets lack an option they should have, else null. */
  readonly warning: string | null;
  /** The next lane; null once the listener is closed. One call at a time. */
  accept(): Promise<LaneConnection | null>;
  /**
   * Shows `certificate` to the peers that come from now on; lanes live on. Rejects, with the old one still in place,
   * if it is no certificate.
   */
  replaceCertificate(certificate: LaneCertificate): Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** Why a dial brought no lane. */
export type LaneDialFailure = "aborted" | "timeout" | "name" | "certificate" | "unreachable";

export class LaneDialError extends Error {
  override name = "LaneDialError";
  readonly failure: LaneDialFailure;

  constructor(failure: LaneDialFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.failure = failure;
  }
}
