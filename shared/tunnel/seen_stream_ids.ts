/**
 * Which stream ids a core has seen. An edge counts ids up by one, but a reset or another lane can overtake the frames
 * of lower ids, so that seen ids are one run from 1 to `floor` and a few runs above it.
 *
 * Rejected: a set of ids above the floor, since one lane that stalls while another works would fill it.
 */
import { ProtocolViolation } from "./protocol_violation.ts";

export class SeenStreamIds {
  readonly #maxRuns: number;
  #floor = 0;
  /** Runs above the floor, ascending, never touching. */
  #runs: { first: number; last: number }[] = [];

  constructor(maxRuns: number) {
    this.#maxRuns = maxRuns;
  }

  /** Every id from 1 to this one has been seen. */
  get floor(): number {
    return this.#floor;
  }

  get highest(): number {
    return this.#runs.at(-1)?.last ?? this.#floor;
  }

  get runCount(): number {
    return this.#runs.length;
  }

  has(id: number): boolean {
    if (id <= this.#floor) return true;
    const run = this.#runs[this.#findRun(id)];
    return run !== undefined && run.first <= id;
  }

  /** @throws {ProtocolViolation} `id_gaps` */
  add(id: number): void {
    if (id === this.#floor + 1 && this.#runs.length === 0) {
      this.#floor = id;
      return;
    }
    if (this.has(id)) return;
    this.#insert(id);
    const first = this.#runs[0];
    if (first !== undefined && first.first === this.#floor + 1) {
      this.#floor = first.last;
      this.#runs.shift();
    }
    if (this.#runs.length > this.#maxRuns) {
      throw new ProtocolViolation("id_gaps", "too many gaps in stream ids");
    }
  }

  #insert(id: number): void {
    const index = this.#findRun(id);
    const before = this.#runs[index - 1];
    const after = this.#runs[index];
    const joinsBefore = before !== undefined && before.last === id - 1;
    const joinsAfter = after !== undefined && after.first === id + 1;
    if (joinsBefore && joinsAfter) {
      before.last = after.last;
      this.#runs.splice(index, 1);
    } else if (joinsBefore) before.last = id;
    else if (joinsAfter) after.first = id;
    else this.#runs.splice(index, 0, { first: id, last: id });
  }

  /** Index of the first run that ends at `id` or later. */
  #findRun(id: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle]?.last ?? 0) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
