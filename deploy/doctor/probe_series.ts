/**
 * Exchanges with the core at a steady pace, each answered by the core itself: their round trips are those of a token, both
 * nodes included, and each answer tells the core's clock.
 */
import { PROBE_TIME_FIELD } from "../../core/session/answer_probes.ts";
import { probeHead } from "../../edge/session/probe_core.ts";
import type { Clock } from "../../shared/clock/clock.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { AnswerReceiver, RequestHead, RequestReceiver } from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import type { ClockFacts, RoundTripFacts } from "./facts.ts";
import { summarizeRoundTrips } from "./summarize_round_trips.ts";

/** Both clocks are read in whole milliseconds. */
const CLOCK_STEP_MS = 1;

export interface ProbeSeriesOptions {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallTimeMs: () => number;
  readonly count: number;
  readonly intervalMs: number;
  /** For answers, after the last exchange. */
  readonly waitMs: number;
  newRequestId(): string;
  /** Null when the session takes no exchange. */
  open(request: RequestHead, answer: AnswerReceiver): RequestReceiver | null;
}

interface Probe {
  readonly sentAt: number;
  readonly sentWallMs: number;
  roundTripMs: number | null;
  receiver: RequestReceiver | null;
}

export class ProbeSeries {
  readonly #options: ProbeSeriesOptions;
  readonly #probes: Probe[] = [];
  readonly #over = Promise.withResolvers<void>();
  #answered = 0;
  #stopTimer = () => {};
  #isOver = false;
  /** Of the fastest exchange so far, which says most about the clock. */
  #clockFacts: ClockFacts | null = null;

  constructor(options: ProbeSeriesOptions) {
    this.#options = options;
  }

  /** Resolves when all were answered, the time is over, or {@linkcode stop} was called. */
  run(): Promise<void> {
    if (!this.#isOver) this.#send();
    return this.#over.promise;
  }

  /** Ends the series now; exchanges under way count as not answered. Idempotent. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopTimer();
    for (const { receiver, roundTripMs } of this.#probes) {
      if (roundTripMs === null) receiver?.abort(new RelayError("tunnel_lost", { source: "tunnel" }));
    }
    this.#over.resolve();
  }

  get roundTrip(): RoundTripFacts {
    return summarizeRoundTrips(this.#probes.map(({ roundTripMs }) => roundTripMs));
  }

  /** Null when no answer told the time. */
  get clockFacts(): ClockFacts | null {
    return this.#clockFacts;
  }

  #send(): void {
    const { clock, wallTimeMs, count, intervalMs, waitMs, open } = this.#options;
    const probe: Probe = {
      sentAt: clock.now(),
      sentWallMs: wallTimeMs(),
      roundTripMs: null,
      receiver: null,
    };
    this.#probes.push(probe);
    probe.receiver = open(probeHead(this.#options.newRequestId()), {
      informational() {},
      head: ({ status, fields }) => {
        if (status === 204) this.#headCame(probe, fields);
      },
      body() {},
      end() {},
      abort() {},
      requestConsumed() {},
    });
    probe.receiver?.end(null);
    const isLast = this.#probes.length >= count;
    this.#stopTimer = clock.after(isLast ? waitMs : intervalMs, () => isLast ? this.stop() : this.#send());
  }

  #headCame(probe: Probe, fields: Fields): void {
    if (this.#isOver || probe.roundTripMs !== null) return;
    probe.roundTripMs = this.#options.clock.now() - probe.sentAt;
    const coreWallMs = Number(fields.get(PROBE_TIME_FIELD) ?? NaN);
    const halfMs = probe.roundTripMs / 2;
    const errorMs = halfMs + CLOCK_STEP_MS;
    if (Number.isFinite(coreWallMs) && errorMs < (this.#clockFacts?.errorMs ?? Infinity)) {
      this.#clockFacts = { aheadMs: coreWallMs - (probe.sentWallMs + halfMs), errorMs };
    }
    if (++this.#answered === this.#options.count) this.stop();
  }
}
