import { CADDY } from "./caddy.ts";
import { DIRECT } from "./direct.ts";
import { HAPROXY } from "./haproxy.ts";
import { LOWU_QUIC, LOWU_TLS } from "./lowu.ts";
import { NGINX } from "./nginx.ts";
import type { Relay } from "./relay.ts";

/** On one machine. */
export const LOOPBACK_RELAYS: readonly Relay[] = [NGINX, LOWU_QUIC, LOWU_TLS];
/** The same with the origin alone as the base. */
export const LOOPBACK_RELAYS_AND_DIRECT: readonly Relay[] = [DIRECT, ...LOOPBACK_RELAYS];
/** Over an emulated link. */
export const BORDER_RELAYS: readonly Relay[] = [NGINX, HAPROXY, CADDY, LOWU_QUIC, LOWU_TLS];
