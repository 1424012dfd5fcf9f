/** Payloads of close frames (RFC 6455 §5.5.1, §7.4). */
import { assert } from "../assert/assert.ts";
import { MAX_CONTROL_BYTES } from "./opcode.ts";
import { WebSocketViolation } from "./websocket_violation.ts";

/** RFC 6455 §7.4.1, those that an endpoint of ours sends. */
export const CLOSE_CODE = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedType: 1003,
  invalidText: 1007,
  policy: 1008,
  tooLarge: 1009,
  internalError: 1011,
} as const;

export interface CloseStatus {
  /** Null: the frame held none. */
  readonly code: number | null;
  readonly reason: string;
}

const MAX_REASON_BYTES = MAX_CONTROL_BYTES - 2;

/** `reason` takes 123 bytes of UTF-8 at most and needs a code. */
export function encodeClosePayload({ code, reason }: CloseStatus): Uint8Array {
  const text = new TextEncoder().encode(reason);
  assert(text.length <= MAX_REASON_BYTES, "close reason too long");
  if (code === null) {
    assert(text.length === 0, "close reason without a code");
    return text;
  }
  assert(isSendableCode(code), "close code that no frame may hold");
  const payload = new Uint8Array(2 + text.length);
  payload[0] = code >> 8;
  payload[1] = code & 0xff;
  payload.set(text, 2);
  return payload;
}

/** @throws {WebSocketViolation} */
export function parseClosePayload(payload: Uint8Array): CloseStatus {
  const [high, low] = payload;
  if (high === undefined) return { code: null, reason: "" };
  if (low === undefined) throw new WebSocketViolation(CLOSE_CODE.protocolError, "close frame of one byte");
  const code = high << 8 | low;
  if (!isSendableCode(code)) {
    throw new WebSocketViolation(CLOSE_CODE.protocolError, `close code ${code} in a frame`);
  }
  try {
    const reason = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload.subarray(2));
    return { code, reason };
  } catch (_error) {
    throw new WebSocketViolation(CLOSE_CODE.invalidText, "close reason that is no UTF-8");
  }
}

/** RFC 6455 §7.4.2 and the IANA registry: 1004 to 1006 and 1015 never cross the wire, 1016 to 2999 are unassigned. */
function isSendableCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && (code <= 1003 || code >= 1007);
}
