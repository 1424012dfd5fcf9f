/** The little of HTTP/1.1 that the bench origin reads: heads, `content-length`, chunked bodies it drops unread. */

export type OriginRequest =
  | { readonly kind: "reply" }
  /** `count` 0: endless. `isPrompt`: the first token goes out with the head. */
  | {
    readonly kind: "tokens";
    readonly intervalMs: number;
    readonly count: number;
    readonly isPrompt: boolean;
  }
  | { readonly kind: "unknown" };

const MAX_HEAD_BYTES = 16 * 1024;
const decoder = new TextDecoder("latin1");

/** Cuts a connection's bytes into requests; request bodies are dropped. */
export class OriginRequestReader {
  #head = "";
  #bodyBytes = 0;

  /** Calls `asked` once for each request, when its body is complete. @throws {RangeError} if it cannot be read */
  receive(bytes: Uint8Array, asked: (request: OriginRequest) => void): void {
    let at = 0;
    while (at < bytes.length || this.#isComplete) {
      if (this.#isComplete) {
        asked(parseTarget(this.#head));
        this.#head = "";
        continue;
      }
      const end = this.#headEnd;
      if (end < 0) at = this.#takeHead(bytes, at);
      else {
        const taken = Math.min(this.#bodyBytes, bytes.length - at);
        this.#bodyBytes -= taken;
        at += taken;
      }
    }
  }

  get #headEnd(): number {
    return this.#head.indexOf("\r\n\r\n");
  }

  get #isComplete(): boolean {
    return this.#bodyBytes === 0 && this.#headEnd >= 0;
  }

  #takeHead(bytes: Uint8Array, at: number): number {
    const before = this.#head.length;
    this.#head += decoder.decode(bytes.subarray(at));
    const end = this.#headEnd;
    if (end < 0) {
      if (this.#head.length > MAX_HEAD_BYTES) throw new RangeError("a head without end");
      return bytes.length;
    }
    const taken = end + 4 - before;
    this.#head = this.#head.slice(0, end + 4);
    if (/\r\ntransfer-encoding:/i.test(this.#head)) throw new RangeError("a body of unknown length");
    this.#bodyBytes = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#head)?.[1] ?? 0);
    return at + taken;
  }
}

function parseTarget(head: string): OriginRequest {
  const target = head.split(" ", 2)[1] ?? "";
  const url = new URL(target, "http://origin");
  if (url.pathname === "/reply") return { kind: "reply" };
  if (url.pathname !== "/tokens") return { kind: "unknown" };
  return {
    kind: "tokens",
    intervalMs: Number(url.searchParams.get("interval") ?? 100),
    count: Number(url.searchParams.get("count") ?? 0),
    isPrompt: url.searchParams.has("prompt"),
  };
}
