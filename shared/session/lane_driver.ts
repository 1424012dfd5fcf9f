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
import type { LaneDatagrams } from "../transport/lane_datagrams.ts";
import { WritePump } from "../transport/write_pump.ts";
import type { Lane } from "../tunnel/lane.ts";
import { DatagramPump } from "./datagram_pump.ts";

/** Output that follows a write waits so long at the most, so that one write carries the tokens of many streams. */
const COALESCE_MS = 0.5;
/** The same while copies carry the tokens, and the stream only has to follow. */
const COALESCE_BEHIND_COPIES_MS = 4;
const READ_BUFFER_BYTES = 64 * 1024;
/** From the session's end until the connection is closed, whatever the peer does. */
const FINISH_TIMEOUT_MS = 1_000;

/** What a lane runs on. */
export interface SessionConnection extends ByteConnection {
  /** For metrics and logs. */
  readonly transport: string;
  /** Null where the transport has none. */
  readonly datagrams: LaneDatagrams | null;
  closeWrite(): Promise<void>;
}

export interface LaneDriverOptions {
  readonly lane: Lane;
  readonly connection: SessionConnection;
  readonly clock: Clock;
  /** Whether enough streams are live that their output is worth joining. */
  isShared(): boolean;
  /** Whether small frames also go out as copies. */
  isCopied(): boolean;
  /** Gives what the lane carries to another. */
  relieve(): void;
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
  readonly #datagrams: DatagramPump | null;
  #state: "open" | "finishing" | "half-closed" | "closed" = "open";
  #stopFinishTimer = () => {};
  #receivedBytes = 0;
  #sentBytes = 0;

  constructor(options: LaneDriverOptions) {
    this.#options = options;
    const { lane, clock, connection } = options;
    this.#pump = new WritePump(options.connection, {
      takeOutput: () => this.#takeOutput(),
      outputWritten: (chunk) => {
        this.#sentBytes += chunk.length;
        lane.outputWritten(chunk);
      },
    }, {
      onError: (error) => this.fail(error),
      onDrain: () => this.#drained(),
      coalesce: {
        clock,
        get coalesceMs() {
          return lane.carries === "tokens" && options.isCopied() ? COALESCE_BEHIND_COPIES_MS : COALESCE_MS;
        },
        isWorthwhile: () => options.isShared(),
      },
    });
    lane.onOutput = () => this.#pump.wake();
    this.#datagrams = connection.datagrams === null ? null : this.#pumpDatagrams(connection.datagrams);
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

  get datagramsSent(): number {
    return this.#datagrams?.sentCount ?? 0;
  }

  get datagramsReceived(): number {
    return this.#datagrams?.receivedCount ?? 0;
  }

  /** Closes a lane that is no longer wanted; the session goes on over the others. */
  retire(): void {
    if (this.#state !== "open") return;
    this.#options.relieve();
    this.fail(new Error("the lane is no longer wanted"));
  }

  /** Begins to read and write; `received` came already. */
  start(received: Uint8Array): void {
    if (received.length > 0) this.#receive(received);
    this.#pump.wake();
    void this.#read();
    this.#datagrams?.start();
    this.#datagrams?.wake();
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
    this.#datagrams?.stop();
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

  #pumpDatagrams(datagrams: LaneDatagrams): DatagramPump {
    const { lane, clock } = this.#options;
    const pump = new DatagramPump({
      datagrams,
      take: (maxBytes) => this.#guarded(() => lane.takeDatagram(clock.now(), maxBytes)),
      received: (bytes) => {
        if (this.#state !== "open") return;
        this.#guarded(() => lane.receiveDatagram(bytes, clock.now()));
        this.#guarded(() => this.#options.onReceived());
      },
    });
    lane.onDatagram = () => pump.wake();
    return pump;
  }

  #receive(bytes: Uint8Array): void {
    this.#receivedBytes += bytes.length;
    this.#guarded(() => {
      this.#options.lane.receive(bytes, this.#options.clock.now());
      this.#options.onReceived();
    });
  }

  #takeOutput(): Uint8Array | null {
    return this.#guarded(() => this.#options.lane.takeOutput(this.#options.clock.now()));
  }

  /** Null when our own code failed. */
  #guarded<R>(call: () => R): R | null {
    try {
      return call();
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
