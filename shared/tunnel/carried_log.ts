/**
 * One of a session's two logs and how far the lane that carries it has come.
 *
 * Tokens and bulk have a log each, so that each can go over a lane of its own. A direction of a stream uses one log at a
 * time and changes only when the peer has all of its frames: so no frame of a stream overtakes another between the two.
 */
import { SendLog } from "./send_log.ts";

/** `tokens`: small frames, heads, everything about the session; `bulk`: large pieces. */
export type LogName = "tokens" | "bulk";

export class CarriedLog {
  readonly name: LogName;
  readonly log: SendLog = new SendLog();
  /** False while no lane sends the log. */
  isCarried = false;
  #cursor = 0;
  /** Furthest position that any lane was given. */
  #furthestCursor = 0;
  #bytesResent = 0;

  constructor(name: LogName) {
    this.name = name;
  }

  /** Position of the next frame to send. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Encoded bytes of frames that another lane has to send again. */
  get bytesResent(): number {
    return this.#bytesResent;
  }

  /** Bytes that wait for the lane. */
  get pendingBytes(): number {
    const sent = this.isCarried ? this.#cursor : 0;
    return this.log.endPosition - Math.max(sent, this.log.ackedPosition);
  }

  /** The lane has taken so many bytes from {@linkcode cursor} on. */
  advance(bytes: number): void {
    this.#cursor += bytes;
  }

  /** Another lane begins: at the first frame that the peer may lack. */
  rewind(): void {
    this.#furthestCursor = Math.max(this.#furthestCursor, this.#cursor);
    this.#cursor = this.log.firstUnackedFrame();
    this.#bytesResent += Math.max(0, this.#furthestCursor - this.#cursor);
  }

  /** A lane that gave way may still bring acknowledgements of what would be sent again. */
  skipAcknowledged(): void {
    if (this.log.ackedPosition > this.#cursor) this.#cursor = this.log.firstUnackedFrame();
  }
}
