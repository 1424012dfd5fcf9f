import {
  FLAG,
  FRAME_HEAD_BYTES,
  FRAME_TYPE,
  MAX_WINDOW_BYTES,
  readUint32,
  writeFrameHead,
  writeUint32,
} from "./frame.ts";
import { frameSizeError, HTTP2_ERROR, Http2Error, protocolError } from "./http2_error.ts";

/** Parameters (RFC 9113 §6.5.2, RFC 8441 §3). */
export const SETTING = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
  ENABLE_CONNECT_PROTOCOL: 0x8,
} as const;

const SETTING_BYTES = 6;
/** Settings in one frame; the RFC knows seven. */
const MAX_SETTINGS = 64;
const LARGEST_MAX_FRAME_SIZE = 0xff_ffff;
const SMALLEST_MAX_FRAME_SIZE = 0x4000;

export type Setting = readonly [id: number, value: number];

/**
 * Checks a SETTINGS frame and its values (RFC 9113 §6.5); unknown parameters are among the result, for the receiver
 * to ignore.
 * @returns null for an acknowledgement
 */
export function parseSettingsFrame(
  payload: Uint8Array,
  frame: { flags: number; streamId: number },
): Setting[] | null {
  if (frame.streamId !== 0) throw protocolError("SETTINGS on a stream");
  if ((frame.flags & FLAG.ACK) !== 0) {
    if (payload.length > 0) throw frameSizeError("SETTINGS acknowledgement with a payload");
    return null;
  }
  if (payload.length % SETTING_BYTES !== 0) throw frameSizeError("SETTINGS not of whole parameters");
  if (payload.length > MAX_SETTINGS * SETTING_BYTES) {
    throw new Http2Error("too many settings", { errorCode: HTTP2_ERROR.ENHANCE_YOUR_CALM });
  }
  const settings: Setting[] = [];
  for (let at = 0; at < payload.length; at += SETTING_BYTES) {
    const id = ((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0);
    const value = readUint32(payload, at + 2);
    checkSetting(id, value);
    settings.push([id, value]);
  }
  return settings;
}

function checkSetting(id: number, value: number): void {
  if ((id === SETTING.ENABLE_PUSH || id === SETTING.ENABLE_CONNECT_PROTOCOL) && value > 1) {
    throw protocolError("a switch among the settings is neither 0 nor 1");
  }
  if (id === SETTING.INITIAL_WINDOW_SIZE && value > MAX_WINDOW_BYTES) {
    throw new Http2Error("initial window too large", { errorCode: HTTP2_ERROR.FLOW_CONTROL_ERROR });
  }
  if (id === SETTING.MAX_FRAME_SIZE && (value < SMALLEST_MAX_FRAME_SIZE || value > LARGEST_MAX_FRAME_SIZE)) {
    throw protocolError("maximum frame size out of range");
  }
}

export function settingsFrameBytes(settings: readonly Setting[]): number {
  return FRAME_HEAD_BYTES + settings.length * SETTING_BYTES;
}

/** Writes SETTINGS, or with null its acknowledgement. */
export function writeSettingsFrame(target: Uint8Array, settings: readonly Setting[] | null): void {
  writeFrameHead(target, {
    length: (settings?.length ?? 0) * SETTING_BYTES,
    type: FRAME_TYPE.SETTINGS,
    flags: settings === null ? FLAG.ACK : 0,
    streamId: 0,
  });
  let at = FRAME_HEAD_BYTES;
  for (const [id, value] of settings ?? []) {
    target[at] = id >>> 8;
    target[at + 1] = id;
    writeUint32(target, at + 2, value);
    at += SETTING_BYTES;
  }
}
