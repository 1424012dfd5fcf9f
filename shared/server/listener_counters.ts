import type { ErrorCode } from "../errors/error_table.ts";
import type { RelayError } from "../errors/relay_error.ts";
import type { AdmissionRefusal } from "./connection_admission.ts";
import type { ConnectionObserver } from "./serve_options.ts";

/** What one listener has counted since it began, in plain numbers: the byte path adds, a scrape reads. */
export class ListenerCounters implements ConnectionObserver {
  acceptedConnections = 0;
  closedConnections = 0;
  readonly refusedConnections: Record<AdmissionRefusal, number> = { connection_limit: 0, address_limit: 0 };
  /** Accept calls that failed, running out of descriptors included. */
  acceptErrors = 0;
  descriptorExhaustions = 0;
  tlsFailures = 0;
  handshakeTimeouts = 0;
  /** Connections that the end of a drain's grace closed. */
  forcedCloses = 0;
  readonly connectionsByProtocol = { http1: 0, h2: 0 };
  startedExchanges = 0;
  endedExchanges = 0;
  receivedBytes = 0;
  sentBytes = 0;
  /** Requests refused or cut by the protocol drivers, by code. */
  readonly refusedRequests: Partial<Record<ErrorCode, number>> = {};

  get openExchanges(): number {
    return this.startedExchanges - this.endedExchanges;
  }

  exchangeStarted(): void {
    this.startedExchanges++;
  }

  exchangeEnded(): void {
    this.endedExchanges++;
  }

  refused(error: RelayError): void {
    this.refusedRequests[error.code] = (this.refusedRequests[error.code] ?? 0) + 1;
  }

  bytesIn(bytes: number): void {
    this.receivedBytes += bytes;
  }

  bytesOut(bytes: number): void {
    this.sentBytes += bytes;
  }
}
