/**
 * Sends an exchange of the edge's own through the tunnel at intervals: readiness is what came back, not what a socket
 * looks like.
 */
import type { Clock } from "../../shared/clock/clock.ts";
import type { AnswerReceiver, RequestHead, RequestReceiver } from "../../shared/exchange/exchange.ts";
import { Fields } from "../../shared/exchange/fields.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";

export interface CoreProbeOptions {
  readonly clock: Clock;
  /** Between probes; one that is not answered by the next is given up. */
  readonly intervalMs: number;
  newRequestId(): string;
  /** How a probe ended: its round trip in ms, or null if it was not answered. */
  onResult(roundTripMs: number | null): void;
  open(request: RequestHead, answer: AnswerReceiver): RequestReceiver | null;
}

export class CoreProbe {
  readonly #options: CoreProbeOptions;
  #stopTimer = () => {};
  #isStopped = false;
  #pending: RequestReceiver | null = null;
  #roundTripMs: number | null = null;

  constructor(options: CoreProbeOptions) {
    this.#options = options;
  }

  /** From the latest probe to its answer, through both nodes; null while it is not answered. */
  get roundTripMs(): number | null {
    return this.#roundTripMs;
  }

  /** Probes now and then at each interval; also to be called when the tunnel comes up. */
  probe(): void {
    if (this.#isStopped) return;
    this.#stopTimer();
    if (this.#pending !== null) this.#giveUp(this.#pending);
    const { clock, intervalMs, open } = this.#options;
    const startedAt = clock.now();
    const answered = (roundTripMs: number | null) => {
      if (this.#pending !== pending) return;
      this.#pending = null;
      this.#ended(roundTripMs);
    };
    const pending = open(probeHead(this.#options.newRequestId()), {
      informational() {},
      head: (head) => answered(head.status === 204 ? clock.now() - startedAt : null),
      body() {},
      end() {},
      abort: () => answered(null),
      requestConsumed() {},
    });
    this.#pending = pending;
    if (pending === null) this.#ended(null);
    pending?.end(null);
    this.#stopTimer = clock.after(intervalMs, () => this.probe());
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopTimer();
    if (this.#pending !== null) this.#giveUp(this.#pending);
  }

  #giveUp(pending: RequestReceiver): void {
    this.#pending = null;
    this.#ended(null);
    pending.abort(new RelayError("tunnel_lost", { source: "tunnel" }));
  }

  #ended(roundTripMs: number | null): void {
    this.#roundTripMs = roundTripMs;
    this.#options.onResult(roundTripMs);
  }
}

/** What the core answers itself, with 204. */
export function probeHead(id: string): RequestHead {
  return {
    context: { id, kind: "probe", clientAddress: "", protocol: "internal" },
    method: "GET",
    scheme: "https",
    authority: "",
    path: "/",
    fields: new Fields(),
    contentLength: 0,
  };
}
