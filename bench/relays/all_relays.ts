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

/** Which of `relays` can be measured here, and why the others cannot. */
export interface Selection {
  readonly relays: readonly { readonly relay: Relay; readonly version: string }[];
  readonly notRun: readonly { readonly name: string; readonly reason: string }[];
}

/** @param only names as in `--only`; empty: all */
export async function selectRelays(relays: readonly Relay[], only: readonly string[]): Promise<Selection> {
  const selected: { relay: Relay; version: string }[] = [];
  const notRun: { name: string; reason: string }[] = [];
  for (const relay of relays) {
    if (only.length > 0 && !only.some((name) => name.toLowerCase() === relay.name.toLowerCase())) continue;
    const version = await relay.version();
    if (version === null) notRun.push({ name: relay.name, reason: "not installed" });
    else selected.push({ relay, version });
  }
  return { relays: selected, notRun };
}
