/**
 * What a lane has carried and its peer has not acknowledged, as runs of the logs: turns a count of bytes on the lane into
 * positions in the logs.
 */
import { assert } from "../assert/assert.ts";
import type { CarriedLog } from "./carried_log.ts";

interface Segment {
  readonly carried: CarriedLog;
  /** Position in the log. */
  readonly start: number;
  /** Bytes on the lane before it. */
  readonly laneStart: number;
  bytes: number;
}

export class LaneSegments {
  #segments: Segment[] = [];
  #sentBytes = 0;
  #ackedBytes = 0;

  /** Encoded bytes of sequenced frames given to the lane, from its start. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  get ackedBytes(): number {
    return this.#ackedBytes;
  }

  /** The lane takes `bytes` of the log from its cursor on. */
  add(carried: CarriedLog, bytes: number): void {
    const start = carried.cursor;
    const last = this.#segments.at(-1);
    if (last !== undefined && last.carried === carried && last.start + last.bytes === start) {
      last.bytes += bytes;
    } else this.#segments.push({ carried, start, laneStart: this.#sentBytes, bytes });
    this.#sentBytes += bytes;
    carried.advance(bytes);
  }

  /** The peer has `receivedBytes` of the lane; gives each log's new position. A run's end implies all before it. */
  acknowledge(receivedBytes: number, peerHas: (carried: CarriedLog, position: number) => void): void {
    assert(
      receivedBytes >= this.#ackedBytes && receivedBytes <= this.#sentBytes,
      "acknowledged out of range",
    );
    this.#ackedBytes = receivedBytes;
    for (let first = this.#segments[0]; first !== undefined; first = this.#segments[0]) {
      const bytes = Math.min(receivedBytes - first.laneStart, first.bytes);
      if (bytes <= 0) return;
      if (bytes === first.bytes) this.#segments.shift();
      peerHas(first.carried, first.start + bytes);
      if (bytes < first.bytes) return;
    }
  }

  clear(): void {
    this.#segments = [];
  }
}
