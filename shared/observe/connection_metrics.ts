import { Histogram, type Registry } from "prom-client";
import { addScrapedCounter, addScrapedGauge, type Sample } from "./scraped_metric.ts";

/** What a listener counts, in plain numbers. */
export interface ConnectionCounters {
  readonly acceptedConnections: number;
  readonly closedConnections: number;
  readonly refusedConnections: Readonly<Record<string, number>>;
  readonly acceptErrors: number;
  readonly descriptorExhaustions: number;
  readonly tlsFailures: number;
  readonly handshakeTimeouts: number;
  readonly forcedCloses: number;
  readonly connectionsByProtocol: Readonly<Record<string, number>>;
  readonly openExchanges: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly refusedRequests: Readonly<Record<string, number>>;
}

/** A listener as a scrape reads it. */
export interface ConnectionSource {
  readonly openConnections: number;
  readonly counters: ConnectionCounters;
  readonly certificates: readonly { readonly certificateFile: string; readonly notAfterMs: number }[];
}

export interface ConnectionMetrics {
  /** Shows a listener's counters under label `listener`, until the node ends. */
  addListener(name: string, listener: ConnectionSource): void;
  /** For `ListenOptions.connectionEnded`. */
  connectionEnded(durationMs: number): void;
  /** Bytes of all listeners in both directions. */
  readBytes(): number;
}

/** Seed names: ActiveConnections, NewConnections, ClosedConnections, ConnectionDuration, ConnectionErrors. */
export function addConnectionMetrics(registry: Registry): ConnectionMetrics {
  const listeners = new Map<string, ConnectionSource>();
  const labelNames = ["listener"] as const;
  const counter = (name: string, help: string, read: (counters: ConnectionCounters) => number) =>
    addScrapedCounter(registry, {
      name,
      help,
      labelNames,
      read: () => [...listeners].map(([listener, { counters }]) => [{ listener }, read(counters)] as const),
    });
  addScrapedGauge(registry, {
    name: "lowu_connections_active",
    help: "Connections open now.",
    labelNames,
    read: () =>
      [...listeners].map(([listener, { openConnections }]) => [{ listener }, openConnections] as const),
  });
  counter("lowu_connections_opened_total", "Connections accepted.", (c) => c.acceptedConnections);
  counter("lowu_connections_closed_total", "Connections ended.", (c) => c.closedConnections);
  counter("lowu_received_bytes_total", "Bytes received from clients, without TLS.", (c) => c.receivedBytes);
  counter("lowu_sent_bytes_total", "Bytes sent to clients, without TLS.", (c) => c.sentBytes);
  addScrapedGauge(registry, {
    name: "lowu_exchanges_active",
    help: "Exchanges under way on a listener.",
    labelNames,
    read: () =>
      [...listeners].map(([listener, { counters }]) => [{ listener }, counters.openExchanges] as const),
  });
  addScrapedCounter(registry, {
    name: "lowu_connections_by_protocol_total",
    help: "Connections on which a protocol was agreed.",
    labelNames: ["listener", "protocol"] as const,
    read: () =>
      [...listeners].flatMap(([listener, { counters }]) =>
        Object.entries(counters.connectionsByProtocol).map(([protocol, n]) =>
          [{ listener, protocol }, n] as const
        )
      ),
  });
  addScrapedCounter(registry, {
    name: "lowu_connection_errors_total",
    help:
      "Connections refused, failed in their handshake, cut by their driver or by a drain; failed accepts.",
    labelNames: ["listener", "reason"] as const,
    read: () => [...listeners].flatMap(([listener, { counters }]) => errorSamples(listener, counters)),
  });
  addScrapedGauge(registry, {
    name: "lowu_certificate_not_after_seconds",
    help: "End of validity of a listener's certificate, in seconds since the epoch.",
    labelNames: ["listener", "file"] as const,
    read: () =>
      [...listeners].flatMap(([listener, { certificates }]) =>
        certificates.map((one) => [{ listener, file: one.certificateFile }, one.notAfterMs / 1000] as const)
      ),
  });
  const duration = new Histogram({
    name: "lowu_connection_duration_seconds",
    help: "Age of connections when they ended.",
    buckets: [0.01, 0.1, 1, 10, 60, 300, 1800, 7200, 86_400],
    registers: [registry],
  });
  return {
    addListener: (name, listener) => void listeners.set(name, listener),
    connectionEnded: (durationMs) => duration.observe(durationMs / 1000),
    readBytes: () =>
      [...listeners.values()].reduce(
        (sum, { counters }) => sum + counters.receivedBytes + counters.sentBytes,
        0,
      ),
  };
}

function errorSamples(listener: string, counters: ConnectionCounters): Sample<"listener" | "reason">[] {
  return Object.entries({
    ...counters.refusedConnections,
    accept_failed: counters.acceptErrors - counters.descriptorExhaustions,
    out_of_descriptors: counters.descriptorExhaustions,
    tls_failed: counters.tlsFailures,
    handshake_timeout: counters.handshakeTimeouts,
    forced_close: counters.forcedCloses,
    ...counters.refusedRequests,
  }).map(([reason, count]) => [{ listener, reason }, count]);
}
