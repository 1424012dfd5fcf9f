/**
 * The loss of a lane's datagrams: each bears a number, the receiver tells now and then the highest number and how many
 * came, and the sender forgets old losses as new datagrams go out.
 */

/** Datagrams over which a loss is remembered, about. */
const MEMORY_DATAGRAMS = 1000;
/** Fewer than these say nothing. */
const SMALLEST_SAMPLE = 20;
/** A report goes out at the latest after so many. */
const REPORT_AFTER_DATAGRAMS = 64;

/** What a receiver has got of one lane's datagrams. */
export interface DatagramReport {
  /** Number of the latest; 0: none. */
  readonly highest: number;
  readonly received: number;
}

export class SentDatagrams {
  #lastNumber = 0;
  #reported: DatagramReport = { highest: 0, received: 0 };
  /** Decayed sums. */
  #sent = 0;
  #lost = 0;

  /** Datagrams sent in all. */
  get count(): number {
    return this.#lastNumber;
  }

  /** 0 to 1; null while too few went out. */
  get lossShare(): number | null {
    return this.#sent < SMALLEST_SAMPLE ? null : Math.min(1, Math.max(0, this.#lost / this.#sent));
  }

  /** The number of the datagram that goes out now, from 1. */
  next(): number {
    return ++this.#lastNumber;
  }

  /** False when the report cannot be true. Older ones are no-ops. */
  reported(report: DatagramReport): boolean {
    if (report.highest > this.#lastNumber || report.received > report.highest) return false;
    const sent = report.highest - this.#reported.highest;
    if (sent <= 0) return true;
    const kept = Math.max(0, 1 - sent / MEMORY_DATAGRAMS);
    this.#lost = this.#lost * kept + sent - (report.received - this.#reported.received);
    this.#sent = this.#sent * kept + sent;
    this.#reported = report;
    return true;
  }
}

export class ReceivedDatagrams {
  #highest = 0;
  #received = 0;
  #reportedReceived = 0;

  /** One that came twice, which QUIC rules out, makes up for a lost one at the most. */
  get report(): DatagramReport {
    return { highest: this.#highest, received: Math.min(this.#received, this.#highest) };
  }

  get count(): number {
    return this.#received;
  }

  /** True when there is something that the sender was not told. */
  get hasNews(): boolean {
    return this.#received > this.#reportedReceived;
  }

  /** True when the sender is to be told now. */
  get isReportDue(): boolean {
    return this.#received - this.#reportedReceived >= REPORT_AFTER_DATAGRAMS;
  }

  add(number: number): void {
    this.#received++;
    if (number > this.#highest) this.#highest = number;
  }

  reportSent(): void {
    this.#reportedReceived = this.#received;
  }
}
