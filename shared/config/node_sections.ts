/** Options that edges and cores have in common. */
import type { z } from "zod";
import { parsePeerPublicKey } from "../handshake/peer_keys.ts";
import { listenAddress, remoteAddress } from "./option_kinds.ts";
import { choice, duration, flag, integer, list, section, text, type TextOption } from "./option.ts";

export const DRAIN_GRACE = duration({
  doc: "How long exchanges in flight may go on after the node was told to stop; what is left then is cut.",
  min: 0,
  max: 86_400_000,
  default: 30_000,
  reloadable: true,
});

export const TRANSPORTS = ["quic", "tls", "websocket"] as const;
/** How a lane of the tunnel is carried: QUIC over UDP, TLS over TCP, or a WebSocket over TLS. */
export type Transport = typeof TRANSPORTS[number];

/** Lanes of one session; both ends take as many. */
export const MAX_LANES = 16;

/** The ways to one other node. */
export function laneAddresses({ doc, example }: { doc: string; example: string }) {
  return list({
    doc,
    min: 1,
    max: 8,
    of: section("One way to it.", {
      address: remoteAddress({ doc: "Where it takes lanes.", example }),
      transport: choice(TRANSPORTS, {
        doc:
          "What carries lanes there: QUIC over UDP, TLS over TCP where UDP does not get through, or a WebSocket over " +
          "TLS where only web traffic does.",
        default: "quic",
      }),
    }),
  });
}

/** An Ed25519 public key as it is written in a configuration. */
export function ed25519PublicKey(
  option: Pick<TextOption<string>, "doc" | "reloadable" | "example">,
): z.ZodType<string> {
  return text({
    ...option,
    allowed: "an Ed25519 public key: PEM, or the base64 of its SubjectPublicKeyInfo",
    parse: parsePublicKey,
  });
}

function parsePublicKey(value: string): string | { wrong: string } {
  try {
    parsePeerPublicKey(value);
    return value.trim();
  } catch (error) {
    if (error instanceof TypeError) return { wrong: "is not an Ed25519 public key" };
    throw error;
  }
}

/** Every kind of frame fits one QUIC datagram over a path of 1200 bytes with the largest that is allowed here. */
const MAX_COPIED_FRAME_BYTES = 1100;

/** When small frames go out more than once. */
export function redundancySection() {
  return section("Small frames, tokens above all, go out again so that the loss of a packet delays none.", {
    mode: choice(["off", "auto", "always"], {
      doc: "Never, by the loss that is measured on the way to the other node, or always.",
      default: "auto",
    }),
    max_frame_bytes: integer({
      doc: "Frames up to this size are sent again.",
      unit: "bytes",
      min: 64,
      max: MAX_COPIED_FRAME_BYTES,
      default: 1024,
    }),
    spacing_ms: duration({
      doc: "Between a frame and its copy, so that one burst of loss does not take both.",
      min: 1,
      max: 100,
      default: 2,
    }),
  });
}

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
