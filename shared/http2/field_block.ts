/**
 * Joins the fragments of one field block: HEADERS and the CONTINUATION frames that follow it without another frame
 * between (RFC 9113 §4.3, §6.10). Size and number of fragments are bounded here, before anything is decoded.
 */
import { FLAG } from "./frame.ts";
import { floodError, protocolError } from "./http2_error.ts";

export interface FieldBlockLimits {
  readonly maxBlockBytes: number;
  readonly maxContinuationFrames: number;
}

export interface FieldBlock {
  readonly streamId: number;
  /** The HEADERS frame had END_STREAM. */
  readonly isEnd: boolean;
  /** Valid until the next frame is read. */
  readonly bytes: Uint8Array;
}

export class FieldBlockAssembly {
  readonly #limits: FieldBlockLimits;
  #open: { streamId: number; isEnd: boolean } | null = null;
  #fragments: Uint8Array[] = [];
  #bytes = 0;

  constructor(limits: FieldBlockLimits) {
    this.#limits = limits;
  }

  /** A block has begun and not ended: only CONTINUATION of its stream may come. */
  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns the block if the HEADERS frame is all of it */
  begin(fragment: Uint8Array, frame: { flags: number; streamId: number }): FieldBlock | null {
    const isEnd = (frame.flags & FLAG.END_STREAM) !== 0;
    if ((frame.flags & FLAG.END_HEADERS) !== 0) return { streamId: frame.streamId, isEnd, bytes: fragment };
    this.#open = { streamId: frame.streamId, isEnd };
    this.#keep(fragment);
    return null;
  }

  /** @returns the block if this CONTINUATION frame completes it */
  continue(fragment: Uint8Array, frame: { flags: number; streamId: number }): FieldBlock | null {
    const open = this.#open;
    if (open === null || open.streamId !== frame.streamId) throw protocolError("CONTINUATION out of place");
    // The first fragment came with HEADERS.
    if (this.#fragments.length > this.#limits.maxContinuationFrames) throw floodError("CONTINUATION flood");
    this.#keep(fragment);
    if ((frame.flags & FLAG.END_HEADERS) === 0) return null;
    const bytes = new Uint8Array(this.#bytes);
    let at = 0;
    for (const held of this.#fragments) {
      bytes.set(held, at);
      at += held.length;
    }
    this.#open = null;
    this.#fragments = [];
    this.#bytes = 0;
    return { ...open, bytes };
  }

  #keep(fragment: Uint8Array): void {
    this.#bytes += fragment.length;
    if (this.#bytes > this.#limits.maxBlockBytes) throw floodError("field block too large");
    this.#fragments.push(fragment.slice());
  }
}
