import { CADDY } from "./caddy.ts";
import { DIRECT } from "./direct.ts";
import { FRP } from "./frp.ts";
import { GOST } from "./gost.ts";
import { HAPROXY } from "./haproxy.ts";
import { HYSTERIA } from "./hysteria.ts";
import { LOWU_QUIC, LOWU_TLS } from "./lowu.ts";
import { NGINX } from "./nginx.ts";
import type { Relay } from "./relay.ts";

/** On one machine. */
export const LOOPBACK_RELAYS: readonly Relay[] = [NGINX, LOWU_QUIC, LOWU_TLS];
/** The same with the origin alone as the base. */
export const LOOPBACK_RELAYS_AND_DIRECT: readonly Relay[] = [DIRECT, ...LOOPBACK_RELAYS];
/** No system package brings them; see `PEERS_FOLDER`. */
export const UNPACKAGED_RELAYS: readonly Relay[] = [GOST, FRP, HYSTERIA];
/** Over an emulated link. */
export const BORDER_RELAYS: readonly Relay[] = [
  NGINX,
  HAPROXY,
  CADDY,
  ...UNPACKAGED_RELAYS,
  LOWU_QUIC,
  LOWU_TLS,
];
