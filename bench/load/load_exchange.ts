import { momentUs, TokenScanner } from "../origin/token_event.ts";
import type { LoadStatistics } from "./load_statistics.ts";

/** Who waits for a request's fate. */
export interface ExchangeObserver {
  /** The head of the right answer came. */
  answered(): void;
  failed(reason: string): void;
}

const MAX_REFUSAL_LENGTH = 400;

/** One request of a load client, from its sending to its end; told by the connection that carries it. */
export class LoadExchange {
  readonly #statistics: LoadStatistics;
  readonly #observer: ExchangeObserver;
  readonly #scanner = new TokenScanner();
  readonly #tokenCame: (sentUs: number) => void;
  #sentAtMs = performance.now();
  #hasBody = false;
  /** Status and first words of an answer that is not the right one. */
  #refusal = "";
  #nowUs = 0;

  constructor(statistics: LoadStatistics, observer: ExchangeObserver) {
    this.#statistics = statistics;
    this.#observer = observer;
    this.#tokenCame = (sentUs) => this.#statistics.tokenCame(this.#nowUs - sentUs);
  }

  /** The request is about to be sent. */
  sending(): void {
    this.#sentAtMs = performance.now();
  }

  head(status: number): void {
    if (status === 200) this.#observer.answered();
    else this.#refusal = `status ${status} `;
  }

  body(bytes: Uint8Array): void {
    if (this.#refusal !== "") {
      this.#refusal = (this.#refusal + new TextDecoder().decode(bytes)).slice(0, MAX_REFUSAL_LENGTH);
      return;
    }
    if (!this.#hasBody) {
      this.#hasBody = true;
      this.#statistics.firstByteCame(performance.now() - this.#sentAtMs);
    }
    this.#nowUs = momentUs();
    this.#scanner.scan(bytes, this.#tokenCame);
  }

  end(): void {
    if (this.#refusal !== "") this.failed(this.#refusal);
    else this.#statistics.exchangeEnded(performance.now() - this.#sentAtMs);
  }

  failed(reason: string): void {
    this.#statistics.exchangeFailed(reason);
    this.#observer.failed(reason);
  }
}
