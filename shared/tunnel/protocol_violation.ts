import type { SessionErrorCode } from "./session_error_code.ts";

/** Thrown inside the session when the peer breaks the protocol; caught where bytes enter, never seen by a driver. */
export class ProtocolViolation extends Error {
  override name = "ProtocolViolation";
  readonly code: SessionErrorCode;

  constructor(code: SessionErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
