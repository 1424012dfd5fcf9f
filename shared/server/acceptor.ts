/**
 * The accept loop of one listening socket.
 *
 * Invariant: no failure of `accept` ends the loop but `close`. When descriptors run out, accepting pauses until one of
 * ours is given back or a back-off has passed; clients wait in the kernel's queue meanwhile.
 */
import { describeError, type Logger } from "../observe/logger.ts";
import type { ListenerCounters } from "./listener_counters.ts";

export interface AcceptorOptions<C extends Deno.Conn> {
  /** Owns the connection from then on; must not throw. */
  onConnection(connection: C): void;
  counters: ListenerCounters;
  log: Logger;
}

const FIRST_BACK_OFF_MS = 50;
const MAX_BACK_OFF_MS = 1000;
/** Rounds in which `close` still accepts what was queued: a bound, should clients come faster than they are accepted. */
const MAX_CLOSE_ROUNDS = 100;

export class Acceptor<C extends Deno.Conn> {
  readonly #listener: Deno.Listener<C>;
  readonly #options: AcceptorOptions<C>;
  readonly #ended: Promise<void>;
  #isClosed = false;
  #accepted = 0;
  /** Ends the back-off; null while accepting. */
  #resume: (() => void) | null = null;

  /** Begins to accept; owns `listener`. */
  constructor(listener: Deno.Listener<C>, options: AcceptorOptions<C>) {
    this.#listener = listener;
    this.#options = options;
    this.#ended = this.#run();
  }

  get address(): Deno.NetAddr {
    return this.#listener.addr as Deno.NetAddr;
  }

  /** A descriptor was given back. */
  descriptorFreed(): void {
    this.#resume?.();
  }

  /** Accepts what waits in the kernel's queue, which closing would reset, then stops listening. */
  async close(): Promise<void> {
    for (let round = 0, before = -1; before !== this.#accepted && round < MAX_CLOSE_ROUNDS; round++) {
      before = this.#accepted;
      // Two turns of the event loop: the first may end before the poll that finds the queued connection.
      await new Promise((resolve) => setTimeout(resolve, 0));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#listener.close();
    }
    this.#resume?.();
    await this.#ended;
  }

  async #run(): Promise<void> {
    let backOffMs = FIRST_BACK_OFF_MS;
    while (!this.#isClosed) {
      try {
        const connection = await this.#listener.accept();
        backOffMs = FIRST_BACK_OFF_MS;
        this.#accepted++;
        this.#options.onConnection(connection);
      } catch (error) {
        if (this.#isClosed) return;
        this.#countFailure(error, backOffMs);
        await this.#pause(backOffMs);
        backOffMs = Math.min(backOffMs * 2, MAX_BACK_OFF_MS);
      }
    }
  }

  #countFailure(error: unknown, backOffMs: number): void {
    const { counters, log } = this.#options;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const isExhausted = code === "EMFILE" || code === "ENFILE";
    counters.acceptErrors++;
    if (isExhausted) counters.descriptorExhaustions++;
    log.warn(isExhausted ? "out_of_descriptors" : "accept_failed", {
      error: describeError(error),
      backOffMs,
    });
  }

  async #pause(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    this.#resume = null;
  }
}
