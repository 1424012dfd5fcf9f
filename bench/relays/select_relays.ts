import type { Relay, Selection } from "./relay.ts";

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
