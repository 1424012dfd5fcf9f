import type { z } from "zod";
import { API_KEY_HASH_PATTERN } from "./api_key.ts";
import type { Camelized } from "./camel_case.ts";
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
import {
  file,
  httpUrl,
  listenAddress,
  name,
  optionalFile,
  optionalMoment,
  optionalSecret,
  pattern,
  serverName,
} from "./option_kinds.ts";
import {
  choice,
  decimal,
  duration,
  integer,
  list,
  optionalList,
  optionalSection,
  optionalText,
  section,
  text,
} from "./option.ts";

const DIAL = optionalSection("Edges that this core connects to, where none can connect to it.", {
  core_key_file: file({
    doc: "PEM file with the Ed25519 private key by which this core proves to them who it is.",
    example: "core-identity-key.pem",
  }),
  ca_file: file({
    doc: "PEM file with certificates that the edges' certificates may lead to, besides the public ones.",
    example: "ca.pem",
  }),
  lanes: integer({
    doc: "Connections that are kept to each of these edges.",
    unit: "connections",
    min: 1,
    max: MAX_LANES,
    default: 4,
  }),
  connect_timeout_ms: duration({
    doc: "How long connecting to an edge, TLS included, may take.",
    min: 100,
    max: 120_000,
    default: 5000,
  }),
  reconnect_initial_ms: duration({
    doc: "Upper bound of the random wait after the first failure at an address; it doubles with each more.",
    min: 10,
    max: 60_000,
    default: 200,
  }),
  reconnect_max_ms: duration({
    doc: "Where the doubling ends; at least reconnect_initial_ms.",
    min: 10,
    max: 600_000,
    default: 10_000,
  }),
  edges: list({
    doc: "The edges; tunnel.edges must hold the key of each as well.",
    min: 1,
    max: 64,
    uniqueBy: ["name"],
    of: section("An edge that this core connects to.", {
      name: name({ doc: "The edge's name, as in its own file.", example: "hk-1" }),
      server_name: serverName({
        doc: "The name that the edge's certificate must bear.",
        example: "edge.example.com",
      }),
      addresses: laneAddresses({
        doc:
          "Where the edge listens for cores. The first that speaks QUIC is preferred; one lane is kept on another " +
          "transport where one is given.",
        example: "edge.example.com:7444",
      }),
    }),
  }),
});

const TUNNEL = section("The way to the edges.", {
  listeners: list({
    doc: "Where edges connect; may be empty only if dial is given.",
    min: 0,
    max: 8,
    default: [],
    of: section("An address of the tunnel.", {
      address: listenAddress({ doc: "Where the core listens for edges.", example: "0.0.0.0:7443" }),
      transport: choice(TRANSPORTS, {
        doc:
          "What carries the tunnel there: QUIC over UDP, TLS over TCP, or a WebSocket over TLS for networks that pass " +
          "nothing but the web. QUIC may share a port number with one of the others.",
        default: "quic",
      }),
    }),
  }),
  certificate_file: optionalFile({
    doc: "PEM file with the certificate that the core shows to edges; listeners need it.",
    example: "core-certificate.pem",
    isUsual: true,
  }),
  key_file: optionalFile({
    doc: "PEM file with its private key (PKCS #8); listeners need it.",
    example: "core-key.pem",
    isUsual: true,
  }),
  edges: list({
    doc:
      "The edges that may connect. An edge may be listed twice with two keys, to change from one to the other.",
    min: 1,
    max: 1024,
    uniqueBy: ["public_key"],
    of: section("An edge that may connect.", {
      name: name({ doc: "The edge's name, as in its own file.", example: "hk-1" }),
      public_key: ed25519PublicKey({
        doc: "The edge's Ed25519 public key.",
        example: "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        reloadable: true,
      }),
      not_after: optionalMoment({
        doc: "From then on this key is refused.",
        example: "2030-01-01",
        reloadable: true,
      }),
    }),
  }),
  dial: DIAL,
  redundancy: redundancySection(),
  handshake_timeout_ms: duration({
    doc: "How long an edge may take for TLS and the proof of its key.",
    min: 100,
    max: 120_000,
    default: 10_000,
  }),
  max_connections: integer({
    doc: "Connections of edges at once, those included that have not proved who they are.",
    unit: "connections",
    min: 1,
    max: 100_000,
    default: 1024,
  }),
  max_streams: integer({
    doc: "Exchanges in flight at once for each edge.",
    unit: "streams",
    min: 1,
    max: 1_000_000,
    default: 16_384,
  }),
  heartbeat_interval_ms: duration({
    doc: "A heartbeat goes out on every connection of the tunnel this often.",
    min: 100,
    max: 60_000,
    default: 1000,
  }),
  dead_after_ms: duration({
    doc: "A connection of the tunnel that brings nothing for so long is dead; above heartbeat_interval_ms.",
    min: 200,
    max: 300_000,
    default: 5000,
  }),
  resume_timeout_ms: duration({
    doc:
      "How long exchanges in flight wait for the edge to come back when its last connection died; then they are cut.",
    min: 0,
    max: 600_000,
    default: 15_000,
  }),
  drain_grace_ms: DRAIN_GRACE,
});

const RATE = {
  requests_per_second: decimal({
    doc: "Requests each second in the long run.",
    unit: "requests/s",
    min: 0.001,
    max: 1_000_000,
    example: 10,
    reloadable: true,
  }),
  burst: integer({
    doc: "Requests that may come at once after a rest.",
    unit: "requests",
    min: 1,
    max: 1_000_000,
    example: 20,
    reloadable: true,
  }),
};

const AUTH = section("Who may call.", {
  mode: choice(["api_keys", "none"], {
    doc:
      "api_keys: each request needs one of the keys below. none: everybody may call; no keys may be listed then.",
    default: "api_keys",
    reloadable: true,
  }),
  api_keys: list({
    doc: "The keys that are accepted.",
    min: 0,
    max: 10_000,
    default: [],
    uniqueBy: ["name", "hash"],
    reloadable: true,
    of: section("A key that is accepted.", {
      name: name({ doc: "Who holds the key, for logs and metrics.", example: "default", reloadable: true }),
      hash: text({
        doc: "The key's hash: `sha256:` and the SHA-256 of the key in hexadecimal.",
        allowed: "sha256: and 64 lower-case hex digits; the key itself is never written here",
        parse: (value) => API_KEY_HASH_PATTERN.test(value) ? value : { wrong: "is not the hash of a key" },
        isSecret: true,
        example: `sha256:${"0".repeat(64)}`,
        reloadable: true,
      }),
      rate_limit: optionalSection("This key's own limit, in place of limits.per_key.", RATE),
    }),
  }),
  headers: list({
    doc: "Header fields that may carry a key; authorization is read as a bearer token.",
    min: 0,
    max: 8,
    default: ["authorization", "x-api-key"],
    reloadable: true,
    of: pattern({
      doc: "A field name.",
      allowed: "a header field name in lower case",
      pattern: /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/,
    }),
  }),
  query_parameter: optionalText({
    doc:
      "Query parameter that may carry a key, for clients that cannot set header fields; it is taken out of the path.",
    allowed: "1 to 64 letters, digits, '_', '-' and '.'",
    parse: (value) =>
      /^[\w.-]{1,64}$/.test(value) ? value : { wrong: "is not the name of a query parameter" },
    example: "api_key",
    reloadable: true,
  }),
});

const LIMITS = section("How much may be asked; above, the answer is 429 with Retry-After.", {
  overall: optionalSection("Limit of all callers together.", RATE),
  per_key: optionalSection("Limit of each key that has none of its own.", RATE),
});

const ORIGIN = section("A named LLM service.", {
  name: name({ doc: "The name that routes use.", example: "llm" }),
  endpoints: list({
    doc: "The model servers of this origin.",
    min: 1,
    max: 1024,
    uniqueBy: ["url"],
    of: section("A model server.", {
      url: httpUrl({
        doc: "Its base URL; a path is put before the request's.",
        example: "http://10.0.0.5:8000",
      }),
    }),
  }),
  api_key: optionalSecret({
    doc: "Sent to the origin as a bearer token in place of the client's key.",
    example: "${ORIGIN_API_KEY}",
  }),
  ca_file: optionalFile({
    doc: "PEM file with certificates that the endpoints' certificates may lead to, besides the public ones.",
    example: "origin-ca.pem",
  }),
  connect_timeout_ms: duration({
    doc: "How long connecting to an endpoint may take, TLS included.",
    min: 10,
    max: 120_000,
    default: 3000,
  }),
  head_timeout_ms: duration({
    doc: "How long an endpoint may think before its answer begins.",
    min: 100,
    max: 86_400_000,
    default: 600_000,
  }),
  idle_timeout_ms: duration({
    doc: "How long an answer may pause between two bytes.",
    min: 100,
    max: 86_400_000,
    default: 300_000,
  }),
  max_connections: integer({
    doc: "Connections at once to each endpoint.",
    unit: "connections",
    min: 1,
    max: 1_000_000,
    default: 10_000,
  }),
  max_idle_connections: integer({
    doc: "Connections to each endpoint that are kept open for later requests.",
    unit: "connections",
    min: 0,
    max: 100_000,
    default: 256,
  }),
  idle_connection_timeout_ms: duration({
    doc: "How long a connection is kept open for later requests; stay below the endpoint's own limit.",
    min: 0,
    max: 3_600_000,
    default: 30_000,
  }),
});

const ROUTE = section("Which requests go to which origin.", {
  origin: name({ doc: "The name of the origin.", example: "llm", reloadable: true }),
  models: optionalList({
    doc: "The model that a request names must match one of these; without it any model, or none, will do.",
    min: 1,
    max: 256,
    reloadable: true,
    of: pattern({
      doc: "A model.",
      allowed:
        "1 to 256 characters, up to 4 of them '*' for any run of characters; in quotes if it begins with '*'",
      pattern: /^(?=[^\p{Cc}]{1,256}$)[^*]*(?:\*[^*]*){0,4}$/u,
      example: "qwen3-*",
    }),
  }),
  paths: optionalList({
    doc: "The request's path must begin with one of these; without it any path will do.",
    min: 1,
    max: 256,
    reloadable: true,
    of: pattern({
      doc: "A path prefix.",
      allowed: "a path that begins with /",
      pattern: /^\/[\x21-\x7e]*$/,
      example: "/v1/chat/",
    }),
  }),
  cache: choice(["strip", "pass"], {
    doc:
      "strip: caching fields are removed and answers marked as not to be stored. pass: they are left alone.",
    default: "strip",
    reloadable: true,
  }),
});

/** The options of a core. */
export const CORE_SCHEMA = section("Options of a core.", {
  node: choice(["core"], { doc: "Which kind of node the file is for.", allowed: "edge, core" }),
  name: name({ doc: "Name of this core, for logs and metrics.", example: "sz-1" }),
  tunnel: TUNNEL,
  auth: AUTH,
  limits: LIMITS,
  origins: list({
    doc: "The LLM services behind this core.",
    min: 1,
    max: 256,
    uniqueBy: ["name"],
    of: ORIGIN,
  }),
  routes: list({
    doc:
      "Tried in order; the first that matches decides. A route without models and paths takes all and comes last.",
    min: 1,
    max: 1024,
    reloadable: true,
    of: ROUTE,
  }),
  routing: section("Looking into requests to find the model.", {
    max_peek_bytes: integer({
      doc:
        "Bytes of one request's body that are read at most to find its model; only routes with models need it.",
      unit: "bytes",
      min: 1024,
      max: 256 * 1024 * 1024,
      default: 8 * 1024 * 1024,
    }),
    max_peek_bytes_overall: integer({
      doc: "Bytes that all requests being looked into may hold together; at least max_peek_bytes.",
      unit: "bytes",
      min: 1024,
      max: 64 * 1024 * 1024 * 1024,
      default: 256 * 1024 * 1024,
    }),
  }),
  admin: adminSection({ defaultAddress: "127.0.0.1:9102" }),
  log: LOG_SECTION,
});

export type CoreConfig = Camelized<z.output<typeof CORE_SCHEMA>>;
