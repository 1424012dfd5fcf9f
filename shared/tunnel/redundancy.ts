/**
 * How many copies a small frame gets.
 *
 * Over a lossy path the ordered stream of a lane is late most of the time: at 1,000 packets a second and 3 % loss it waits
 * for a retransmission nearly always. So a small frame also goes out as datagrams, some milliseconds apart; it is late
 * only when all of them are lost. With `auto` the number follows the measured loss so that about one frame in 2,000
 * is left to the stream; it rises at once and falls after half a minute.
 */
export interface RedundancyOptions {
  readonly mode: "off" | "auto" | "always";
  /** Largest frame that is copied, header included, in bytes. */
  readonly maxFrameBytes: number;
  /** Between two copies of a frame. */
  readonly spacingMs: number;
}

export const DEFAULT_REDUNDANCY: RedundancyOptions = { mode: "auto", maxFrameBytes: 1024, spacingMs: 2 };

export const MAX_COPIES = 3;
/** Copies with `always`, whatever is measured. */
const COPIES_ALWAYS = 2;
const TWO_COPIES_FROM_LOSS = 0.003;
const THREE_COPIES_FROM_LOSS = 0.02;
/** A second stream lane helps against lateness only: one copy from this share of late acknowledgements on. */
const ONE_COPY_FROM_LATE_SHARE = 0.02;
/** Share of a threshold below which the number falls again. */
const HYSTERESIS = 0.4;
const FALLS_AFTER_MS = 30_000;

/** What lanes have measured, the worst of them; null: nothing yet. */
export interface PathReading {
  /** Of datagrams, 0 to 1. */
  readonly lossShare: number | null;
  /** Of acknowledgements, 0 to 1. */
  readonly lateShare: number | null;
  readonly hasDatagrams: boolean;
}

export class CopyCount {
  readonly #mode: RedundancyOptions["mode"];
  #copies: number;
  /** Since when fewer would do; null while they would not. */
  #fewerSince: number | null = null;

  constructor(mode: RedundancyOptions["mode"]) {
    this.#mode = mode;
    this.#copies = mode === "always" ? COPIES_ALWAYS : 0;
  }

  /** Copies that each small frame gets now. */
  get copies(): number {
    return this.#copies;
  }

  /** Returns whether the number changed. */
  update(reading: PathReading, now: number): boolean {
    if (this.#mode === "off") return false;
    const wanted = this.#wanted(reading, 1);
    if (wanted >= this.#copies) return this.#set(wanted);
    const calm = this.#wanted(reading, HYSTERESIS);
    if (calm >= this.#copies && reading.hasDatagrams) {
      this.#fewerSince = null;
      return false;
    }
    this.#fewerSince ??= now;
    return now - this.#fewerSince >= FALLS_AFTER_MS && this.#set(Math.max(calm, wanted));
  }

  #set(copies: number): boolean {
    this.#fewerSince = null;
    const isChanged = copies !== this.#copies;
    this.#copies = copies;
    return isChanged;
  }

  /** With the thresholds times `factor`. */
  #wanted({ lossShare, lateShare, hasDatagrams }: PathReading, factor: number): number {
    const least = this.#mode === "always" ? (hasDatagrams ? COPIES_ALWAYS : 1) : 0;
    if (!hasDatagrams) return Math.max(least, (lateShare ?? 0) >= ONE_COPY_FROM_LATE_SHARE * factor ? 1 : 0);
    const loss = lossShare ?? 0;
    if (loss >= THREE_COPIES_FROM_LOSS * factor) return MAX_COPIES;
    return Math.max(least, loss >= TWO_COPIES_FROM_LOSS * factor ? 2 : 0);
  }
}
