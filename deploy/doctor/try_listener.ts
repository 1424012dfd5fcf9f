import type { Address } from "../../shared/config/address.ts";
import { formatAddress } from "../../shared/config/address.ts";
import type { LaneTransport } from "../../shared/transport/lane_connection.ts";
import type { ListenerFacts } from "./facts.ts";

/** Binds the address as a listener would, and lets go of it at once. */
export function tryListener(
  { address, transport }: { address: Address; transport: LaneTransport },
): ListenerFacts {
  const facts = { address: formatAddress(address), transport };
  try {
    const socket = transport === "quic"
      ? Deno.listenDatagram({ transport: "udp", ...address })
      : Deno.listen({ ...address });
    socket.close();
    return { ...facts, outcome: "free", reason: "" };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { ...facts, outcome: outcomeOf(error), reason: error.message };
  }
}

function outcomeOf(error: Error): ListenerFacts["outcome"] {
  if (error instanceof Deno.errors.AddrInUse) return "in_use";
  if (error instanceof Deno.errors.AddrNotAvailable) return "not_local";
  if (error instanceof Deno.errors.PermissionDenied) return "denied";
  return "failed";
}
