import { MAX_KEYS_PER_PEER } from "../handshake/peer_keys.ts";
import type { Incomplete } from "./camel_case.ts";
import { closestName } from "./closest_name.ts";
import type { CoreConfig } from "./core_schema.ts";
import { checkAuthorities, checkCertificate, checkEdgeKey, type ProblemSink } from "./key_file_checks.ts";
import { checkLaneAddresses } from "./lane_address_checks.ts";
import { checkListenAddresses } from "./listen_checks.ts";
import { checkAbove } from "./order_checks.ts";

type Config = Incomplete<CoreConfig>;

/** What must hold between the options of a core, and in the files it names. */
export function checkCore(config: Config, { now }: { now: Date }, sink: ProblemSink): void {
  const { tunnel, routing } = config;
  checkListenAddresses([
    ...(tunnel?.listeners ?? []).map((listener, index) => ({
      path: `tunnel.listeners[${index}].address`,
      protocol: listener?.transport === "quic" ? "udp" as const : "tcp" as const,
      address: listener?.transport === undefined ? undefined : listener.address,
    })),
    { path: "admin.address", protocol: "tcp", address: config.admin?.address },
  ], sink);
  checkListeners(config, { now }, sink);
  checkDial(config, { now }, sink);
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

function checkListeners({ tunnel }: Config, { now }: { now: Date }, sink: ProblemSink): void {
  if (tunnel === undefined) return;
  const { listeners, certificateFile, keyFile } = tunnel;
  if (listeners?.length === 0) {
    if (tunnel.dial !== null) return;
    sink.report("tunnel.listeners", "is empty, so that no edge could connect", {
      found: null,
      allowed: "at least one listener; or a dial section, for a core that connects to its edges",
    });
  }
  const files = [["tunnel.certificate_file", certificateFile], ["tunnel.key_file", keyFile]] as const;
  for (const [path, file] of files) {
    if (file !== null) continue;
    sink.report(path, "is missing, though there are listeners", { found: null, allowed: "a PEM file" });
  }
  checkCertificate({
    certificate: { path: "tunnel.certificate_file", file: certificateFile ?? undefined },
    key: { path: "tunnel.key_file", file: keyFile ?? undefined },
    now,
  }, sink);
}

function checkDial({ tunnel }: Config, { now }: { now: Date }, sink: ProblemSink): void {
  const dial = tunnel?.dial;
  if (dial === undefined || dial === null) return;
  checkEdgeKey({ path: "tunnel.dial.core_key_file", file: dial.coreKeyFile }, sink);
  checkAuthorities({ path: "tunnel.dial.ca_file", file: dial.caFile }, { now }, sink);
  checkAbove({ path: "tunnel.dial.reconnect_max_ms", value: dial.reconnectMaxMs }, {
    path: "tunnel.dial.reconnect_initial_ms",
    value: dial.reconnectInitialMs,
    mayBeEqual: true,
  }, sink);
  dial.edges?.forEach((edge, index) => {
    const path = `tunnel.dial.edges[${index}]`;
    checkLaneAddresses(`${path}.addresses`, edge?.addresses, sink);
    const hasKey = tunnel?.edges?.some((other) => other === undefined || other.name === edge?.name) ?? true;
    if (edge?.name === undefined || hasKey) return;
    sink.report(`${path}.name`, "has no key in tunnel.edges, so that it could not prove who it is", {
      allowed: "the name of an edge in tunnel.edges",
    });
  });
}

function checkEdges(config: Config, sink: ProblemSink): void {
  const keyCounts = new Map<string, number>();
  config.tunnel?.edges?.forEach((edge, index) => {
    if (edge?.name === undefined) return;
    const count = (keyCounts.get(edge.name) ?? 0) + 1;
    keyCounts.set(edge.name, count);
    if (count <= MAX_KEYS_PER_PEER) return;
    sink.report(`tunnel.edges[${index}].name`, `is one key too many for this edge`, {
      allowed: `${MAX_KEYS_PER_PEER} keys for one edge`,
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
