import { momentUs, TokenScanner } from "../origin/token_event.ts";
import type { LoadConnection } from "./load_connection.ts";
import type { LoadStatistics } from "./load_statistics.ts";

/** Who waits for a request's fate. */
export interface ExchangeObserver {
  /** The head of the right answer came. */
  answered(): void;
  failed(reason: string): void;
}

export interface ExchangeOptions {
  readonly statistics: LoadStatistics;
  readonly connection: LoadConnection;
  /** An end of the answer is a failure. */
  readonly isEndless: boolean;
}

const MAX_REFUSAL_LENGTH = 400;

/** One request of a load client, from its sending to its end; told by the connection that carries it. */
export class LoadExchange {
  readonly #statistics: LoadStatistics;
  readonly #connection: LoadConnection;
  readonly #isEndless: boolean;
  readonly #observer: ExchangeObserver;
  readonly #scanner = new TokenScanner();
  readonly #tokenCame: (sentUs: number, number: number) => void;
  #sentAtMs = performance.now();
  #hasBody = false;
  #hasFailed = false;
  /** Status and first words of an answer that is not the right one. */
  #refusal = "";
  #nowUs = 0;
  #nextNumber = 0;

  constructor(
    { statistics, connection, isEndless }: ExchangeOptions,
    observer: ExchangeObserver,
  ) {
    this.#statistics = statistics;
    this.#connection = connection;
    this.#isEndless = isEndless;
    this.#observer = observer;
    this.#tokenCame = (sentUs, number) => {
      this.#statistics.tokenCame(this.#nowUs - sentUs);
      if (number !== this.#nextNumber) this.#statistics.tokenOutOfOrder(number - this.#nextNumber);
      this.#nextNumber = Math.max(this.#nextNumber, number + 1);
    };
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
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
    const before = this.#nextNumber;
    this.#scanner.scan(bytes, this.#tokenCame);
    if (this.#nextNumber > before) this.#connection.tokenCame(performance.now());
  }

  end(): void {
    if (this.#refusal !== "") this.failed(this.#refusal);
    else if (this.#isEndless) this.failed("an answer without end has ended");
    else this.#statistics.exchangeEnded(performance.now() - this.#sentAtMs);
  }

  failed(reason: string): void {
    this.#hasFailed = true;
    this.#connection.broke();
    this.#statistics.exchangeFailed(reason);
    this.#observer.failed(reason);
  }
}
