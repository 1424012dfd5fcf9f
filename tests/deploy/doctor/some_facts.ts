/** Facts of an edge where all is well, to be spoilt by tests. */
import type {
  AddressFacts,
  CoreFacts,
  EdgeFacts,
  MachineFacts,
  PathFacts,
  ReachFacts,
} from "../../../deploy/doctor/facts.ts";

export const NOW = Date.UTC(2026, 10, 21);
const DAY_MS = 86_400_000;

export function goodMachine(overrides: Partial<MachineFacts> = {}): MachineFacts {
  const mib = 1024 * 1024;
  return {
    congestionControl: "bbr",
    availableCongestionControls: ["reno", "bbr"],
    buffers: { rmemDefault: 4 * mib, rmemMax: 4 * mib, wmemDefault: 4 * mib, wmemMax: 4 * mib },
    maxOpenFiles: 1_048_576,
    interfaces: [{ name: "eth0", mtu: 1500 }],
    ...overrides,
  };
}

export function goodPath(overrides: Partial<PathFacts> = {}): PathFacts {
  return {
    seconds: 5,
    roundTrip: {
      sent: 250,
      answered: 250,
      medianMs: 41.2,
      p99Ms: 43,
      maxMs: 44,
      jitterMs: 0.4,
      lateShare: 0,
    },
    loss: { sent: 500, echoed: 500, thereShare: 0 },
    packetBytes: 1452,
    clock: { aheadMs: 3, errorMs: 20 },
    cutBy: null,
    ...overrides,
  };
}

/** The same path with another median; the p99 follows. */
export function pathOf(medianMs: number, overrides: Partial<PathFacts> = {}): PathFacts {
  const { roundTrip } = goodPath();
  return goodPath({ roundTrip: { ...roundTrip, medianMs, p99Ms: medianMs + 2 }, ...overrides });
}

export function reached(protocol: "tcp" | "udp"): ReachFacts {
  return { ip: "203.0.113.7", protocol, kind: "answered", ms: 41 };
}

export function quicAddress(overrides: Partial<AddressFacts> = {}): AddressFacts {
  return {
    address: "core.example.com:7443",
    transport: "quic",
    name: { kind: "resolved", ms: 12, ips: ["203.0.113.7"] },
    reach: [reached("udp")],
    certificate: null,
    lane: { kind: "accepted", connectMs: 82, handshakeMs: 83 },
    path: goodPath(),
    ...overrides,
  };
}

export function tlsAddress(overrides: Partial<AddressFacts> = {}): AddressFacts {
  return {
    ...quicAddress(),
    transport: "tls",
    reach: [reached("tcp")],
    certificate: { names: ["core.example.com"], validFrom: NOW - DAY_MS, validTo: NOW + 400 * DAY_MS },
    path: goodPath({ loss: null, packetBytes: null }),
    ...overrides,
  };
}

export function someCore(addresses: readonly AddressFacts[] = [quicAddress(), tlsAddress()]): CoreFacts {
  return { name: "sz-1", serverName: "core.example.com", addresses };
}

export function someEdge(overrides: Partial<EdgeFacts> = {}): EdgeFacts {
  return {
    edge: "hk-1",
    edgeKeyFile: "/etc/lowu/edge-identity-key.pem",
    startedAt: NOW,
    redundancyMode: "auto",
    maxConnections: 20_000,
    machine: goodMachine(),
    cores: [someCore()],
    listeners: [],
    ...overrides,
  };
}
