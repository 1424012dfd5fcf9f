import type { ErrorCode } from "./error_table.ts";

/** On whose side it went wrong. */
export type ErrorSource = "downstream" | "tunnel" | "origin" | "internal";

/** What may be tried again: nothing, the same while no byte of the answer went out, or another endpoint. */
export type RetryAdvice = "never" | "before_first_byte" | "other_endpoint";

export interface RelayErrorOptions {
  source: ErrorSource;
  /** @default "never" */
  retry?: RetryAdvice;
  /** What a user may read about this occurrence; never holds keys or prompts. @default the table's sentence */
  message?: string;
  /** Seconds until another try makes sense; becomes `Retry-After`. */
  retryAfterSeconds?: number;
  cause?: unknown;
}

/** The one error that ends an exchange; `code` decides everything that is told about it (see `ERROR_TABLE`). */
export class RelayError extends Error {
  override name = "RelayError";
  readonly code: ErrorCode;
  readonly source: ErrorSource;
  readonly retry: RetryAdvice;
  readonly retryAfterSeconds: number | null;

  constructor(code: ErrorCode, options: RelayErrorOptions) {
    super(options.message ?? "", options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.source = options.source;
    this.retry = options.retry ?? "never";
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}
