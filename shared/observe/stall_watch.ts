/**
 * Finds exchanges that have stopped, and names the hop that holds them up.
 *
 * One look a second over all live exchanges compares each one's count of moves with that of the look before: the byte path
 * only counts, it reads no clock and sets no timer. Time between two looks counts for two seconds at the most, so that a
 * process that was itself suspended blames nobody for it.
 */
import type { SessionDriver } from "../session/session_driver.ts";
import type { SessionStream } from "../tunnel/session_stream.ts";
import type { ExchangeFlow } from "./exchange_flow.ts";
import type { LogFields, Logger } from "./logger.ts";
import { type Hop, HOPS, stalledHop } from "./stalled_hop.ts";

/** Without a move for so long, an exchange that does not wait is stalled. */
const STALL_AFTER_MS = 10_000;
const LONGEST_STEP_MS = 2_000;
/** Stalls that one look logs one by one; the others share a line. */
const MAX_LINES_PER_LOOK = 20;

/** An exchange at one of its nodes. */
export interface WatchedExchange {
  readonly requestId: string;
  readonly flow: ExchangeFlow;
  readonly stream: Pick<SessionStream<unknown>, "heldBytes" | "isClosed">;
  /** The session that carries it. */
  readonly driver: SessionDriver;
}

/** A session that carries watched exchanges. */
interface WatchedTunnel {
  lookedAt: number;
  isFit: boolean;
  unfitMs: number;
}

interface Entry {
  readonly exchange: WatchedExchange;
  readonly tunnel: WatchedTunnel;
  seenMoves: number;
  quietMs: number;
  /** Null while the exchange is not stalled. */
  stall: { readonly hop: Hop; readonly isLogged: boolean; lastedMs: number } | null;
}

export class StallWatch {
  readonly #role: "edge" | "core";
  readonly #log: Logger;
  readonly #entries = new Set<Entry>();
  readonly #tunnels = new WeakMap<SessionDriver, WatchedTunnel>();
  readonly #stalls = new Map<Hop, number>();
  #lookedAt: number | null = null;

  constructor({ role, log }: { role: "edge" | "core"; log: Logger }) {
    this.#role = role;
    this.#log = log;
    for (const hop of HOPS[role]) this.#stalls.set(hop, 0);
  }

  /** Exchanges that were live at the last look, or came since. */
  get size(): number {
    return this.#entries.size;
  }

  /** Stalls since the start, by hop. */
  get stalls(): ReadonlyMap<Hop, number> {
    return this.#stalls;
  }

  /** Exchanges that were stalled at the last look, by hop. */
  get stalledNow(): ReadonlyMap<Hop, number> {
    const counts = new Map(HOPS[this.#role].map((hop) => [hop, 0]));
    for (const { stall, exchange } of this.#entries) {
      if (stall !== null && !exchange.stream.isClosed) increment(counts, stall.hop);
    }
    return counts;
  }

  /** Watches an exchange until the look after its stream's end. */
  add(exchange: WatchedExchange): void {
    const { driver } = exchange;
    let tunnel = this.#tunnels.get(driver);
    if (tunnel === undefined) {
      tunnel = { lookedAt: Number.NEGATIVE_INFINITY, isFit: true, unfitMs: 0 };
      this.#tunnels.set(driver, tunnel);
    }
    this.#entries.add({ exchange, tunnel, seenMoves: -1, quietMs: 0, stall: null });
  }

  /** To be called about once a second. @param now milliseconds that never go back */
  look(now: number): void {
    const elapsedMs = this.#lookedAt === null ? 0 : Math.min(LONGEST_STEP_MS, now - this.#lookedAt);
    this.#lookedAt = now;
    const unlogged = new Map<Hop, number>();
    let lines = 0;
    for (const entry of this.#entries) {
      if (entry.exchange.stream.isClosed) {
        this.#entries.delete(entry);
        continue;
      }
      lookAtTunnel(entry, { now, elapsedMs });
      const hop = this.#judge(entry, elapsedMs);
      if (entry.stall !== null) entry.stall.lastedMs += elapsedMs;
      if (hop === (entry.stall?.hop ?? null)) continue;
      if (hop === null) this.#wentOn(entry);
      else if (lines++ < MAX_LINES_PER_LOOK) this.#stalled(entry, { hop, isLogged: true });
      else {
        this.#stalled(entry, { hop, isLogged: false });
        increment(unlogged, hop);
      }
    }
    for (const [hop, more] of unlogged) this.#log.warn("streams_stalled", { hop, more });
  }

  #judge(entry: Entry, elapsedMs: number): Hop | null {
    const { exchange: { flow, stream }, tunnel } = entry;
    entry.quietMs = flow.moves === entry.seenMoves ? entry.quietMs + elapsedMs : 0;
    entry.seenMoves = flow.moves;
    return stalledHop(this.#role, {
      isQuiet: entry.quietMs >= STALL_AFTER_MS,
      unconsumedBytes: flow.unconsumedBytes,
      heldBytes: stream.heldBytes,
      hasRequestEnded: flow.hasRequestEnded,
      hasAnswerBegun: flow.hasAnswerBegun,
      hasAnswerEnded: flow.hasAnswerEnded,
      tunnel: tunnel.unfitMs >= STALL_AFTER_MS ? "unfit for long" : tunnel.isFit ? "fit" : "unfit",
    });
  }

  #stalled(entry: Entry, { hop, isLogged }: { hop: Hop; isLogged: boolean }): void {
    const forMs = Math.max(entry.quietMs, hop === "tunnel" ? entry.tunnel.unfitMs : 0);
    entry.stall = { hop, isLogged, lastedMs: forMs };
    increment(this.#stalls, hop);
    if (isLogged) this.#log.warn("stream_stalled", { hop, forMs: Math.round(forMs), ...figuresOf(entry) });
  }

  #wentOn(entry: Entry): void {
    const { stall, exchange: { requestId } } = entry;
    entry.stall = null;
    if (stall === null || !stall.isLogged) return;
    this.#log.info("stream_went_on", { hop: stall.hop, afterMs: Math.round(stall.lastedMs), requestId });
  }
}

/** Once for each `now`, whichever exchange comes first. */
function lookAtTunnel(
  { tunnel, exchange: { driver } }: Entry,
  { now, elapsedMs }: { now: number; elapsedMs: number },
): void {
  if (tunnel.lookedAt === now) return;
  tunnel.lookedAt = now;
  tunnel.isFit = hasFitLane(driver);
  tunnel.unfitMs = tunnel.isFit ? 0 : tunnel.unfitMs + elapsedMs;
}

/** The session itself finds out that a lane is a hole: it gives way for silence, or dies. */
function hasFitLane(driver: SessionDriver): boolean {
  for (const { lane } of driver.lanes) {
    if (lane.state === "live" && !lane.isStalled) return true;
  }
  return false;
}

function increment(counts: Map<Hop, number>, hop: Hop): void {
  counts.set(hop, (counts.get(hop) ?? 0) + 1);
}

function figuresOf({ exchange: { requestId, flow, stream, driver } }: Entry): LogFields {
  return {
    requestId,
    unconsumedBytes: flow.unconsumedBytes,
    heldBytes: stream.heldBytes,
    lanes: driver.laneCount,
    retainedBytes: driver.session.retainedBytes,
  };
}
