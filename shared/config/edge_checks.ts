import type { Incomplete } from "./camel_case.ts";
import type { EdgeConfig } from "./edge_schema.ts";
import { checkAuthorities, checkCertificate, checkEdgeKey, type ProblemSink } from "./key_file_checks.ts";
import { checkLaneAddresses } from "./lane_address_checks.ts";
import { checkListenAddresses } from "./listen_checks.ts";
import { checkAbove } from "./order_checks.ts";

/** What must hold between the options of an edge, and in the files it names. */
export function checkEdge(config: Incomplete<EdgeConfig>, { now }: { now: Date }, sink: ProblemSink): void {
  const { listener, tunnel, backpressure, http2 } = config;
  checkListenAddresses([
    { path: "listener.address", protocol: "tcp", address: listener?.address },
    { path: "admin.address", protocol: "tcp", address: config.admin?.address },
    ...(tunnel?.reverse?.listeners ?? []).map((lanes, index) => ({
      path: `tunnel.reverse.listeners[${index}].address`,
      protocol: lanes?.transport === "quic" ? "udp" as const : "tcp" as const,
      address: lanes?.transport === undefined ? undefined : lanes.address,
    })),
  ], sink);
  listener?.certificates?.forEach((certificate, index) => {
    const path = `listener.certificates[${index}]`;
    checkCertificate({
      certificate: { path: `${path}.certificate_file`, file: certificate?.certificateFile },
      key: { path: `${path}.key_file`, file: certificate?.keyFile },
      now,
    }, sink);
  });
  checkCores(config, sink);
  checkReverse(config, { now }, sink);
  checkAuthorities({ path: "tunnel.ca_file", file: tunnel?.caFile }, { now }, sink);
  checkEdgeKey({ path: "tunnel.edge_key_file", file: tunnel?.edgeKeyFile }, sink);
  checkAbove({ path: "backpressure.high_watermark", value: backpressure?.highWatermark }, {
    path: "backpressure.low_watermark",
    value: backpressure?.lowWatermark,
  }, sink);
  checkAbove({ path: "tunnel.reconnect_max_ms", value: tunnel?.reconnectMaxMs }, {
    path: "tunnel.reconnect_initial_ms",
    value: tunnel?.reconnectInitialMs,
    mayBeEqual: true,
  }, sink);
  checkAbove({ path: "http2.max_open_head_bytes", value: http2?.maxOpenHeadBytes }, {
    path: "http2.max_head_bytes",
    value: http2?.maxHeadBytes,
    mayBeEqual: true,
  }, sink);
}

function checkCores({ tunnel }: Incomplete<EdgeConfig>, sink: ProblemSink): void {
  if (tunnel?.cores?.length === 0 && tunnel.reverse === null) {
    sink.report("tunnel.cores", "has no core, so that nothing could be relayed", {
      allowed: "at least one core, or tunnel.reverse with cores that dial this edge",
    });
  }
  tunnel?.cores?.forEach((core, index) =>
    checkLaneAddresses(`tunnel.cores[${index}].addresses`, core?.addresses, sink)
  );
}

function checkReverse({ tunnel }: Incomplete<EdgeConfig>, { now }: { now: Date }, sink: ProblemSink): void {
  const reverse = tunnel?.reverse;
  if (reverse === undefined || reverse === null) return;
  checkCertificate({
    certificate: { path: "tunnel.reverse.certificate_file", file: reverse.certificateFile },
    key: { path: "tunnel.reverse.key_file", file: reverse.keyFile },
    now,
  }, sink);
  reverse.cores?.forEach((core, index) => {
    const dialled = tunnel?.cores?.findIndex((other) => other?.name === core?.name) ?? -1;
    if (core?.name === undefined || dialled < 0) return;
    const line = sink.lineOf(`tunnel.cores[${dialled}].name`);
    sink.report(`tunnel.reverse.cores[${index}].name`, `is the same as in line ${line}`, {
      found: core.name,
      allowed: "each core once",
    });
  });
}
