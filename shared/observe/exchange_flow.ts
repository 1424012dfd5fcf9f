/**
 * What an exchange notes about its own progress at one node, for the stall watch: plain fields, since they are written for
 * every piece of a body. No time is read here.
 */
export class ExchangeFlow {
  /** Grows with everything that moves, in either direction. */
  moves = 0;
  /** Bytes that came over the tunnel, were passed on, and were not consumed. */
  unconsumedBytes = 0;
  hasRequestEnded = false;
  /** A byte of the answer's body came. */
  hasAnswerBegun = false;
  hasAnswerEnded = false;

  /** Bytes of a body came over the tunnel and are passed on. */
  received(bytes: number): void {
    this.moves++;
    this.unconsumedBytes += bytes;
  }

  /** Bytes that were passed on have been taken. */
  consumed(bytes: number): void {
    this.moves++;
    this.unconsumedBytes -= bytes;
  }
}
