/** Options that edges and cores have in common. */
import { listenAddress } from "./option_kinds.ts";
import { choice, duration, flag, section } from "./option.ts";

export const DRAIN_GRACE = duration({
  doc: "How long exchanges in flight may go on after the node was told to stop; what is left then is cut.",
  min: 0,
  max: 86_400_000,
  default: 30_000,
  reloadable: true,
});

export const TRANSPORTS = ["quic", "tls"] as const;
/** How a lane of the tunnel is carried: QUIC over UDP, or TLS over TCP. */
export type Transport = typeof TRANSPORTS[number];

export function adminSection(options: { defaultAddress: string }) {
  return section(
    "The node's own HTTP server for those who run it: /metrics, /healthz and /readyz. It asks for no key.",
    {
      address: listenAddress({
        doc: "Where it listens; keep it out of reach of clients.",
        default: options.defaultAddress,
      }),
    },
  );
}

export const LOG_SECTION = section("Structured log lines on standard error.", {
  level: choice(["debug", "info", "warn", "error"], {
    doc: "Lines below this level are dropped.",
    default: "info",
    reloadable: true,
  }),
  access: flag({ doc: "One line for each exchange.", default: true, reloadable: true }),
});
