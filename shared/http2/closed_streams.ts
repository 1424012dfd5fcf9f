/** Ids remembered; beyond it the oldest are forgotten. */
const REMEMBERED_IDS = 512;

/** `ended`: END_STREAM both ways, or reset by the peer; `reset`: by us, so frames may still be under way. */
export type ClosedHow = "ended" | "reset";

/**
 * How the latest streams ended: frames for a stream that we reset are in order for a while (RFC 9113 §5.1), frames
 * for one that the peer ended never are.
 */
export class ClosedStreams {
  readonly #hows = new Map<number, ClosedHow>();

  add(streamId: number, how: ClosedHow): void {
    this.#hows.set(streamId, how);
    if (this.#hows.size <= REMEMBERED_IDS) return;
    for (const oldest of this.#hows.keys()) {
      this.#hows.delete(oldest);
      return;
    }
  }

  /** undefined: never opened, or long ago. */
  how(streamId: number): ClosedHow | undefined {
    return this.#hows.get(streamId);
  }
}
