/** What the doctor finds out, before any judgement: times in milliseconds, shares from 0 to 1. */
import type { RedundancyOptions } from "../../shared/tunnel/redundancy.ts";
import type { EdgeRefusal } from "../../shared/handshake/edge_handshake.ts";
import type { TransportFailure } from "../../shared/handshake/run_handshake.ts";
import type { LaneDialFailure, LaneTransport } from "../../shared/transport/lane_connection.ts";

export interface EdgeFacts {
  /** The edge's name. */
  readonly edge: string;
  readonly edgeKeyFile: string;
  /** Wall clock at the start, in ms since 1970. */
  readonly startedAt: number;
  readonly redundancyMode: RedundancyOptions["mode"];
  /** Client connections that the edge admits at once. */
  readonly maxConnections: number;
  readonly machine: MachineFacts;
  readonly cores: readonly CoreFacts[];
  readonly listeners: readonly ListenerFacts[];
}

/** What the kernel says; null where it cannot be read. */
export interface MachineFacts {
  /** The kernel's default for TCP. */
  readonly congestionControl: string | null;
  readonly availableCongestionControls: readonly string[];
  /** Bytes. */
  readonly buffers: BufferFacts | null;
  /** Of this process. */
  readonly maxOpenFiles: number | null;
  readonly interfaces: readonly { readonly name: string; readonly mtu: number }[];
}

/** Names as in `sysctl net.core`. */
export interface BufferFacts {
  readonly rmemDefault: number;
  readonly rmemMax: number;
  readonly wmemDefault: number;
  readonly wmemMax: number;
}

export interface CoreFacts {
  readonly name: string;
  readonly serverName: string;
  /** In the order of the configuration. */
  readonly addresses: readonly AddressFacts[];
}

export interface AddressFacts {
  /** `host:port`. */
  readonly address: string;
  readonly transport: LaneTransport;
  readonly name: NameFacts;
  /** One for each IP address that was tried; none when the name was not resolved. */
  readonly reach: readonly ReachFacts[];
  /** Null over QUIC, which does not show it, and where TLS came to no end. */
  readonly certificate: CertificateFacts | null;
  readonly lane: LaneFacts;
  /** Null when the lane was not accepted. */
  readonly path: PathFacts | null;
}

export type NameFacts =
  | { readonly kind: "literal" }
  | { readonly kind: "resolved"; readonly ms: number; readonly ips: readonly string[] }
  | { readonly kind: "failed"; readonly reason: string };

/** UDP is never `refused`: the runtime does not tell of the ICMP message. */
export type ReachFacts =
  & { readonly ip: string; readonly protocol: "tcp" | "udp" }
  & (
    | { readonly kind: "answered"; readonly ms: number }
    | { readonly kind: "refused" | "silent" }
    | { readonly kind: "unreachable"; readonly reason: string }
  );

/** The certificate as the peer shows it, whether or not it is good. */
export interface CertificateFacts {
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly validFrom: number;
  readonly validTo: number;
}

export type LaneFacts =
  /** The name was not resolved. */
  | { readonly kind: "not_tried" }
  | { readonly kind: "not_connected"; readonly failure: LaneDialFailure; readonly reason: string }
  | { readonly kind: "rejected"; readonly connectMs: number; readonly reason: EdgeRefusal | TransportFailure }
  | { readonly kind: "accepted"; readonly connectMs: number; readonly handshakeMs: number };

/** What a session of the doctor's own met on the lane. */
export interface PathFacts {
  readonly seconds: number;
  readonly roundTrip: RoundTripFacts;
  /** Null where there are no datagrams. */
  readonly loss: LossFacts | null;
  /** Payload of the largest UDP packet that gets through; null over TCP. */
  readonly packetBytes: number | null;
  readonly clock: ClockFacts | null;
  /** Why the lane ended before the time was over; null: it did not. */
  readonly cutBy: string | null;
}

/** Of exchanges with the core; null where none was answered. */
export interface RoundTripFacts {
  readonly sent: number;
  readonly answered: number;
  readonly medianMs: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
  /** Mean difference between one exchange and the next. */
  readonly jitterMs: number | null;
  /** Of exchanges that took half a round trip more than the median: their packets were sent again. */
  readonly lateShare: number | null;
}

export interface LossFacts {
  /** Packets sent to be echoed, and echoes. */
  readonly sent: number;
  readonly echoed: number;
  /** Of our datagrams, by the core's reports; null: it reported none. */
  readonly thereShare: number | null;
}

export interface ClockFacts {
  /** The core's clock minus ours. */
  readonly aheadMs: number;
  /** At the most. */
  readonly errorMs: number;
}

/** A reverse listener. */
export interface ListenerFacts {
  readonly address: string;
  readonly transport: LaneTransport;
  readonly outcome: "free" | "in_use" | "not_local" | "denied" | "failed";
  /** The operating system's words; empty when free. */
  readonly reason: string;
}
