/**
 * Moves datagrams between a lane and its connection. Sending waits for the transport, one datagram at a time; what becomes
 * due meanwhile goes into the next. A failure ends the pump and nothing else: the lane's stream tells what became of the connection.
 */
import type { LaneDatagrams } from "../transport/lane_datagrams.ts";

export interface DatagramPumpOptions {
  readonly datagrams: LaneDatagrams;
  /** The next datagram, which the pump wipes; null: none is due. */
  take(maxBytes: number): Uint8Array | null;
  /** A datagram came; its bytes are wiped when the call returns. */
  received(bytes: Uint8Array): void;
}

export class DatagramPump {
  readonly #options: DatagramPumpOptions;
  #state: "idle" | "scheduled" | "sending" | "stopped" = "idle";
  #sentCount = 0;
  #receivedCount = 0;

  constructor(options: DatagramPumpOptions) {
    this.#options = options;
  }

  get sentCount(): number {
    return this.#sentCount;
  }

  get receivedCount(): number {
    return this.#receivedCount;
  }

  /** Begins to receive. */
  start(): void {
    void this.#receive();
  }

  /** Says that a datagram may be due; sends at the end of this turn. */
  wake(): void {
    if (this.#state !== "idle") return;
    this.#state = "scheduled";
    queueMicrotask(() => void this.#send());
  }

  stop(): void {
    this.#state = "stopped";
  }

  async #send(): Promise<void> {
    if (this.#isStopped) return;
    this.#state = "sending";
    const { datagrams, take } = this.#options;
    for (let bytes = take(datagrams.maxBytes); bytes !== null; bytes = take(datagrams.maxBytes)) {
      try {
        await datagrams.send(bytes);
      } catch (_error) {
        this.stop();
      } finally {
        bytes.fill(0);
      }
      if (this.#isStopped) return;
      this.#sentCount++;
    }
    this.#state = "idle";
  }

  async #receive(): Promise<void> {
    while (!this.#isStopped) {
      let bytes: Uint8Array;
      try {
        bytes = await this.#options.datagrams.receive();
      } catch (_error) {
        return this.stop();
      }
      if (!this.#isStopped) {
        this.#receivedCount++;
        this.#options.received(bytes);
      }
      bytes.fill(0);
    }
  }

  /** Not narrowed by earlier reads of the state, which calls change. */
  get #isStopped(): boolean {
    return this.#state === "stopped";
  }
}
