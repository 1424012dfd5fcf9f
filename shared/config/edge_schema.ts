import type { z } from "zod";
import type { Camelized } from "./camel_case.ts";
import { HTTP1_SECTION, HTTP2_SECTION } from "./http_sections.ts";
import {
  adminSection,
  DRAIN_GRACE,
  ed25519PublicKey,
  laneAddresses,
  LOG_SECTION,
  MAX_LANES,
  redundancySection,
  TRANSPORTS,
} from "./node_sections.ts";
import { file, listenAddress, name, pattern, serverName } from "./option_kinds.ts";
import { choice, decimal, duration, integer, list, optionalSection, section } from "./option.ts";

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

const WEIGHT = integer({
  doc:
    "Its share of new requests among cores that are equally near: one of 2 gets twice as many as one of 1.",
  min: 1,
  max: 1000,
  default: 1,
});

const CORE = section("A core as the edge sees it.", {
  name: name({ doc: "What the edge calls it in metrics and logs.", example: "sz-1" }),
  server_name: serverName({
    doc: "The name that the core's certificate must bear.",
    example: "core.example.com",
  }),
  weight: WEIGHT,
  addresses: laneAddresses({
    doc:
      "The ways to it. QUIC is used while UDP gets through, the first of several for choice; a lane over TLS is kept " +
      "warm beside it and takes over when UDP does not; WebSockets are used where TLS cannot connect.",
    example: "core.example.com:7443",
  }),
});

const REVERSE = optionalSection("Cores that no connection can be made to: they dial this edge.", {
  listeners: list({
    doc: "Where the edge listens for such cores.",
    min: 1,
    max: 8,
    of: section("An address for cores.", {
      address: listenAddress({ doc: "Where the edge listens for cores.", example: "0.0.0.0:7444" }),
      transport: choice(TRANSPORTS, {
        doc: "What carries lanes there. QUIC is UDP and may share a port number with one of the others.",
        default: "quic",
      }),
    }),
  }),
  certificate_file: file({
    doc: "PEM file with the certificate that the edge shows to these cores.",
    example: "edge-certificate.pem",
  }),
  key_file: file({ doc: "PEM file with its private key (PKCS #8).", example: "edge-key.pem" }),
  cores: list({
    doc: "The cores that may dial this edge.",
    min: 1,
    max: 16,
    uniqueBy: ["name", "public_key"],
    of: section("A core that dials this edge.", {
      name: name({ doc: "The core's name, as in its own file.", example: "sz-2" }),
      public_key: ed25519PublicKey({
        doc: "The Ed25519 public key by which it proves who it is.",
        example: "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
      }),
      weight: WEIGHT,
    }),
  }),
});

const TUNNEL = section("The way to the cores. Heartbeats and the time to resume are theirs to set.", {
  cores: list({
    doc:
      "The cores that this edge dials. New requests go to the nearest; others take over when none of those is up.",
    min: 0,
    max: 16,
    uniqueBy: ["name"],
    default: [],
    of: CORE,
  }),
  lanes: integer({
    doc: "Connections that are kept to each core.",
    unit: "connections",
    min: 1,
    max: MAX_LANES,
    default: 4,
  }),
  redundancy: redundancySection(),
  reverse: REVERSE,
  ca_file: file({
    doc: "PEM file with the certificates that the core's certificate must lead to; no others are trusted.",
    example: "ca.pem",
  }),
  edge_key_file: file({
    doc: "PEM file with the Ed25519 private key by which this edge proves who it is.",
    example: "edge-identity-key.pem",
  }),
  connect_timeout_ms: duration({
    doc: "How long connecting to a core, TLS included, may take.",
    min: 100,
    max: 120_000,
    default: 5000,
  }),
  reconnect_initial_ms: duration({
    doc:
      "Upper bound of the random wait after the first failure to connect to an address; it doubles with each failure.",
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
    doc: "How long a new request waits when no core is up before it gets 503.",
    min: 0,
    max: 600_000,
    default: 5000,
    reloadable: true,
  }),
  max_waiting: integer({
    doc: "Requests that wait for a core at once; more get 503 immediately.",
    unit: "requests",
    min: 0,
    max: 1_000_000,
    default: 1000,
    reloadable: true,
  }),
  max_streams: integer({
    doc: "Exchanges in flight at once to each core; the core's max_streams holds as well.",
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
