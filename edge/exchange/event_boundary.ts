/** Where an event stream (text/event-stream, WHATWG HTML §9.2) stands: at the end of an event, or within one. */

const LF = 0x0a;
const CR = 0x0d;

export class EventBoundary {
  /** Line ends seen in a row, CRLF counted once; a stream begins at a boundary. */
  #lineEnds = 2;
  #lastWasCr = false;
  #eventCount = 0;

  /** True if what came so far ends with a blank line, so that a comment or an event may be put in here. */
  get isAtBoundary(): boolean {
    return this.#lineEnds >= 2;
  }

  /** Events that have ended so far. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** Looks at every byte: for steps that count events. */
  receive(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) this.#read(bytes[i] ?? 0);
  }

  /** Looks at the last bytes only: cheap, and enough to know whether the end is a boundary. */
  receiveTail(bytes: Uint8Array): void {
    for (let i = Math.max(0, bytes.length - 4); i < bytes.length; i++) this.#read(bytes[i] ?? 0);
  }

  #read(byte: number): void {
    if (byte === LF && this.#lastWasCr) {
      this.#lastWasCr = false;
      return;
    }
    this.#lastWasCr = byte === CR;
    if (byte !== LF && byte !== CR) {
      this.#lineEnds = 0;
      return;
    }
    this.#lineEnds++;
    if (this.#lineEnds === 2) this.#eventCount++;
  }
}
