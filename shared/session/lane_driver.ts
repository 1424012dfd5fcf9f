/**
 * Moves bytes between one lane of a session and its connection.
 *
 *     open → finishing → half-closed → closed
 *
 * When the session has ended, the lane's last frames are written and the sending direction is ended; then what the peer
 * still sends is read and dropped until it ends too. Closing at once would take CLOSE down with it: TCP answers bytes that
 * nobody reads with a reset, and QUIC drops what is not delivered. Both ends do the same, so neither waits for long.
 */
import type { Clock } from "../clock/clock.ts";
import type { ByteConnection } from "../transport/byte_connection.ts";
import { WritePump } from "../transport/write_pump.ts";
import type { Lane } from "../tunnel/lane.ts";

/** Output that follows a write waits so long at the most, so that one write carries the tokens of many streams. */
const COALESCE_MS = 0.5;
const READ_BUFFER_BYTES = 64 * 1024;
/** From the session's end until the connection is closed, whatever the peer does. */
const FINISH_TIMEOUT_MS = 1_000;

/** What a lane runs on. */
export interface SessionConnection extends ByteConnection {
  /** `quic` or `tls`, for metrics and logs. */
  readonly transport: string;
  closeWrite(): Promise<void>;
}

export interface LaneDriverOptions {
  readonly lane: Lane;
  readonly connection: SessionConnection;
  readonly clock: Clock;
  /** Whether enough streams are live that their output is worth joining. */
  isShared(): boolean;
  /** Bytes were given to the lane: events may wait. */
  onReceived(): void;
  /** Called once, when the connection is gone. */
  onClosed(cause: unknown): void;
  /** Our own code failed: the session can no longer be trusted. */
  onFault(cause: unknown): void;
}

export class LaneDriver {
  readonly #options: LaneDriverOptions;
  readonly #pump: WritePump;
  #state: "open" | "finishing" | "half-closed" | "closed" = "open";
  #stopFinishTimer = () => {};
  #receivedBytes = 0;
  #sentBytes = 0;

  constructor(options: LaneDriverOptions) {
    this.#options = options;
    const { lane, clock } = options;
    this.#pump = new WritePump(options.connection, {
      takeOutput: () => this.#takeOutput(),
      outputWritten: (chunk) => {
        this.#sentBytes += chunk.length;
        lane.outputWritten(chunk);
      },
    }, {
      onError: (error) => this.fail(error),
      onDrain: () => this.#drained(),
      coalesce: { clock, coalesceMs: COALESCE_MS, isWorthwhile: () => options.isShared() },
    });
    lane.onOutput = () => this.#pump.wake();
  }

  get lane(): Lane {
    return this.#options.lane;
  }

  get transport(): string {
    return this.#options.connection.transport;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Begins to read and write; `received` came already. */
  start(received: Uint8Array): void {
    if (received.length > 0) this.#receive(received);
    this.#pump.wake();
    void this.#read();
  }

  /** The session has ended: writes what the lane still has, then closes with the peer. */
  finish(): void {
    if (this.#state !== "open") return;
    this.#state = "finishing";
    this.#stopFinishTimer = this.#options.clock.after(
      FINISH_TIMEOUT_MS,
      () => this.fail(new Error("the peer did not close the lane when the session ended")),
    );
    this.#pump.wake();
  }

  /** Closes the connection now. */
  fail(cause: unknown): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#stopFinishTimer();
    this.#pump.stop();
    this.#options.connection.close();
    this.#options.onClosed(cause);
  }

  async #read(): Promise<void> {
    const { connection } = this.#options;
    const buffer = new Uint8Array(READ_BUFFER_BYTES);
    let length: number | null = 0;
    let cause: unknown = null;
    while (length !== null && this.#state !== "closed") {
      try {
        length = await connection.read(buffer);
      } catch (error) {
        cause = error;
        length = null;
      }
      if (length !== null) this.#receive(buffer.subarray(0, length));
    }
    buffer.fill(0);
    this.fail(cause ?? new Error(this.#state === "open" ? "the peer closed the lane" : "the session ended"));
  }

  #receive(bytes: Uint8Array): void {
    this.#receivedBytes += bytes.length;
    try {
      this.#options.lane.receive(bytes, this.#options.clock.now());
      this.#options.onReceived();
    } catch (cause) {
      this.#options.onFault(cause);
    }
  }

  #takeOutput(): Uint8Array | null {
    try {
      return this.#options.lane.takeOutput(this.#options.clock.now());
    } catch (cause) {
      this.#options.onFault(cause);
      return null;
    }
  }

  #drained(): void {
    if (this.#state !== "finishing") return;
    this.#state = "half-closed";
    this.#options.connection.closeWrite().catch((error) => this.fail(error));
  }
}
