/**
 * Takes a multipart/form-data body (RFC 7578) apart while it arrives. At most one part head (bounded) and one
 * delimiter's length of bytes are kept.
 */
import { Buffer } from "node:buffer";

const MAX_PART_HEAD_BYTES = 8 * 1024;
const HEAD_END = "\r\n\r\n";

export interface PartHead {
  readonly name: string;
  /** null: a plain form field */
  readonly filename: string | null;
}

/** Hears the parts in order; bytes are lent for the length of the call. */
export interface PartSink {
  partStart(head: PartHead): void;
  partBytes(bytes: Uint8Array): void;
  partEnd(): void;
}

/** The boundary that a content-type field names, or null. */
export function boundaryOf(contentType: string): string | null {
  const match = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(
    contentType,
  );
  return match?.[1] ?? match?.[2] ?? null;
}

export class MultipartReader {
  readonly #sink: PartSink;
  readonly #delimiter: Buffer;
  /** Not yet understood; the first delimiter may stand without a line end before it. */
  #carry: Buffer = Buffer.from("\r\n");
  #state: "preamble" | "delimiter" | "head" | "part" | "done" | "malformed" = "preamble";

  constructor(boundary: string, sink: PartSink) {
    this.#sink = sink;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  }

  /** True once the last delimiter was read. */
  get isDone(): boolean {
    return this.#state === "done";
  }

  receive(bytes: Uint8Array): void {
    let rest: Buffer = Buffer.concat([this.#carry, bytes]);
    let before: Buffer;
    do {
      before = rest;
      rest = this.#step(rest);
    } while (rest.length !== before.length && rest.length > 0);
    this.#carry = Buffer.from(rest);
  }

  /** Reads from the front of `bytes` what it can and gives back what it cannot yet. */
  #step(bytes: Buffer): Buffer {
    switch (this.#state) {
      case "preamble":
      case "part":
        return this.#readUntilDelimiter(bytes);
      case "delimiter":
        return this.#readDelimiterEnd(bytes);
      case "head":
        return this.#readHead(bytes);
      case "done":
      case "malformed":
        return bytes.subarray(bytes.length);
    }
  }

  #readUntilDelimiter(bytes: Buffer): Buffer {
    const found = bytes.indexOf(this.#delimiter);
    const end = found >= 0 ? found : Math.max(0, bytes.length - this.#delimiter.length + 1);
    if (this.#state === "part") {
      if (end > 0) this.#sink.partBytes(bytes.subarray(0, end));
      if (found >= 0) this.#sink.partEnd();
    }
    if (found < 0) return bytes.subarray(end);
    this.#state = "delimiter";
    return bytes.subarray(found + this.#delimiter.length);
  }

  #readDelimiterEnd(bytes: Buffer): Buffer {
    if (bytes.length < 2) return bytes;
    const end = bytes.toString("latin1", 0, 2);
    this.#state = end === "--" ? "done" : end === "\r\n" ? "head" : "malformed";
    return bytes.subarray(2);
  }

  #readHead(bytes: Buffer): Buffer {
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) {
      if (bytes.length > MAX_PART_HEAD_BYTES) this.#state = "malformed";
      return bytes;
    }
    const head = bytes.toString("utf8", 0, end);
    this.#state = "part";
    this.#sink.partStart({ name: parameter(head, "name") ?? "", filename: parameter(head, "filename") });
    return bytes.subarray(end + HEAD_END.length);
  }
}

function parameter(head: string, name: string): string | null {
  const line = head.split("\r\n").find((one) => /^content-disposition:/i.test(one)) ?? "";
  return new RegExp(`;\\s*${name}="([^"]*)"`, "i").exec(line)?.[1] ?? null;
}
