/**
 * Encodes field blocks (RFC 7541).
 *
 * What answers repeat (content type, server name, policies) goes into a small dynamic table and costs one byte from
 * the second time on. Only names known to carry no secret are indexed; every other line is sent never-indexed, so
 * that a key cannot be guessed by block sizes here or at a later hop (RFC 7541 §7.1), and a line that arrived
 * never-indexed leaves so. Rejected: indexing everything, which would also evict the useful entries with ids and dates.
 */
import type { Fields } from "../exchange/fields.ts";
import { giveSlab, LARGEST_SLAB_BYTES, takeSlab } from "../buffers/slab_pool.ts";
import { ENTRY_OVERHEAD_BYTES, HpackDynamicTable } from "./hpack_dynamic_table.ts";
import { STATIC_ENTRY_COUNT, staticLineIndex, staticNameIndex } from "./hpack_static_table.ts";
import { huffmanEncode, huffmanLength } from "./huffman.ts";

/** Upper bound of the table, whatever the peer allows. */
const MAX_TABLE_BYTES = 4096;
const MAX_INDEXED_VALUE_LENGTH = 128;
const FIRST_SLAB_BYTES = 1024;
/** Longest integer plus slack: written without asking for room again. */
const MAX_INTEGER_BYTES = 8;

const INDEXED_NAMES = new Set([
  ":authority",
  ":method",
  ":path",
  ":scheme",
  ":status",
  "accept",
  "accept-encoding",
  "accept-language",
  "access-control-allow-credentials",
  "access-control-allow-headers",
  "access-control-allow-methods",
  "access-control-allow-origin",
  "access-control-expose-headers",
  "alt-svc",
  "cache-control",
  "content-encoding",
  "content-type",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-status",
  "openai-version",
  "pragma",
  "server",
  "strict-transport-security",
  "te",
  "trailer",
  "user-agent",
  "vary",
  "x-accel-buffering",
  "x-content-type-options",
  "x-real-time",
]);

export class HpackEncoder {
  readonly #table = new HpackDynamicTable(MAX_TABLE_BYTES);
  /** name → value → number of entries added before it; mirrors the table. */
  readonly #lines = new Map<string, Map<string, number>>();
  #addedCount = 0;
  /** Smallest and last size to announce at the next block, or -1. */
  #lowestUpdate = -1;
  #lastUpdate = -1;
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE changed; announced at the beginning of the next block. */
  setPeerTableBytes(bytes: number): void {
    const next = Math.min(bytes, MAX_TABLE_BYTES);
    if (next === this.#table.maxBytes && this.#lastUpdate < 0) return;
    this.#lowestUpdate = this.#lowestUpdate < 0 ? next : Math.min(this.#lowestUpdate, next);
    this.#lastUpdate = next;
    this.#resize(next);
  }

  /**
   * The block of `pseudo` (name, value …) followed by `fields`. The caller gives it back with {@linkcode release}
   * before the next call.
   */
  encode(pseudo: readonly string[], fields: Fields | null): Uint8Array {
    this.#bytes = takeSlab(FIRST_SLAB_BYTES);
    this.#length = 0;
    if (this.#lastUpdate >= 0) {
      if (this.#lowestUpdate < this.#lastUpdate) this.#integer(this.#lowestUpdate, 0x20, 5);
      this.#integer(this.#lastUpdate, 0x20, 5);
      this.#lowestUpdate = this.#lastUpdate = -1;
    }
    for (let i = 0; i < pseudo.length; i += 2) this.#line(pseudo[i] ?? "", pseudo[i + 1] ?? "");
    if (fields !== null) {
      for (let i = 0; i < fields.size; i++) this.#line(fields.nameAt(i), fields.valueAt(i));
    }
    return this.#bytes.subarray(0, this.#length);
  }

  /** Gives the memory behind the last block back. */
  release(): void {
    if (this.#bytes.length > 0 && this.#bytes.length <= LARGEST_SLAB_BYTES) giveSlab(this.#bytes);
    this.#bytes = new Uint8Array(0);
  }

  #line(name: string, value: string): void {
    const staticLine = staticLineIndex(name, value);
    if (staticLine > 0) return this.#integer(staticLine, 0x80, 7);
    const isIndexed = INDEXED_NAMES.has(name) && value.length <= MAX_INDEXED_VALUE_LENGTH;
    if (isIndexed) {
      const added = this.#lines.get(name)?.get(value);
      if (added !== undefined) return this.#integer(STATIC_ENTRY_COUNT + this.#addedCount - added, 0x80, 7);
    }
    const nameIndex = staticNameIndex(name);
    if (isIndexed) this.#integer(nameIndex, 0x40, 6);
    else this.#integer(nameIndex, 0x10, 4);
    if (nameIndex === 0) this.#string(name);
    this.#string(value);
    if (isIndexed) this.#add(name, value);
  }

  #add(name: string, value: string): void {
    const bytes = name.length + value.length + ENTRY_OVERHEAD_BYTES;
    this.#forgetDownTo(this.#table.maxBytes - bytes);
    this.#table.add(name, value);
    if (bytes > this.#table.maxBytes) return;
    const byValue = this.#lines.get(name);
    if (byValue === undefined) this.#lines.set(name, new Map([[value, this.#addedCount]]));
    else byValue.set(value, this.#addedCount);
    this.#addedCount++;
  }

  #resize(maxBytes: number): void {
    this.#forgetDownTo(maxBytes);
    this.#table.resize(maxBytes);
  }

  /** Removes from the index what the table is about to evict. */
  #forgetDownTo(bytes: number): void {
    let remaining = this.#table.bytes;
    for (let index = this.#table.length; index > 0 && remaining > bytes; index--) {
      const name = this.#table.nameAt(index);
      const value = this.#table.valueAt(index);
      remaining -= name.length + value.length + ENTRY_OVERHEAD_BYTES;
      const byValue = this.#lines.get(name);
      byValue?.delete(value);
      if (byValue?.size === 0) this.#lines.delete(name);
    }
  }

  /** RFC 7541 §5.2; Huffman where it is shorter. */
  #string(text: string): void {
    const coded = huffmanLength(text);
    if (coded < text.length) {
      this.#integer(coded, 0x80, 7);
      this.#need(coded);
      huffmanEncode(text, this.#bytes.subarray(this.#length, this.#length + coded));
      this.#length += coded;
      return;
    }
    this.#integer(text.length, 0, 7);
    this.#need(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
  }

  /** RFC 7541 §5.1; `pattern` fills the bits in front of the prefix. */
  #integer(value: number, pattern: number, prefixBits: number): void {
    this.#need(MAX_INTEGER_BYTES);
    const mask = (1 << prefixBits) - 1;
    if (value < mask) {
      this.#bytes[this.#length++] = pattern | value;
      return;
    }
    this.#bytes[this.#length++] = pattern | mask;
    let rest = value - mask;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[this.#length++] = 0x80 | (rest & 0x7f);
    this.#bytes[this.#length++] = rest;
  }

  #need(bytes: number): void {
    const wanted = this.#length + bytes;
    if (wanted <= this.#bytes.length) return;
    const size = Math.max(wanted, this.#bytes.length * 2);
    const grown = wanted <= LARGEST_SLAB_BYTES
      ? takeSlab(Math.min(size, LARGEST_SLAB_BYTES))
      : new Uint8Array(size);
    grown.set(this.#bytes.subarray(0, this.#length));
    if (this.#bytes.length <= LARGEST_SLAB_BYTES) giveSlab(this.#bytes);
    this.#bytes = grown;
  }
}
