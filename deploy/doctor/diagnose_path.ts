/** What is to be said about a path that was measured. Pure. */
import { CopyCount, type RedundancyOptions } from "../../shared/tunnel/redundancy.ts";
import { durationText, msText, percentText } from "./amount_text.ts";
import type { ClockFacts, LossFacts, PathFacts, RoundTripFacts } from "./facts.ts";
import { bad, type Judgement, ok, warn } from "./finding.ts";

const LATE_SHARE = 0.01;
const LOSS_SHARE = 0.005;
/** The smallest packet that every path of QUIC takes; where no larger one is found, something drops them. */
const SMALLEST_PACKET_BYTES = 1200;
/** Keys and tokens are judged by the core's clock. */
const MAX_CLOCK_SKEW_MS = 30_000;

export interface PathContext {
  readonly redundancyMode: RedundancyOptions["mode"];
  readonly interfaces: readonly { readonly name: string; readonly mtu: number }[];
}

/** Shares of lost packets in each direction; null: not known. */
export interface DirectionalLoss {
  readonly there: number | null;
  readonly back: number | null;
  readonly roundTrip: number | null;
}

export function diagnosePath(path: PathFacts, context: PathContext): Judgement[] {
  return [
    diagnoseRoundTrip(path.roundTrip, path.cutBy),
    path.loss === null ? diagnoseLateness(path.roundTrip) : diagnoseLoss(path.loss, context),
    path.packetBytes === null ? null : diagnosePacketSize(path.packetBytes, context),
    diagnoseClock(path.clock),
  ].filter((judgement) => judgement !== null);
}

/** A packet there and its echo make it only if neither is lost, so the way back follows from the other two. */
export function lossByDirection({ sent, echoed, thereShare: there }: LossFacts): DirectionalLoss {
  const roundTrip = echoed === 0 ? null : 1 - echoed / sent;
  if (roundTrip === null || there === null || there >= 1) return { there, back: null, roundTrip };
  return { there, back: Math.max(0, 1 - (1 - roundTrip) / (1 - there)), roundTrip };
}

/** Copies that `auto` gives each small frame over QUIC at that loss. */
export function copiesAtLoss(lossShare: number): number {
  const count = new CopyCount("auto");
  count.update({ lossShare, lateShare: null, hasDatagrams: true }, 0);
  return count.copies;
}

function diagnoseRoundTrip(facts: RoundTripFacts, cutBy: string | null): Judgement {
  const { sent, answered, medianMs, p99Ms, jitterMs } = facts;
  if (medianMs === null || p99Ms === null) {
    return bad(
      "round trip",
      `none of ${sent} exchanges was answered${cutBy === null ? "" : `: ${cutBy}`}`,
      "Look at the core's log.",
    );
  }
  const text = `p50 ${msText(medianMs)}, p99 ${msText(p99Ms)}, jitter ${msText(jitterMs ?? 0)}`;
  if (cutBy !== null) {
    return warn(
      "round trip",
      `${text}, then the lane was lost: ${cutBy}`,
      "Did the core restart? If not, something on the way ends connections.",
    );
  }
  if (answered === sent) return ok("round trip", `${text}, ${sent} exchanges`);
  return warn(
    "round trip",
    `${text}; ${sent - answered} of ${sent} exchanges were not answered in time`,
    "The path stalls for seconds at times: more lanes over different transports help.",
  );
}

function diagnoseLateness({ lateShare }: RoundTripFacts): Judgement | null {
  if (lateShare === null) return null;
  const text = `${percentText(lateShare)} of exchanges late (the loss itself cannot be seen over TCP)`;
  if (lateShare < LATE_SHARE) return ok("loss", text);
  return warn(
    "loss",
    text,
    "Packets are lost and sent again: QUIC waits less for them, where UDP gets through.",
  );
}

function diagnoseLoss(loss: LossFacts, { redundancyMode }: PathContext): Judgement {
  const { there, back, roundTrip } = lossByDirection(loss);
  const parts = [
    there === null ? null : `${percentText(there)} there`,
    back === null ? null : `${percentText(back)} back`,
  ].filter((part) => part !== null).join(", ");
  if (roundTrip === null) {
    const text = parts === "" ? "not measured: packets are not echoed" : `${parts}; packets are not echoed`;
    return ok("loss", text);
  }
  const text = `${percentText(roundTrip)} of ${loss.sent} packets there and back` +
    (parts === "" ? "" : ` (${parts})`);
  if (roundTrip < LOSS_SHARE) return ok("loss", text);
  return warn(
    "loss",
    text,
    redundancyMode === "off"
      ? "Set tunnel.redundancy.mode to auto, here and on the core, so that tokens arrive in time."
      : "Copies of small frames make up for it; bulk will be slower.",
  );
}

function diagnosePacketSize(packetBytes: number, { interfaces }: PathContext): Judgement {
  const mtus = interfaces.map(({ name, mtu }) => `${name} ${mtu}`).join(", ");
  const text = `UDP packets of ${packetBytes} bytes get through${mtus === "" ? "" : ` (MTU here: ${mtus})`}`;
  if (packetBytes > SMALLEST_PACKET_BYTES) return ok("packet size", text);
  return warn(
    "packet size",
    `${text}, larger ones do not`,
    "It works; bulk costs more packets. Look for a tunnel or VPN on the way with a small MTU.",
  );
}

function diagnoseClock(facts: ClockFacts | null): Judgement {
  if (facts === null) {
    return warn("clock", "the core does not tell its time", "Is the core older than this edge? Update it.");
  }
  const { aheadMs, errorMs } = facts;
  const skewMs = Math.abs(aheadMs);
  const text = skewMs <= errorMs
    ? `the same as the core's, to ${durationText(errorMs)}`
    : `the core's is ${durationText(skewMs)} ${aheadMs > 0 ? "ahead" : "behind"} (± ${
      durationText(errorMs)
    })`;
  if (skewMs - errorMs <= MAX_CLOCK_SKEW_MS) return ok("clock", text);
  return warn(
    "clock",
    text,
    "Keep both machines on NTP: the core judges keys and tokens by its clock, the edge certificates by its own.",
  );
}
