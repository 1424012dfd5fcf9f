/**
 * Which of a core's addresses serves best, and why. Pure.
 *
 * QUIC before TLS before WebSocket: QUIC brings its own BBR, datagrams for copies, and survives a change of address. What
 * must not cost a clearly longer round trip: some networks send UDP a longer way or let it wait.
 */
import type { LaneTransport } from "../../shared/transport/lane_connection.ts";
import type { RedundancyOptions } from "../../shared/tunnel/redundancy.ts";
import { msText, percentText } from "./amount_text.ts";
import { copiesAtLoss, lossByDirection } from "./diagnose_path.ts";
import type { AddressFacts, CoreFacts, PathFacts } from "./facts.ts";
import { type Judgement, ok, warn } from "./finding.ts";

export interface Recommendation {
  readonly core: string;
  /** Null when no address works. */
  readonly best: { readonly transport: LaneTransport; readonly address: string } | null;
  readonly reason: string;
  /** Whether the order of the addresses fits, or what to change. */
  readonly order: string;
  /** What redundancy does on this path. */
  readonly redundancy: string;
}

const PREFERENCE: readonly LaneTransport[] = ["quic", "tls", "websocket"];
/** Worse by this factor and this time is clearly worse. */
const WORSE_FACTOR = 1.25;
const WORSE_MS = 5;
/** Beyond it UDP is throttled, whatever copies do. */
const MAX_UDP_LOSS_SHARE = 0.2;

/** An address that works, as it was measured. */
interface Candidate {
  readonly facts: AddressFacts;
  readonly path: PathFacts;
  readonly medianMs: number;
}

export function recommend(core: CoreFacts, redundancyMode: RedundancyOptions["mode"]): Recommendation {
  const candidates = candidatesOf(core);
  const preferred = PREFERENCE.flatMap((transport) => {
    const same = candidates.filter(({ facts }) => facts.transport === transport);
    return same.toSorted((a, b) => a.medianMs - b.medianMs).slice(0, 1);
  });
  const [first] = preferred;
  if (first === undefined) {
    return {
      core: core.name,
      best: null,
      reason: "no address of this core works",
      order: "put the addresses right first",
      redundancy: "not known",
    };
  }
  const rivals = preferred.filter((candidate) => candidate !== first);
  const faster = rivals.find((rival) => isClearlyWorse(first, rival));
  const best = faster ?? first;
  const { transport, address } = best.facts;
  return {
    core: core.name,
    best: { transport, address },
    reason: reasonFor(best, { passedOver: faster === undefined ? null : first, core }),
    order: orderText(core, candidates),
    redundancy: redundancyText(best, redundancyMode),
  };
}

/** Is there a second way for the time when UDP does not get through? */
export function diagnoseFallBack({ addresses }: CoreFacts): Judgement {
  const tcp = addresses.filter(({ transport }) => transport !== "quic");
  if (tcp.length === 0) {
    return warn(
      "fall-back",
      "only QUIC is configured: where UDP is blocked, nothing is left",
      "Add an address with transport tls.",
    );
  }
  const working = tcp.filter(({ path }) => path !== null);
  if (working.length > 0) {
    return ok("fall-back", `without UDP there is ${working.map(({ transport }) => transport).join(", ")}`);
  }
  return warn("fall-back", "no way over TCP works", "See the addresses above.");
}

function candidatesOf({ addresses }: CoreFacts): Candidate[] {
  return addresses.flatMap((facts) => {
    const medianMs = facts.path?.roundTrip.medianMs ?? null;
    return facts.path === null || medianMs === null ? [] : [{ facts, path: facts.path, medianMs }];
  });
}

function isClearlyWorse(one: Candidate, other: Candidate): boolean {
  if (one.facts.transport !== "quic") return false;
  const loss = one.path.loss === null ? null : lossByDirection(one.path.loss).roundTrip;
  if (loss !== null && loss > MAX_UDP_LOSS_SHARE) return true;
  return one.medianMs > other.medianMs * WORSE_FACTOR + WORSE_MS;
}

function reasonFor(
  best: Candidate,
  { passedOver, core }: { passedOver: Candidate | null; core: CoreFacts },
): string {
  if (passedOver !== null) {
    const { roundTrip } = passedOver.path.loss === null
      ? { roundTrip: null }
      : lossByDirection(passedOver.path.loss);
    return roundTrip !== null && roundTrip > MAX_UDP_LOSS_SHARE
      ? `UDP loses ${percentText(roundTrip)} of its packets: it is throttled`
      : `QUIC is slower here: ${msText(passedOver.medianMs)} against ${msText(best.medianMs)}`;
  }
  switch (best.facts.transport) {
    case "quic":
      return "UDP gets through and is not slower; QUIC brings its own BBR and datagrams for copies";
    case "tls":
      return core.addresses.some(({ transport }) => transport === "quic")
        ? "QUIC does not get through"
        : "no QUIC address is configured; TLS is the next best";
    case "websocket":
      return "nothing but WebSocket gets through, or is configured";
  }
}

/** The edge takes QUIC first, whatever the order; among addresses of one transport the first one. */
function orderText({ addresses }: CoreFacts, candidates: readonly Candidate[]): string {
  for (const transport of PREFERENCE) {
    const same = addresses.filter((address) => address.transport === transport);
    const working = candidates.filter(({ facts }) => facts.transport === transport);
    const [first] = same;
    const [fastest] = working.toSorted((a, b) => a.medianMs - b.medianMs);
    if (first === undefined || fastest === undefined || fastest.facts === first) continue;
    const current = working.find(({ facts }) => facts === first);
    if (current === undefined || current.medianMs > fastest.medianMs * WORSE_FACTOR + WORSE_MS) {
      return `put ${fastest.facts.address} before ${first.address}: ` +
        (current === undefined ? "that one does not work" : "it is nearer");
    }
  }
  return "fits";
}

function redundancyText({ path }: Candidate, mode: RedundancyOptions["mode"]): string {
  if (path.loss === null) return `${mode}: over TCP copies take a second lane, where there is one`;
  const { there, back } = lossByDirection(path.loss);
  const copies = [
    there === null ? null : `${timesText(copiesAtLoss(there))} there (${percentText(there)} loss)`,
    back === null ? null : `${timesText(copiesAtLoss(back))} back (${percentText(back)})`,
  ].filter((part) => part !== null);
  const auto = copies.length === 0
    ? "auto would follow the loss"
    : `auto copies small frames ${copies.join(", ")}`;
  return mode === "auto" ? auto : `${mode} is set; ${auto}`;
}

function timesText(copies: number): string {
  return copies === 0 ? "never" : copies === 1 ? "once" : `${copies} times`;
}
