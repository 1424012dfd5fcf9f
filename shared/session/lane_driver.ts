/** Moves bytes between one lane of a session and its connection. */
import type { Clock } from "../clock/clock.ts";
import type { ByteConnection } from "../transport/byte_connection.ts";
import { WritePump } from "../transport/write_pump.ts";
import type { Lane } from "../tunnel/lane.ts";

/** Output that follows a write waits so long at the most, so that one write carries the tokens of many streams. */
const COALESCE_MS = 1;
const READ_BUFFER_BYTES = 64 * 1024;
/** How long the last frames of a session may take to leave before the connection is closed anyway. */
const FINISH_TIMEOUT_MS = 1_000;

export interface LaneDriverOptions {
  readonly lane: Lane;
  readonly connection: ByteConnection;
  /** `quic` or `tls`, for metrics and logs. */
  readonly transport: string;
  readonly clock: Clock;
  /** Whether enough streams are live that their output is worth joining. */
  isShared(): boolean;
  /** Bytes were given to the lane: events may wait. */
  onReceived(): void;
  /** Called once, when the connection is gone. */
  onClosed(cause: unknown): void;
}

export class LaneDriver {
  readonly #options: LaneDriverOptions;
  readonly #pump: WritePump;
  #state: "open" | "finishing" | "closed" = "open";
  #waitsForPeer = false;
  #stopFinishTimer = () => {};
  #receivedBytes = 0;
  #sentBytes = 0;

  constructor(options: LaneDriverOptions) {
    this.#options = options;
    const lane = options.lane;
    this.#pump = new WritePump(options.connection, {
      takeOutput: () => lane.takeOutput(options.clock.now()),
      outputWritten: (chunk) => {
        this.#sentBytes += chunk.length;
        lane.outputWritten(chunk);
      },
    }, {
      onError: (error) => this.fail(error),
      onDrain: () => {
        if (this.#state === "finishing" && !this.#waitsForPeer) this.fail(new Error("the session ended"));
      },
      coalesce: { clock: options.clock, coalesceMs: COALESCE_MS, isWorthwhile: options.isShared },
    });
    lane.onOutput = () => this.#pump.wake();
  }

  get lane(): Lane {
    return this.#options.lane;
  }

  get transport(): string {
    return this.#options.transport;
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

  /**
   * Writes what the lane still has, then closes. `waitsForPeer`: only once the peer has closed, since closing a QUIC
   * connection drops what it has not delivered.
   */
  finish({ waitsForPeer }: { waitsForPeer: boolean }): void {
    if (this.#state !== "open") return;
    this.#state = "finishing";
    this.#waitsForPeer = waitsForPeer;
    this.#stopFinishTimer = this.#options.clock.after(
      FINISH_TIMEOUT_MS,
      () => this.fail(new Error("the peer did not take the session's last frames")),
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
    try {
      for (;;) {
        const length = await connection.read(buffer);
        if (length === null) return this.fail(new Error("the peer closed the lane"));
        if (this.#state === "closed") return;
        // Only a CLOSE can follow the end of the session: the peer has ended it too.
        if (this.#state === "finishing") return this.fail(new Error("the session ended"));
        this.#receive(buffer.subarray(0, length));
      }
    } catch (error) {
      this.fail(error);
    }
  }

  #receive(bytes: Uint8Array): void {
    this.#receivedBytes += bytes.length;
    this.#options.lane.receive(bytes, this.#options.clock.now());
    this.#options.onReceived();
  }
}
