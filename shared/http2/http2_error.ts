/** Error codes of RST_STREAM and GOAWAY (RFC 9113 §7). */
export const HTTP2_ERROR = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
} as const;

/**
 * The peer broke the protocol or a limit. Thrown inside the codec and turned into GOAWAY (`streamId` 0) or
 * RST_STREAM (any other) by `Http2Connection`; it never leaves it.
 */
export class Http2Error extends Error {
  override name = "Http2Error";
  readonly errorCode: number;
  readonly streamId: number;

  constructor(message: string, options: { errorCode: number; streamId?: number }) {
    super(message);
    this.errorCode = options.errorCode;
    this.streamId = options.streamId ?? 0;
  }
}

/** A connection error of type PROTOCOL_ERROR (RFC 9113 §5.4.1). */
export function protocolError(message: string): Http2Error {
  return new Http2Error(message, { errorCode: HTTP2_ERROR.PROTOCOL_ERROR });
}

/** A connection error of type FRAME_SIZE_ERROR (RFC 9113 §4.2). */
export function frameSizeError(message: string): Http2Error {
  return new Http2Error(message, { errorCode: HTTP2_ERROR.FRAME_SIZE_ERROR });
}

/** A connection error of type COMPRESSION_ERROR (RFC 9113 §4.3). */
export function compressionError(message: string): Http2Error {
  return new Http2Error(message, { errorCode: HTTP2_ERROR.COMPRESSION_ERROR });
}

/** A connection error of type ENHANCE_YOUR_CALM: the peer went over one of our budgets. */
export function floodError(message: string): Http2Error {
  return new Http2Error(message, { errorCode: HTTP2_ERROR.ENHANCE_YOUR_CALM });
}

/** A malformed message: a stream error of type PROTOCOL_ERROR (RFC 9113 §8.1.1). */
export function malformed(message: string, streamId: number): Http2Error {
  return new Http2Error(message, { errorCode: HTTP2_ERROR.PROTOCOL_ERROR, streamId });
}
