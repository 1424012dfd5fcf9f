/** The peer broke the protocol or a limit: the connection must fail (RFC 6455 §7.1.7). */
export class WebSocketViolation extends Error {
  override name = "WebSocketViolation";
  /** What a close frame is to tell the peer: one of `CLOSE_CODE`. */
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}
