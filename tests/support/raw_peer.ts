/** The far end of a socket, for tests that look at the bytes: text in and out, one UTF-16 unit a byte. */
import { Watch } from "./watch.ts";

const READ_BYTES = 64 * 1024;

export class RawPeer {
  readonly connection: Deno.Conn;
  /** All that has come. */
  received = "";
  /** How often something came, and when (ms). */
  readonly arrivals: number[] = [];
  ending: "open" | "end" | "reset" = "open";
  readonly #watch = new Watch();
  readonly #reading: Promise<void>;
  #resume: (() => void) | null = null;
  #isReading: boolean;

  /** @param isReading whether to read from the start */
  constructor(connection: Deno.Conn, isReading = true) {
    this.connection = connection;
    if ("setNoDelay" in connection) (connection as Deno.TcpConn).setNoDelay(true);
    this.#isReading = isReading;
    this.#reading = this.#read();
  }

  static async connect(port: number, isReading = true): Promise<RawPeer> {
    return new RawPeer(await Deno.connect({ hostname: "127.0.0.1", port }), isReading);
  }

  async send(text: string): Promise<void> {
    const bytes = Uint8Array.from(text, (unit) => unit.charCodeAt(0));
    for (let sent = 0; sent < bytes.length;) sent += await this.connection.write(bytes.subarray(sent));
  }

  startReading(): void {
    this.#isReading = true;
    this.#resume?.();
  }

  /** Resolves when what has come contains `part` so many times, or matches it. */
  until(part: string | RegExp, times = 1): Promise<void> {
    const isThere = () =>
      typeof part === "string" ? this.received.split(part).length > times : part.test(this.received);
    return this.#watch.until(
      isThere,
      () => `${part} is not in ${JSON.stringify(this.received.slice(-2000))}`,
    );
  }

  /** Resolves when the other side has ended or reset the connection. */
  async ended(): Promise<void> {
    await this.#watch.until(() => this.ending !== "open", () => JSON.stringify(this.received.slice(-2000)));
  }

  async close(): Promise<void> {
    try {
      this.connection.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    this.startReading();
    await this.#reading;
  }

  async #read(): Promise<void> {
    if (!this.#isReading) await new Promise<void>((resolve) => this.#resume = resolve);
    const buffer = new Uint8Array(READ_BYTES);
    try {
      for (;;) {
        const length = await this.connection.read(buffer);
        if (length === null) break;
        this.arrivals.push(performance.now());
        this.received += latin1(buffer.subarray(0, length));
        this.#watch.changed();
      }
      this.ending = "end";
    } catch {
      this.ending = "reset";
    }
    this.#watch.changed();
  }
}

/** Bytes as a string of one UTF-16 unit each. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
}
