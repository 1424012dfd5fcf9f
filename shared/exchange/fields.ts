/**
 * Header or trailer fields in the order received (RFC 9110 §5).
 *
 * Names are lower case. Values are byte strings: one UTF-16 unit in 0–255 for each byte on the wire, so that any
 * value a peer may send passes unchanged. Kept as one flat array: a head is read far more often than changed.
 */
export class Fields {
  #flat: string[];

  /** @param flat name, value, name, value …; names in lower case; owned by the new object. */
  constructor(flat: string[] = []) {
    this.#flat = flat;
  }

  /** Number of field lines. */
  get size(): number {
    return this.#flat.length >> 1;
  }

  nameAt(index: number): string {
    return this.#flat[index * 2] ?? "";
  }

  valueAt(index: number): string {
    return this.#flat[index * 2 + 1] ?? "";
  }

  /** The first value of `name` (lower case), or undefined. */
  get(name: string): string | undefined {
    const flat = this.#flat;
    for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) return flat[i + 1];
    return undefined;
  }

  getAll(name: string): string[] {
    const values: string[] = [];
    const flat = this.#flat;
    for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) values.push(flat[i + 1] ?? "");
    return values;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  append(name: string, value: string): void {
    this.#flat.push(name, value);
  }

  /** Replaces every line of `name` by one. */
  set(name: string, value: string): void {
    this.delete(name);
    this.#flat.push(name, value);
  }

  /** Removes every line of `name`. */
  delete(name: string): void {
    const flat = this.#flat;
    let kept = 0;
    for (let i = 0; i < flat.length; i += 2) {
      if (flat[i] === name) continue;
      if (kept !== i) {
        flat[kept] = flat[i] ?? "";
        flat[kept + 1] = flat[i + 1] ?? "";
      }
      kept += 2;
    }
    flat.length = kept;
  }

  clone(): Fields {
    return new Fields(this.#flat.slice());
  }

  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    for (let i = 0; i < this.#flat.length; i += 2) yield [this.#flat[i] ?? "", this.#flat[i + 1] ?? ""];
  }
}
