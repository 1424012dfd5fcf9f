/** Measures the way to a core with a session of its own on one lane, which it ends. */
import { relayExchange } from "../../edge/session/relayed_exchange.ts";
import type { Clock } from "../../shared/clock/clock.ts";
import { parseAddress } from "../../shared/config/address.ts";
import { requestIdSource } from "../../shared/node/request_id.ts";
import { SessionDriver } from "../../shared/session/session_driver.ts";
import type { LaneDriver } from "../../shared/session/lane_driver.ts";
import { DEFAULT_SESSION_LIMITS } from "../../shared/tunnel/session_limits.ts";
import { DEFAULT_REDUNDANCY, type RedundancyOptions } from "../../shared/tunnel/redundancy.ts";
import type { LossFacts, PathFacts } from "./facts.ts";
import type { OpenedLane } from "./open_lane.ts";
import { ProbeSeries } from "./probe_series.ts";
import { echoUdp, type UdpEchoResult } from "./udp_echo.ts";

/** For answers, after the last of a series. */
const WAIT_MS = 1_500;
/** What QUIC puts around a datagram: short header, connection id, packet number, frame type, tag (RFC 9000, 9221). */
const QUIC_OVERHEAD_BYTES = 38;

export interface MeasurePathOptions {
  readonly clock: Clock;
  readonly seconds: number;
  readonly exchangesPerSecond: number;
  readonly packetsPerSecond: number;
  readonly redundancyMode: RedundancyOptions["mode"];
}

/** Takes the lane over and closes it. Resolves `seconds` and a few more after the call at the latest. */
export async function measurePath(opened: OpenedLane, options: MeasurePathOptions): Promise<PathFacts> {
  const { clock, seconds } = options;
  const { connection } = opened;
  let cutBy: string | null = null;
  const driver = openSession(opened, options, (cause) => {
    cutBy ??= cause;
    series.stop();
  });
  const newRequestId = requestIdSource();
  const series = new ProbeSeries({
    clock,
    wallTimeMs: Date.now,
    count: Math.ceil(seconds * options.exchangesPerSecond),
    intervalMs: 1000 / options.exchangesPerSecond,
    waitMs: WAIT_MS,
    newRequestId,
    open: (request, answer) => relayExchange(driver, request, answer),
  });
  const lane = driver.addLane(connection, opened.accepted.leftover);
  const [echo] = await Promise.all([echoBeside(opened, options), series.run()]);
  const facts: PathFacts = {
    seconds,
    roundTrip: series.roundTrip,
    loss: echo === null ? null : lossOf(echo, lane),
    packetBytes: connection.datagrams === null ? null : connection.datagrams.maxBytes + QUIC_OVERHEAD_BYTES,
    clock: series.clockFacts,
    cutBy,
  };
  driver.close();
  await driver.gone;
  return facts;
}

function openSession(
  { accepted }: OpenedLane,
  { clock, redundancyMode }: MeasurePathOptions,
  cut: (cause: string) => void,
): SessionDriver {
  return new SessionDriver({
    role: "edge",
    limits: { ...DEFAULT_SESSION_LIMITS, ...accepted.limits },
    // Copies measure the loss; only an edge that sends none is to be measured without.
    redundancy: { ...DEFAULT_REDUNDANCY, mode: redundancyMode === "off" ? "off" : "always" },
    clock,
    accept: () => {},
    onRoom: () => {},
    onNotice: () => {},
    onLaneClosed: (_lane, cause) => cut(cause instanceof Error ? cause.message : String(cause)),
    onGoaway: () => cut("the core drains"),
    onFault: (cause) => cut(cause instanceof Error ? cause.message : String(cause)),
    onEnded: (end) => cut(end.kind === "error" ? `the session broke: ${end.message}` : "the session ended"),
  });
}

/** Over QUIC, packets beside the lane that the same port answers. */
async function echoBeside(
  { connection }: OpenedLane,
  { clock, seconds, packetsPerSecond }: MeasurePathOptions,
): Promise<UdpEchoResult | null> {
  if (connection.datagrams === null) return null;
  const to = parseAddress(connection.remoteAddress, { minPort: 1 });
  if ("wrong" in to) return null;
  return await echoUdp({
    clock,
    to,
    count: Math.ceil(seconds * packetsPerSecond),
    intervalMs: 1000 / packetsPerSecond,
    waitMs: WAIT_MS,
  });
}

function lossOf({ sent, echoed }: UdpEchoResult, lane: LaneDriver | null): LossFacts {
  return { sent, echoed, thereShare: lane?.lane.lossShare ?? null };
}
