import { MAX_KEYS_PER_EDGE } from "../handshake/edge_keys.ts";
import type { Incomplete } from "./camel_case.ts";
import { closestName } from "./closest_name.ts";
import type { CoreConfig } from "./core_schema.ts";
import { checkAuthorities, checkCertificate, type ProblemSink } from "./key_file_checks.ts";
import { checkListenAddresses } from "./listen_checks.ts";
import { checkAbove } from "./order_checks.ts";

type Config = Incomplete<CoreConfig>;

/** What must hold between the options of a core, and in the files it names. */
export function checkCore(config: Config, { now }: { now: Date }, sink: ProblemSink): void {
  const { tunnel, routing } = config;
  const listeners = tunnel?.listeners ?? [];
  checkListenAddresses([
    ...listeners.map((listener, index) => ({
      path: `tunnel.listeners[${index}].address`,
      protocol: listener?.transport === "tls" ? "tcp" as const : "udp" as const,
      address: listener?.transport === undefined ? undefined : listener.address,
    })),
    { path: "admin.address", protocol: "tcp", address: config.admin?.address },
  ], sink);
  checkCertificate({
    certificate: { path: "tunnel.certificate_file", file: tunnel?.certificateFile },
    key: { path: "tunnel.key_file", file: tunnel?.keyFile },
    now,
  }, sink);
  checkEdges(config, sink);
  checkAbove({ path: "tunnel.dead_after_ms", value: tunnel?.deadAfterMs }, {
    path: "tunnel.heartbeat_interval_ms",
    value: tunnel?.heartbeatIntervalMs,
  }, sink);
  checkAuth(config, sink);
  config.origins?.forEach((origin, index) => {
    const option = { path: `origins[${index}].ca_file`, file: origin?.caFile ?? undefined };
    checkAuthorities(option, { now }, sink);
  });
  checkRoutes(config, sink);
  checkAbove({ path: "routing.max_peek_bytes_overall", value: routing?.maxPeekBytesOverall }, {
    path: "routing.max_peek_bytes",
    value: routing?.maxPeekBytes,
    mayBeEqual: true,
  }, sink);
}

function checkEdges(config: Config, sink: ProblemSink): void {
  const keyCounts = new Map<string, number>();
  config.tunnel?.edges?.forEach((edge, index) => {
    if (edge?.name === undefined) return;
    const count = (keyCounts.get(edge.name) ?? 0) + 1;
    keyCounts.set(edge.name, count);
    if (count <= MAX_KEYS_PER_EDGE) return;
    sink.report(`tunnel.edges[${index}].name`, `is one key too many for this edge`, {
      allowed: `${MAX_KEYS_PER_EDGE} keys for one edge`,
    });
  });
}

function checkAuth(config: Config, sink: ProblemSink): void {
  const { auth } = config;
  if (auth?.mode === undefined || auth.apiKeys === undefined) return;
  if (auth.mode === "none" && auth.apiKeys.length > 0) {
    sink.report("auth.api_keys", "has keys though auth.mode is none, so that nobody would be asked for one", {
      allowed: "no keys, or mode: api_keys",
    });
  }
  if (auth.mode !== "api_keys") return;
  if (auth.apiKeys.length === 0) {
    sink.report("auth.api_keys", "has no key, so that nobody could call", {
      allowed: "at least one key; or `auth: {mode: none}` to let everybody in",
    });
  }
  if (auth.headers?.length === 0 && auth.queryParameter === null) {
    sink.report("auth.headers", "leaves no place for a key", {
      allowed: "at least one header field, or a query_parameter",
    });
  }
}

function checkRoutes(config: Config, sink: ProblemSink): void {
  const origins = config.origins ?? [];
  const names = origins.flatMap((origin) => origin?.name === undefined ? [] : [origin.name]);
  const areNamesComplete = config.origins !== undefined && names.length === origins.length;
  let catchAll: string | null = null;
  config.routes?.forEach((route, index) => {
    const path = `routes[${index}]`;
    if (catchAll !== null) {
      sink.report(path, `is never reached: the route in line ${sink.lineOf(catchAll)} takes everything`, {
        found: null,
      });
    }
    if (catchAll === null && route?.models === null && route.paths === null) catchAll = path;
    const origin = route?.origin;
    if (origin === undefined || names.includes(origin) || !areNamesComplete) return;
    const closest = closestName(origin, names);
    const hint = closest === null ? "" : `; did you mean ${closest}?`;
    sink.report(`${path}.origin`, `names no origin${hint}`, { allowed: names.join(", ") });
  });
}
