import { z } from "zod";
import { FaultSyntaxError, parseFaults } from "./fault.ts";
import { jsonBody } from "./json_body.ts";
import { atEnd, type BodySink, type OriginExchange } from "./origin_exchange.ts";
import type { OriginServices } from "./origin_services.ts";
import type { RequestRecord } from "./request_log.ts";

/** `GET /debug/requests`: `started`, `finished` and `aborted` count generations, `exchanges` all recorded exchanges. */
export function debugRequests(exchange: OriginExchange, services: OriginServices): BodySink {
  return atEnd(() => {
    const { engine } = services.driver;
    const { statistics } = engine;
    const { started, ended, aborted } = services.requests;
    exchange.sendJson({
      running: engine.running,
      waiting: engine.waiting,
      kvTokens: engine.kvTokensUsed,
      started: statistics.started,
      finished: statistics.finished.stop + statistics.finished.length,
      aborted: statistics.aborted,
      refused: statistics.refused,
      lastAbortAt: statistics.lastAbortAt === null ? null : services.clockOriginMs + statistics.lastAbortAt,
      exchanges: { open: started - ended - aborted, started, ended, aborted },
    });
  });
}

/** What `?until=` waits for: `started`, `head`, `ended` (or aborted), or a number of answer pieces. */
function conditionOf(until: string): ((record: RequestRecord) => boolean) | null {
  if (until === "started") return () => true;
  if (until === "head") return (record) => record.headAt !== null || record.state !== "open";
  if (until === "ended") return (record) => record.state !== "open";
  if (!/^\d{1,9}$/.test(until)) return null;
  return (record) => record.pieces >= Number(until) || record.state !== "open";
}

/** `GET /debug/requests/{id}[?until=…]`: the record of one exchange, at once or as soon as the condition holds. */
export function debugRequest(exchange: OriginExchange, services: OriginServices): BodySink {
  const id = exchange.pathname.slice("/debug/requests/".length);
  const until = exchange.query.get("until");
  return atEnd(() => {
    if (until === null) {
      const record = services.requests.get(id);
      if (record !== undefined) exchange.sendJson(record);
      else sendDebugError(exchange, 404, "No exchange with this id was seen.");
      return;
    }
    const condition = conditionOf(until);
    if (condition === null) return sendDebugError(exchange, 400, "until: started, head, ended or a number");
    const stop = services.requests.wait(id, condition, (record) => exchange.sendJson(record));
    if (stop === null) sendDebugError(exchange, 503, "Too many wait.");
    else exchange.answerFrom({ left: stop, pause() {}, resume() {} });
  });
}

const FAULTS_REQUEST = z.strictObject({
  /** null: none. */
  fault: z.string().max(1000).nullable(),
  path: z.string().default("/v1/"),
  /** Exchanges to strike; null: all. */
  count: z.number().int().min(1).nullable().default(null),
});

/** `POST /debug/faults`: sets, for exchanges without a fault of their own, `{fault, path?, count?}`. */
export function setFaults(exchange: OriginExchange, services: OriginServices): BodySink {
  return jsonBody(exchange, FAULTS_REQUEST, ({ fault, path, count }) => {
    try {
      services.faults.set(
        fault === null
          ? null
          : { text: fault, faults: parseFaults(fault), pathPrefix: path, remaining: count ?? Infinity },
      );
    } catch (error) {
      if (!(error instanceof FaultSyntaxError)) throw error;
      return exchange.sendInvalid(error.message, "fault");
    }
    sendFaults(exchange, services);
  });
}

/** `GET /debug/faults` */
export function getFaults(exchange: OriginExchange, services: OriginServices): BodySink {
  return atEnd(() => sendFaults(exchange, services));
}

function sendFaults(exchange: OriginExchange, services: OriginServices): void {
  const standing = services.faults.standing;
  exchange.sendJson({
    fault: standing?.text ?? null,
    path: standing?.pathPrefix ?? null,
    count: standing === null || standing.remaining === Infinity ? null : standing.remaining,
  });
}

function sendDebugError(exchange: OriginExchange, status: number, message: string): void {
  exchange.sendError({ status, message, type: "invalid_request_error", param: null, code: null });
}
