/** A file as the Files API describes it. */
export interface StoredFile {
  readonly id: string;
  readonly filename: string;
  readonly purpose: string;
  readonly createdSeconds: number;
  readonly content: Uint8Array;
}

const MAX_FILES = 1000;

/** Uploaded files in memory, bounded in number and in total size, uploads under way included. */
export class FileStore {
  readonly maxBytes: number;
  readonly #files = new Map<string, StoredFile>();
  #usedBytes = 0;

  constructor(maxBytes: number = 64 * 1024 * 1024) {
    this.maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Takes room for bytes that arrive; false: there is none. */
  reserve(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.maxBytes || this.#files.size >= MAX_FILES) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** Gives room back that {@linkcode reserve} took and no file uses. */
  release(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  /** Keeps a file whose room was reserved. */
  add(file: StoredFile): void {
    this.#files.set(file.id, file);
  }

  get(id: string): StoredFile | undefined {
    return this.#files.get(id);
  }

  delete(id: string): void {
    const file = this.#files.get(id);
    if (file === undefined) return;
    this.#files.delete(id);
    this.#usedBytes -= file.content.length;
  }

  list(): StoredFile[] {
    return Array.from(this.#files.values());
  }
}

/** OpenAI's file object. */
export function describeFile(file: StoredFile): Record<string, unknown> {
  return {
    id: file.id,
    object: "file",
    bytes: file.content.length,
    created_at: file.createdSeconds,
    filename: file.filename,
    purpose: file.purpose,
    status: "processed",
  };
}
