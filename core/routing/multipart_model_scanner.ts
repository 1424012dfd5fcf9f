/**
 * Finds the form field `model` in a multipart/form-data body (RFC 7578) that arrives in pieces: audio and image
 * requests carry it beside their files, before or behind them.
 *
 * Invariant: at most one part head or one field value is kept (bounded), and each byte is compared a bounded number
 * of times against the delimiter.
 */
import { MAX_MODEL_BYTES, type ModelScan } from "./json_model_scanner.ts";

const MAX_PART_HEAD_BYTES = 8 * 1024;
const SEARCHING: ModelScan = { state: "searching" };
const ABSENT: ModelScan = { state: "absent" };

/** The boundary parameter of a multipart/form-data content type, or null. */
export function multipartBoundary(contentType: string): string | null {
  const match = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(
    contentType,
  );
  return match?.[1] ?? match?.[2] ?? null;
}

export class MultipartModelScanner {
  /** CRLF, two dashes, the boundary: as byte values. */
  readonly #delimiter: Uint8Array;
  /** How many bytes of the delimiter the latest bytes match; the first delimiter needs no CRLF before it. */
  #matched = 2;
  #state: "skip" | "after_delimiter" | "head" | "value" = "skip";
  #kept = "";
  #result: ModelScan = SEARCHING;

  constructor(boundary: string) {
    const text = `\r\n--${boundary}`;
    this.#delimiter = Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
  }

  /** Reads on; once the answer is not `searching` it stays. */
  receive(bytes: Uint8Array): ModelScan {
    for (let i = 0; i < bytes.length && this.#result === SEARCHING; i++) this.#read(bytes[i] ?? 0);
    return this.#result;
  }

  /** The body ended. */
  end(): ModelScan {
    if (this.#result === SEARCHING) this.#result = ABSENT;
    return this.#result;
  }

  #read(byte: number): void {
    if (this.#state === "head") return this.#readHead(byte);
    if (this.#state === "after_delimiter") return this.#readAfterDelimiter(byte);
    if (this.#state === "value") {
      this.#kept += String.fromCharCode(byte);
      if (this.#kept.length > MAX_MODEL_BYTES + this.#delimiter.length) this.#result = ABSENT;
    }
    // CR stands only at the delimiter's start, so a mismatch can only begin a new match at its own byte.
    if (byte === this.#delimiter[this.#matched]) this.#matched++;
    else this.#matched = byte === this.#delimiter[0] ? 1 : 0;
    if (this.#matched < this.#delimiter.length) return;
    this.#matched = 0;
    if (this.#state === "value") {
      this.#result = foundModel(this.#kept.slice(0, this.#kept.length - this.#delimiter.length));
    }
    this.#state = "after_delimiter";
    this.#kept = "";
  }

  #readAfterDelimiter(byte: number): void {
    this.#kept += String.fromCharCode(byte);
    if (this.#kept === "--") this.#result = ABSENT;
    else if (this.#kept.endsWith("\r\n")) {
      this.#state = "head";
      this.#kept = "";
    } else if (this.#kept.length > 128) this.#result = ABSENT;
  }

  #readHead(byte: number): void {
    this.#kept += String.fromCharCode(byte);
    if (this.#kept.length > MAX_PART_HEAD_BYTES) this.#result = ABSENT;
    if (byte !== 0x0a || !this.#kept.endsWith("\r\n\r\n")) return;
    this.#state = isModelField(this.#kept) ? "value" : "skip";
    this.#kept = "";
    // The CRLF that ends the head may begin the delimiter of an empty part.
    this.#matched = 2;
  }
}

function isModelField(partHead: string): boolean {
  const disposition = /^content-disposition:([^\r]*)/im.exec(partHead)?.[1] ?? "";
  const name = /;\s*name=(?:"([^"]*)"|([^\s;"]*))/i.exec(disposition);
  return (name?.[1] ?? name?.[2]) === "model" && !/;\s*filename\*?=/i.test(disposition);
}

function foundModel(latin1: string): ModelScan {
  const model = new TextDecoder().decode(Uint8Array.from(latin1, (character) => character.charCodeAt(0)));
  return model === "" ? ABSENT : { state: "found", model };
}
