/**
 * Translates consumed bytes back over a step that changes an answer's length: what the downstream consumed of the
 * step's output becomes what the step's upstream may count as consumed of its input.
 *
 * Invariant: once everything sent is consumed, exactly the received bytes have been reported; the queue holds at most
 * one entry for each run of equal kind in one window.
 */
import { assert } from "../../shared/assert/assert.ts";

interface Run {
  /** Bytes sent downstream and not consumed yet. */
  sentBytes: number;
  /** Bytes received for them; equal to `sentBytes` in a run that passed unchanged. */
  receivedBytes: number;
  readonly isUnchanged: boolean;
}

export class ConsumptionLedger {
  #runs: Run[] = [];

  /** Bytes sent and not consumed. */
  get outstandingBytes(): number {
    return this.#runs.reduce((sum, run) => sum + run.sentBytes, 0);
  }

  /** `bytes` were received and sent as they are. */
  passed(bytes: number): void {
    const last = this.#runs[this.#runs.length - 1];
    if (last !== undefined && last.isUnchanged) {
      last.sentBytes += bytes;
      last.receivedBytes += bytes;
    } else if (bytes > 0) this.#runs.push({ sentBytes: bytes, receivedBytes: bytes, isUnchanged: true });
  }

  /** `sentBytes` were made of `receivedBytes` (0 for what the step itself adds). */
  changed(sentBytes: number, receivedBytes: number): void {
    assert(sentBytes > 0, "nothing sent can never be consumed");
    this.#runs.push({ sentBytes, receivedBytes, isUnchanged: false });
  }

  /** The downstream consumed `bytes`; returns how many received bytes that frees. */
  consumed(bytes: number): number {
    let left = bytes;
    let freed = 0;
    while (left > 0) {
      const run = this.#runs[0];
      assert(run !== undefined, "more consumed than sent");
      const part = Math.min(left, run.sentBytes);
      left -= part;
      run.sentBytes -= part;
      if (run.isUnchanged) {
        run.receivedBytes -= part;
        freed += part;
      } else if (run.sentBytes === 0) freed += run.receivedBytes;
      if (run.sentBytes === 0) this.#runs.shift();
    }
    return freed;
  }
}
