/**
 * Decodes field blocks (RFC 7541).
 *
 * The table must follow every block, also one that is refused; so a block above the limits is walked to its end
 * without keeping its fields, and told by `isTooLarge`. A decoded size far above the limit is an attack (thousands of
 * one-byte references to one large entry) and ends the connection. Each string exists once: references share it.
 */
import { ENTRY_OVERHEAD_BYTES, HpackDynamicTable } from "./hpack_dynamic_table.ts";
import { STATIC_ENTRY_COUNT, STATIC_TABLE } from "./hpack_static_table.ts";
import { compressionError, floodError } from "./http2_error.ts";
import { huffmanDecode } from "./huffman.ts";
import { byteText } from "../http/byte_text.ts";

/** SETTINGS_HEADER_TABLE_SIZE of this end: the default, so that it need not be announced. */
export const DECODER_TABLE_BYTES = 4096;
/** A block that decodes to more than this many times the limit is a bomb. */
const BOMB_FACTOR = 16;
/** Integers above 2^28 have no use in a block of bounded size. */
const MAX_INTEGER_SHIFT = 28;
/** RFC 7541 §4.2 needs two at the most: to the lowest size, then to the last. */
const MAX_SIZE_UPDATES = 2;

export interface HeadLimits {
  readonly maxHeadBytes: number;
  readonly maxFieldCount: number;
}

export interface DecodedBlock {
  /** name, value, name, value … in order; incomplete if `isTooLarge`. */
  readonly flat: string[];
  /** Size as RFC 9113 §6.5.2 counts it: 32 bytes for each line beside name and value. */
  readonly decodedBytes: number;
  readonly isTooLarge: boolean;
  /** Names of the lines that no hop may index (RFC 7541 §6.2.3). */
  readonly neverIndexed: readonly string[];
}

const COLON = 0x3a;
const NONE: readonly string[] = [];

export class HpackDecoder {
  readonly #table = new HpackDynamicTable(DECODER_TABLE_BYTES);
  readonly #limits: HeadLimits;
  #block: Uint8Array = new Uint8Array(0);
  #at = 0;
  #flat: string[] = [];
  #decodedBytes = 0;
  #fieldCount = 0;
  #isTooLarge = false;
  #neverIndexed: string[] | null = null;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** Bytes the dynamic table holds, at most {@linkcode DECODER_TABLE_BYTES}. */
  get tableBytes(): number {
    return this.#table.bytes;
  }

  /** @throws {Http2Error} COMPRESSION_ERROR, or ENHANCE_YOUR_CALM for a bomb: both end the connection */
  decode(block: Uint8Array): DecodedBlock {
    this.#block = block;
    this.#at = 0;
    this.#flat = [];
    this.#decodedBytes = 0;
    this.#fieldCount = 0;
    this.#isTooLarge = false;
    this.#neverIndexed = null;
    this.#sizeUpdates();
    while (this.#at < block.length) this.#line();
    const decoded = {
      flat: this.#flat,
      decodedBytes: this.#decodedBytes,
      isTooLarge: this.#isTooLarge,
      neverIndexed: this.#neverIndexed ?? NONE,
    };
    this.#flat = [];
    this.#block = new Uint8Array(0);
    return decoded;
  }

  #sizeUpdates(): void {
    for (let count = 0; ((this.#block[this.#at] ?? 0) & 0xe0) === 0x20; count++) {
      const bytes = this.#integer(5);
      if (count >= MAX_SIZE_UPDATES || bytes > DECODER_TABLE_BYTES) {
        throw compressionError("table size update not allowed");
      }
      this.#table.resize(bytes);
    }
  }

  #line(): void {
    const first = this.#block[this.#at] ?? 0;
    if (first >= 0x80) {
      const index = this.#integer(7);
      this.#keep(this.#name(index), this.#value(index));
      return;
    }
    if (first >= 0x40) {
      const name = this.#literalName(6);
      const value = this.#string();
      this.#table.add(name, value);
      this.#keep(name, value);
      return;
    }
    if (first >= 0x20) throw compressionError("table size update within a block");
    const name = this.#literalName(4);
    if (first >= 0x10) (this.#neverIndexed ??= []).push(name);
    this.#keep(name, this.#string());
  }

  #keep(name: string, value: string): void {
    this.#decodedBytes += name.length + value.length + ENTRY_OVERHEAD_BYTES;
    // Clients split one cookie into crumbs (RFC 9113 §8.2.3): they count by their bytes.
    if (name !== "cookie" && name.charCodeAt(0) !== COLON) this.#fieldCount++;
    if (this.#decodedBytes > this.#limits.maxHeadBytes || this.#fieldCount > this.#limits.maxFieldCount) {
      if (this.#decodedBytes > this.#limits.maxHeadBytes * BOMB_FACTOR) throw floodError("field block bomb");
      this.#isTooLarge = true;
      return;
    }
    this.#flat.push(name, value);
  }

  #literalName(prefixBits: number): string {
    const index = this.#integer(prefixBits);
    return index === 0 ? this.#string() : this.#name(index);
  }

  #name(index: number): string {
    if (index > STATIC_ENTRY_COUNT) return this.#table.nameAt(this.#dynamicIndex(index));
    if (index === 0) throw compressionError("index 0");
    return STATIC_TABLE[index]?.[0] ?? "";
  }

  #value(index: number): string {
    if (index > STATIC_ENTRY_COUNT) return this.#table.valueAt(this.#dynamicIndex(index));
    return STATIC_TABLE[index]?.[1] ?? "";
  }

  #dynamicIndex(index: number): number {
    const dynamic = index - STATIC_ENTRY_COUNT;
    if (dynamic > this.#table.length) throw compressionError("index beyond the table");
    return dynamic;
  }

  #string(): string {
    const isHuffman = (this.#block[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) throw compressionError("string runs past the block");
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    return isHuffman ? huffmanDecode(bytes) : byteText(bytes);
  }

  /** RFC 7541 §5.1. */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= MAX_INTEGER_SHIFT; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw compressionError("integer too long");
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw compressionError("block cut short");
    return byte;
  }
}
