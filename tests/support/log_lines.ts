import { Buffer } from "node:buffer";
import { createLogger, type Logger } from "../../shared/observe/logger.ts";

/** A real log that keeps its lines. */
export class LogLines {
  readonly log: Logger;
  readonly #chunks: Uint8Array[] = [];

  constructor(node: string) {
    this.log = createLogger({ node, write: (bytes) => this.#chunks.push(bytes.slice()) });
    this.log.close();
  }

  /** Lines of `event`. */
  of(event: string): Record<string, unknown>[] {
    this.log.flush();
    const text = new TextDecoder().decode(Buffer.concat(this.#chunks));
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line))
      .filter((line) => line.event === event);
  }
}
