import type { Asked, AskedStream, Http2Client } from "./http2_client.ts";
import { type StreamEvents, StreamLoad, type StreamLoadOptions, type StreamReport } from "./stream_load.ts";

export interface EchoLoadOptions extends StreamLoadOptions {
  /** Of each body. */
  readonly bodyBytes: number;
}

const PIECE_BYTES = 16 * 1024;
/** On their way to the socket at once: less than the window of an exchange. */
const MAX_UNSENT_BYTES = 64 * 1024;

/** Byte at `position` of every body: it follows from the position in no simple way. */
function byteAt(position: number): number {
  return Math.imul(position ^ (position >>> 7), 0x9e3779b1) >>> 24;
}

/** Bodies that the origin sends back while they arrive, both ways at once, each checked byte by byte. */
export class EchoLoad {
  readonly #load: StreamLoad;

  constructor(options: EchoLoadOptions) {
    this.#load = new StreamLoad(options, (client, events) => {
      new EchoStream(options.bodyBytes, events).begin(client);
    });
  }

  async start(): Promise<void> {
    await this.#load.start();
  }

  async finish(): Promise<void> {
    await this.#load.finish();
  }

  report(): StreamReport {
    return this.#load.report();
  }
}

class EchoStream implements Asked {
  readonly #bodyBytes: number;
  readonly #events: StreamEvents;
  #send: (bytes: Uint8Array) => void = () => {};
  #end: () => void = () => {};
  #given = 0;
  #sent = 0;
  #received = 0;
  #status = 0;
  #problem: string | null = null;

  constructor(bodyBytes: number, events: StreamEvents) {
    this.#bodyBytes = bodyBytes;
    this.#events = events;
  }

  begin(client: Http2Client): void {
    const fields = [["x-lowu-fault", "echo"]] as const;
    const stream: AskedStream = client.ask({ path: "/echo", fields, bodyBytes: this.#bodyBytes }, this);
    this.#send = (bytes) => client.send(stream, bytes);
    this.#end = () => client.end(stream);
    this.#fill();
  }

  onHead(status: number): void {
    this.#status = status;
    this.#events.answered();
  }

  onBody(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte !== byteAt(this.#received) && this.#status === 200) this.#problem ??= `byte ${this.#received}`;
      this.#received++;
    }
  }

  onSent(bytes: number): void {
    this.#sent += bytes;
    this.#fill();
  }

  onClosed(reason: string | null): void {
    this.#events.over(this.#outcome(reason));
  }

  #fill(): void {
    while (this.#given < this.#bodyBytes && this.#given - this.#sent < MAX_UNSENT_BYTES) {
      const length = Math.min(PIECE_BYTES, this.#bodyBytes - this.#given);
      const from = this.#given;
      this.#given += length;
      this.#send(Uint8Array.from({ length }, (_, index) => byteAt(from + index)));
      if (this.#given === this.#bodyBytes) this.#end();
    }
  }

  #outcome(reason: string | null): string {
    if (this.#status !== 200 && reason === null) return `status ${this.#status}`;
    if (this.#problem !== null) return `wrong: ${this.#problem}`;
    if (reason !== null) return `cut: ${reason}`;
    return this.#received === this.#bodyBytes ? "whole" : `wrong: a clean end after ${this.#received} bytes`;
  }
}
