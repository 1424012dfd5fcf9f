import type { Incomplete } from "./camel_case.ts";
import type { EdgeConfig } from "./edge_schema.ts";
import { checkAuthorities, checkCertificate, checkEdgeKey, type ProblemSink } from "./key_file_checks.ts";
import { checkListenAddresses } from "./listen_checks.ts";
import { checkAbove } from "./order_checks.ts";

/** What must hold between the options of an edge, and in the files it names. */
export function checkEdge(config: Incomplete<EdgeConfig>, { now }: { now: Date }, sink: ProblemSink): void {
  const { listener, tunnel, backpressure, http2 } = config;
  checkListenAddresses([
    { path: "listener.address", protocol: "tcp", address: listener?.address },
    { path: "admin.address", protocol: "tcp", address: config.admin?.address },
  ], sink);
  listener?.certificates?.forEach((certificate, index) => {
    const path = `listener.certificates[${index}]`;
    checkCertificate({
      certificate: { path: `${path}.certificate_file`, file: certificate?.certificateFile },
      key: { path: `${path}.key_file`, file: certificate?.keyFile },
      now,
    }, sink);
  });
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
