import type { ErrorCode } from "../errors/error_table.ts";
import { ERROR_TABLE } from "../errors/error_table.ts";
import type { ErrorSource } from "../errors/relay_error.ts";
import type { ExchangeContext } from "../exchange/exchange.ts";
import type { Logger } from "./logger.ts";

/** One finished exchange, as the access log tells it. */
export interface AccessRecord {
  readonly id: string;
  readonly kind: ExchangeContext["kind"];
  readonly method: string;
  readonly authority: string;
  /** With query: the log drops it, since keys travel there. */
  readonly path: string;
  /** Status of the answer; null: none went out. */
  readonly status: number | null;
  /** What cut the exchange short; null: it ended complete. */
  readonly error: { readonly code: ErrorCode; readonly source: ErrorSource } | null;
  readonly requestBytes: number;
  readonly answerBytes: number;
  readonly durationMs: number;
  /** From the request's head to the first byte of the answer's body; null: there was none. */
  readonly firstByteMs: number | null;
  readonly clientAddress: string;
  readonly protocol: ExchangeContext["protocol"];
  /** Lane that the exchange began on; null: none. */
  readonly lane: string | null;
  readonly route: string | null;
}

/** Writes one `exchange` line; its level is the error's, `debug` for probes. */
export function logExchange(log: Logger, record: AccessRecord): void {
  const level = record.kind === "probe"
    ? "debug"
    : record.error === null
    ? "info"
    : ERROR_TABLE[record.error.code].logLevel;
  if (!log.isEnabled(level)) return;
  log[level]("exchange", {
    requestId: record.id,
    method: record.method,
    authority: record.authority,
    path: withoutQuery(record.path),
    status: record.status,
    code: record.error?.code ?? null,
    source: record.error?.source ?? null,
    requestBytes: record.requestBytes,
    answerBytes: record.answerBytes,
    durationMs: tenths(record.durationMs),
    firstByteMs: record.firstByteMs === null ? null : tenths(record.firstByteMs),
    clientAddress: record.clientAddress,
    protocol: record.protocol,
    lane: record.lane,
    route: record.route,
  });
}

function withoutQuery(path: string): string {
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}

function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
