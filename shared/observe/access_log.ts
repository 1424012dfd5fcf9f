import { ERROR_TABLE } from "../errors/error_table.ts";
import type { Logger } from "./logger.ts";
import type { ExchangeReport } from "./observe_exchange.ts";

/** Where an exchange went, for its log line. */
export interface ExchangePlace {
  /** Lane that the exchange began on; null: none. */
  readonly lane: string | null;
  readonly route: string | null;
  /** The core that it was given to: an edge knows. */
  readonly core?: string;
  /** Who called, by which edge, and the endpoint it was sent to last: a core knows. */
  readonly principal?: string;
  readonly edge?: string;
  readonly endpoint?: string;
}

/**
 * Writes one `exchange` line; its level is the error's, `debug` for probes. The path is written without its query, since
 * keys travel there.
 */
export function logExchange(log: Logger, report: ExchangeReport, place: ExchangePlace): void {
  const { context, method, authority, path } = report.request;
  const level = context.kind === "probe"
    ? "debug"
    : report.error === null
    ? "info"
    : ERROR_TABLE[report.error.code].logLevel;
  if (!log.isEnabled(level)) return;
  log[level]("exchange", {
    requestId: context.id,
    method,
    authority,
    path: withoutQuery(path),
    status: report.status,
    code: report.error?.code ?? null,
    source: report.error?.source ?? null,
    requestBytes: report.requestBytes,
    answerBytes: report.answerBytes,
    durationMs: tenths(report.durationMs),
    firstByteMs: report.firstByteMs === null ? null : tenths(report.firstByteMs),
    clientAddress: context.clientAddress,
    protocol: context.protocol,
    lane: place.lane,
    core: place.core,
    route: place.route,
    principal: place.principal,
    edge: place.edge,
    endpoint: place.endpoint,
  });
}

function withoutQuery(path: string): string {
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}

function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
