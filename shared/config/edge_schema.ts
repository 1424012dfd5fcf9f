import type { z } from "zod";
import type { Camelized } from "./camel_case.ts";
import { HTTP1_SECTION, HTTP2_SECTION } from "./http_sections.ts";
import { adminSection, DRAIN_GRACE, LOG_SECTION, TRANSPORTS } from "./node_sections.ts";
import { file, listenAddress, name, pattern, remoteAddress } from "./option_kinds.ts";
import { choice, decimal, duration, integer, list, section } from "./option.ts";

const LISTENER = section("Where clients connect, over HTTPS with HTTP/1.1 or HTTP/2.", {
  address: listenAddress({ doc: "Where the edge listens for clients.", example: "0.0.0.0:443" }),
  certificates: list({
    doc:
      "What the edge shows to clients; the first whose names fit the name asked for is used, else the first.",
    min: 1,
    max: 64,
    uniqueBy: ["certificate_file"],
    of: section("A certificate with its private key.", {
      certificate_file: file({
        doc: "PEM file with the certificate, followed by the certificates that lead to its root.",
        example: "edge-certificate.pem",
        reloadable: true,
      }),
      key_file: file({
        doc: "PEM file with the certificate's private key (PKCS #8).",
        example: "edge-key.pem",
        reloadable: true,
      }),
    }),
  }),
  tls_handshake_timeout_ms: duration({
    doc: "A client that has not finished its TLS handshake by then is dropped.",
    min: 100,
    max: 120_000,
    default: 10_000,
  }),
  max_connections: integer({
    doc:
      "Client connections at once; more are closed as soon as they come. Keep it well below the limit of open files.",
    unit: "connections",
    min: 1,
    max: 1_000_000,
    default: 20_000,
  }),
  max_connections_per_address: integer({
    doc: "Client connections at once from one IP address.",
    unit: "connections",
    min: 1,
    max: 1_000_000,
    default: 1000,
  }),
  drain_grace_ms: DRAIN_GRACE,
});

const TUNNEL = section("The way to the core. Heartbeats and the time to resume are the core's to set.", {
  cores: list({
    doc: "The core that this edge relays to.",
    min: 1,
    max: 1,
    of: section("A core as the edge sees it.", {
      address: remoteAddress({
        doc: "Where the core's tunnel listens.",
        example: "core.example.com:7443",
      }),
      server_name: pattern({
        doc: "The name that the core's certificate must bear.",
        allowed: "a DNS name in lower case or an IP address",
        pattern: /^[a-z0-9][a-z0-9.:_-]{0,252}$|^::[a-f0-9.:]{0,43}$/,
        example: "core.example.com",
      }),
      transport: choice(TRANSPORTS, {
        doc: "What carries the tunnel: QUIC over UDP, or TLS over TCP where UDP does not get through.",
        default: "quic",
      }),
    }),
  }),
  ca_file: file({
    doc: "PEM file with the certificates that the core's certificate must lead to; no others are trusted.",
    example: "ca.pem",
  }),
  edge_key_file: file({
    doc: "PEM file with the Ed25519 private key by which this edge proves who it is.",
    example: "edge-identity-key.pem",
  }),
  connect_timeout_ms: duration({
    doc: "How long connecting to the core, with TLS and the proof of the key, may take.",
    min: 100,
    max: 120_000,
    default: 5000,
  }),
  reconnect_initial_ms: duration({
    doc: "Upper bound of the random wait before the first new try to connect; it doubles with each try.",
    min: 10,
    max: 60_000,
    default: 200,
    reloadable: true,
  }),
  reconnect_max_ms: duration({
    doc: "Where the doubling ends; at least reconnect_initial_ms.",
    min: 10,
    max: 600_000,
    default: 10_000,
    reloadable: true,
  }),
  wait_timeout_ms: duration({
    doc: "How long a new request waits for a tunnel that is down before it gets 503.",
    min: 0,
    max: 600_000,
    default: 5000,
    reloadable: true,
  }),
  max_waiting: integer({
    doc: "Requests that wait for the tunnel at once; more get 503 immediately.",
    unit: "requests",
    min: 0,
    max: 1_000_000,
    default: 1000,
    reloadable: true,
  }),
  max_streams: integer({
    doc: "Exchanges in flight at once through the tunnel; the core's max_streams holds as well.",
    unit: "streams",
    min: 1,
    max: 1_000_000,
    default: 16_384,
  }),
});

const BACKPRESSURE = section("What happens when a client reads slower than the origin answers.", {
  high_watermark: decimal({
    doc:
      "Share of an exchange's window (256 KiB) that may wait for the client before the origin is made to pause.",
    min: 0.01,
    max: 1,
    default: 0.8,
    reloadable: true,
  }),
  low_watermark: decimal({
    doc: "Share of the window at which the origin goes on; below high_watermark.",
    min: 0,
    max: 0.99,
    default: 0.2,
    reloadable: true,
  }),
  max_write_rate_bytes_per_second: integer({
    doc: "Fastest rate at which one answer is written to its client; 0: no cap.",
    unit: "bytes/s",
    min: 0,
    max: 10_000_000_000,
    default: 10 * 1024 * 1024,
    reloadable: true,
  }),
  stall_timeout_ms: duration({
    doc: "A client that takes nothing for so long while an answer waits is dropped.",
    min: 1000,
    max: 3_600_000,
    default: 60_000,
    reloadable: true,
  }),
});

const SSE = section("Answers that are event streams (text/event-stream).", {
  heartbeat_interval_ms: duration({
    doc: "A comment is sent when nothing else was for so long; 0: never.",
    min: 0,
    max: 3_600_000,
    default: 30_000,
    reloadable: true,
  }),
  max_age_ms: duration({
    doc: "An event stream is ended with an error event after so long; 0: never.",
    min: 0,
    max: 604_800_000,
    default: 86_400_000,
    reloadable: true,
  }),
  coalesce: section(
    "Several events in one write: fewer packets for a little delay. The first event never waits.",
    {
      max_events: integer({
        doc: "Events that are sent together at the most; 1: off.",
        unit: "events",
        min: 1,
        max: 1000,
        default: 1,
        reloadable: true,
      }),
      max_delay_ms: duration({
        doc: "Longest wait of an event for others.",
        min: 1,
        max: 1000,
        default: 10,
        reloadable: true,
      }),
    },
  ),
  compression: choice(["none", "gzip"], {
    doc: "Compression towards clients that accept it; each event can be read as soon as it arrives.",
    default: "none",
    reloadable: true,
  }),
});

/** The options of an edge. */
export const EDGE_SCHEMA = section("Options of an edge.", {
  node: choice(["edge"], { doc: "Which kind of node the file is for.", allowed: "edge, core" }),
  name: name({
    doc: "The name by which the core knows this edge (see tunnel.edges there).",
    example: "hk-1",
  }),
  listener: LISTENER,
  http1: HTTP1_SECTION,
  http2: HTTP2_SECTION,
  tunnel: TUNNEL,
  backpressure: BACKPRESSURE,
  sse: SSE,
  zero_cache: section(
    "Caching fields are stripped from every request and answer, but on the paths named here.",
    {
      except_paths: list({
        doc: "Path prefixes whose caching fields are left alone, for routes with `cache: pass` in the core.",
        min: 0,
        max: 256,
        default: [],
        reloadable: true,
        of: pattern({
          doc: "A path prefix.",
          allowed: "a path that begins with /",
          pattern: /^\/[\x21-\x7e]*$/,
          example: "/v1/models",
        }),
      }),
    },
  ),
  admin: adminSection({ defaultAddress: "127.0.0.1:9101" }),
  log: LOG_SECTION,
});

export type EdgeConfig = Camelized<z.output<typeof EDGE_SCHEMA>>;
