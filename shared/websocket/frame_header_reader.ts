/** Collects one frame's header (RFC 6455 §5.2) over any number of pieces. */
import { CLOSE_CODE } from "./close_payload.ts";
import { MAX_FRAME_HEADER_BYTES } from "./frame_writer.ts";
import { MASK_KEY_BYTES } from "./mask.ts";
import { isControl, isOpcode, MAX_CONTROL_BYTES, OPCODE, type Opcode } from "./opcode.ts";
import { WebSocketViolation } from "./websocket_violation.ts";

export interface FrameHeader {
  readonly opcode: Opcode;
  /** Last, or only, frame of its message. */
  readonly isFinal: boolean;
  /** Of the payload, in bytes; up to 2^53 - 1. */
  readonly length: number;
  /** Lent until the next header begins. */
  readonly maskKey: Uint8Array | null;
}

export class FrameHeaderReader {
  readonly #isMasked: boolean;
  readonly #bytes = new Uint8Array(MAX_FRAME_HEADER_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #opcode: Opcode = OPCODE.continuation;

  constructor({ isMasked }: { readonly isMasked: boolean }) {
    this.#isMasked = isMasked;
  }

  /**
   * Takes the header's next byte; gives the header with its last one, and begins anew.
   * @throws {WebSocketViolation}
   */
  push(byte: number): FrameHeader | null {
    this.#bytes[this.#length++] = byte;
    if (this.#length === 1) this.#checkFirst(byte);
    else if (this.#length === 2) this.#checkSecond(byte);
    if (this.#length < 2 || this.#length < this.#wholeLength()) return null;
    const maskAt = this.#maskOffset();
    this.#length = 0;
    return {
      opcode: this.#opcode,
      isFinal: ((this.#bytes[0] ?? 0) & 0x80) !== 0,
      length: this.#payloadLength(),
      maskKey: this.#isMasked ? this.#bytes.subarray(maskAt, maskAt + MASK_KEY_BYTES) : null,
    };
  }

  #checkFirst(byte: number): void {
    if ((byte & 0x70) !== 0) throw violation("reserved bits without an extension");
    const opcode = byte & 0x0f;
    if (!isOpcode(opcode)) throw violation(`reserved opcode ${opcode}`);
    if (isControl(opcode) && byte < 0x80) throw violation("fragmented control frame");
    this.#opcode = opcode;
  }

  #checkSecond(byte: number): void {
    if (byte >= 0x80 !== this.#isMasked) {
      throw violation(this.#isMasked ? "unmasked frame of a client" : "masked frame of a server");
    }
    if (isControl(this.#opcode) && (byte & 0x7f) > MAX_CONTROL_BYTES) {
      throw violation("control frame longer than 125 bytes");
    }
  }

  #wholeLength(): number {
    return this.#maskOffset() + (this.#isMasked ? MASK_KEY_BYTES : 0);
  }

  #maskOffset(): number {
    const short = (this.#bytes[1] ?? 0) & 0x7f;
    return short < 126 ? 2 : short === 126 ? 4 : 10;
  }

  #payloadLength(): number {
    const short = (this.#bytes[1] ?? 0) & 0x7f;
    if (short < 126) return short;
    const length = short === 126
      ? this.#view.getUint16(2)
      : this.#view.getUint32(2) * 2 ** 32 + this.#view.getUint32(6);
    if (length < (short === 126 ? 126 : 65_536)) throw violation("length not in its shortest form");
    if (!Number.isSafeInteger(length)) {
      throw new WebSocketViolation(CLOSE_CODE.tooLarge, "frame of 2^53 bytes");
    }
    return length;
  }
}

function violation(message: string): WebSocketViolation {
  return new WebSocketViolation(CLOSE_CODE.protocolError, message);
}
