import { CADDY } from "./caddy.ts";
import { DIRECT } from "./direct.ts";
import { FRP } from "./frp.ts";
import { GOST } from "./gost.ts";
import { HAPROXY } from "./haproxy.ts";
import { HYSTERIA } from "./hysteria.ts";
import { LOWU, LOWU_COPIES, LOWU_NO_COPIES, LOWU_TLS } from "./lowu.ts";
import { NGINX } from "./nginx.ts";
import type { Relay } from "./relay.ts";

/** On one machine. */
export const LOOPBACK_RELAYS: readonly Relay[] = [NGINX, LOWU, LOWU_TLS];
/** The same with the origin alone as the base. */
export const LOOPBACK_RELAYS_AND_DIRECT: readonly Relay[] = [DIRECT, ...LOOPBACK_RELAYS];
/** The same with copies of every small frame: what redundancy costs where nothing is lost. */
export const LOOPBACK_RELAYS_AND_COPIES: readonly Relay[] = [...LOOPBACK_RELAYS, LOWU_COPIES];
/** No system package brings them; see `PEERS_FOLDER`. */
export const UNPACKAGED_RELAYS: readonly Relay[] = [GOST, FRP, HYSTERIA];
/** Over an emulated link. */
export const BORDER_RELAYS: readonly Relay[] = [
  NGINX,
  HAPROXY,
  CADDY,
  ...UNPACKAGED_RELAYS,
  LOWU,
  LOWU_NO_COPIES,
  LOWU_TLS,
];
