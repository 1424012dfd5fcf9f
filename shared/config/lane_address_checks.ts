import { type Address, formatAddress } from "./address.ts";
import type { ProblemSink } from "./key_file_checks.ts";
import type { Transport } from "./node_sections.ts";

/** A way to another node; parts that have a problem themselves are undefined. */
type LaneAddress = { readonly address?: Address | undefined; readonly transport?: Transport | undefined };

/** Reports each way that is the same as an earlier one of the list at `path`. */
export function checkLaneAddresses(
  path: string,
  addresses: readonly (LaneAddress | undefined)[] | undefined,
  sink: ProblemSink,
): void {
  const firstPaths = new Map<string, string>();
  addresses?.forEach((way, index) => {
    if (way?.address === undefined || way.transport === undefined) return;
    const shown = `${formatAddress(way.address)} over ${way.transport}`;
    const ownPath = `${path}[${index}].address`;
    const firstPath = firstPaths.get(shown);
    if (firstPath === undefined) return void firstPaths.set(shown, ownPath);
    sink.report(ownPath, `is the same way as in line ${sink.lineOf(firstPath)}`, {
      found: shown,
      allowed: "each address and transport once",
    });
  });
}
