/** Bytes that an entry costs beyond its name and value (RFC 7541 §4.1). */
export const ENTRY_OVERHEAD_BYTES = 32;

/** Dead slots at the front of the arrays before they are moved. */
const COMPACTION_SLOTS = 64;

/**
 * The dynamic table of HPACK (RFC 7541 §2.3.2): newest entry at index 1, the oldest evicted first, never larger than
 * `maxBytes`.
 */
export class HpackDynamicTable {
  #names: string[] = [];
  #values: string[] = [];
  #first = 0;
  #bytes = 0;
  #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#names.length - this.#first;
  }

  /** Size as RFC 7541 §4.1 counts it. */
  get bytes(): number {
    return this.#bytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** @param index 1 to `length` */
  nameAt(index: number): string {
    return this.#names[this.#names.length - index] ?? "";
  }

  /** @param index 1 to `length` */
  valueAt(index: number): string {
    return this.#values[this.#values.length - index] ?? "";
  }

  /** Evicts what must go and adds the entry; one that is larger than the table empties it (RFC 7541 §4.4). */
  add(name: string, value: string): void {
    const bytes = name.length + value.length + ENTRY_OVERHEAD_BYTES;
    this.#evictTo(this.#maxBytes - bytes);
    if (bytes > this.#maxBytes) return;
    this.#names.push(name);
    this.#values.push(value);
    this.#bytes += bytes;
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  #evictTo(bytes: number): void {
    while (this.#bytes > bytes && this.length > 0) {
      const name = this.#names[this.#first] ?? "";
      const value = this.#values[this.#first] ?? "";
      this.#bytes -= name.length + value.length + ENTRY_OVERHEAD_BYTES;
      this.#names[this.#first] = "";
      this.#values[this.#first] = "";
      this.#first++;
    }
    if (this.#first < COMPACTION_SLOTS && this.length > 0) return;
    this.#names.splice(0, this.#first);
    this.#values.splice(0, this.#first);
    this.#first = 0;
  }
}
