/**
 * Moves a codec's output to a connection: everything that becomes ready in one turn of the event loop goes out in
 * one write, and the next write waits for the one before it, so a slow socket batches by itself.
 *
 * A connection that many streams share may coalesce further: output that follows a write within `coalesceMs` waits
 * for the rest of that time. The first output after a quiet moment never waits.
 */
import type { Clock } from "../clock/clock.ts";
import type { ByteConnection } from "./byte_connection.ts";

export interface OutputSource {
  /** The next chunk, or null when nothing is ready. The chunk stays untouched until `outputWritten`. */
  takeOutput(): Uint8Array | null;
  /** The chunk has been handed to the socket (or will never be): its memory may be reused. */
  outputWritten(chunk: Uint8Array): void;
}

export interface WritePumpOptions {
  /** Called once when a write fails; the pump then stays stopped. */
  onError(error: unknown): void;
  /** Called each time the socket took bytes, perhaps not a whole chunk. */
  onProgress?(): void;
  /** Called each time all output is written. */
  onDrain?(): void;
  /** @default no coalescing beyond one turn */
  coalesce?: CoalesceOptions;
}

export interface CoalesceOptions {
  readonly clock: Clock;
  readonly coalesceMs: number;
  /** Whether there may be others to wait for; while false, output leaves at once. */
  isWorthwhile(): boolean;
}

export class WritePump {
  readonly #connection: ByteConnection;
  readonly #source: OutputSource;
  readonly #options: WritePumpOptions;
  #state: "idle" | "scheduled" | "writing" | "stopped" = "idle";
  #lastRunAt = Number.NEGATIVE_INFINITY;
  /** Takes back a run that waits for more output; null while none does. */
  #cancelWait: (() => void) | null = null;
  readonly #runNow = () => void this.#run();

  constructor(connection: ByteConnection, source: OutputSource, options: WritePumpOptions) {
    this.#connection = connection;
    this.#source = source;
    this.#options = options;
  }

  /** True while a write is under way: what was taken has not left the process yet. */
  get isWriting(): boolean {
    return this.#state === "writing";
  }

  /** Says that the source may have output; writes at the end of this turn. */
  wake(): void {
    if (this.#state !== "idle") return;
    this.#state = "scheduled";
    const coalesce = this.#options.coalesce;
    if (coalesce === undefined || !coalesce.isWorthwhile()) return queueMicrotask(this.#runNow);
    const waitMs = this.#lastRunAt + coalesce.coalesceMs - coalesce.clock.now();
    if (waitMs <= 0) queueMicrotask(this.#runNow);
    else this.#cancelWait = coalesce.clock.after(waitMs, this.#runNow);
  }

  /** Writes no more; does not close the connection. */
  stop(): void {
    this.#state = "stopped";
    this.#cancelWait?.();
  }

  async #run(): Promise<void> {
    if (this.#state !== "scheduled") return;
    this.#state = "writing";
    this.#lastRunAt = this.#options.coalesce?.clock.now() ?? 0;
    for (let chunk = this.#source.takeOutput(); chunk !== null; chunk = this.#source.takeOutput()) {
      try {
        let written = await this.#connection.write(chunk);
        while (written < chunk.length) {
          this.#options.onProgress?.();
          written += await this.#connection.write(chunk.subarray(written));
        }
      } catch (error) {
        this.#source.outputWritten(chunk);
        if (!this.#isStopped()) {
          this.#state = "stopped";
          this.#options.onError(error);
        }
        return;
      }
      this.#source.outputWritten(chunk);
      if (this.#isStopped()) return;
    }
    this.#state = "idle";
    this.#options.onDrain?.();
  }

  #isStopped(): boolean {
    return this.#state === "stopped";
  }
}
