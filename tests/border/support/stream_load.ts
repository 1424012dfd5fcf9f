/** Keeps streams of one kind going over a few connections to the edge; one that the edge gives up is dialled again. */
import type { RelayTarget } from "../../../bench/relays/relay.ts";
import { Http2Client } from "./http2_client.ts";

export interface StreamLoadOptions {
  readonly target: RelayTarget;
  /** Each carries fewer streams than an edge allows. */
  readonly connections: number;
  /** Of all connections. */
  readonly streams: number;
  /** Whether another stream follows one that has ended. */
  readonly isRepeated: boolean;
}

/** How a stream is told to those who started it. */
export interface StreamEvents {
  /** Its answer has begun. */
  answered(): void;
  /** It is over: `whole`, or what was wrong in few words. */
  over(outcome: string): void;
}

const REDIAL_MS = 50;
/** A stream that has not ended by then hangs. */
const FINISH_TIMEOUT_MS = 60_000;

/** What became of the streams so far. */
export interface StreamReport {
  /** How many ended how: `whole`, or what was wrong. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly open: number;
  /** Connections made to the edge. */
  readonly dials: number;
}

export class StreamLoad {
  readonly #options: StreamLoadOptions;
  readonly #begin: (client: Http2Client, events: StreamEvents) => void;
  readonly #outcomes = new Map<string, number>();
  readonly #steady = Promise.withResolvers<void>();
  readonly #finished = Promise.withResolvers<void>();
  #open = 0;
  #unanswered: number;
  #dials = 0;
  #isFinishing = false;

  constructor(options: StreamLoadOptions, begin: (client: Http2Client, events: StreamEvents) => void) {
    this.#options = options;
    this.#begin = begin;
    this.#unanswered = options.streams;
  }

  report(): StreamReport {
    return { outcomes: Object.fromEntries(this.#outcomes), open: this.#open, dials: this.#dials };
  }

  /** Resolves when as many streams as there should be have their answers' heads. */
  async start(): Promise<void> {
    const { connections, streams } = this.#options;
    for (let index = 0; index < connections; index++) {
      void this.#keep(Math.floor((streams + index) / connections));
    }
    await this.#steady.promise;
  }

  /** Begins no further stream; resolves when the last has ended, or will not. */
  async finish(): Promise<void> {
    this.#isFinishing = true;
    if (this.#open === 0) this.#finished.resolve();
    const timer = setTimeout(() => this.#finished.resolve(), FINISH_TIMEOUT_MS);
    await this.#finished.promise;
    clearTimeout(timer);
  }

  /** One connection after the other, with so many streams on all of them. */
  async #keep(streams: number): Promise<void> {
    let wanted = streams;
    let changed = Promise.withResolvers<void>();
    const onChange = () => changed.resolve();
    while (!this.#isFinishing) {
      const client = await this.#dial();
      client.onChange = onChange;
      do {
        for (; wanted > 0 && client.canAsk && !this.#isFinishing; wanted--) {
          this.#start(client, () => {
            if (this.#options.isRepeated) wanted++;
          });
        }
        await changed.promise;
        changed = Promise.withResolvers<void>();
      } while (client.canAsk);
    }
  }

  async #dial(): Promise<Http2Client> {
    for (;;) {
      try {
        const client = await Http2Client.connect(this.#options.target);
        this.#dials++;
        return client;
      } catch (error) {
        // The edge is being restarted.
        if (!(error instanceof Error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, REDIAL_MS));
      }
    }
  }

  #start(client: Http2Client, onOver: () => void): void {
    let isAnswered = false;
    this.#open++;
    const answered = () => {
      if (isAnswered) return;
      isAnswered = true;
      if (--this.#unanswered === 0) this.#steady.resolve();
    };
    this.#begin(client, {
      answered,
      over: (outcome) => {
        answered();
        this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
        onOver();
        if (--this.#open === 0 && this.#isFinishing) this.#finished.resolve();
      },
    });
  }
}
