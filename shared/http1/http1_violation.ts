/**
 * The peer broke the protocol or a limit. Thrown by the parsers and turned into a `RelayError` by the codec, which
 * alone knows whether the peer is a client or an origin; it never leaves the codec.
 */
export class Http1Violation extends Error {
  override name = "Http1Violation";
  readonly kind: "malformed" | "too_large";

  constructor(message: string, kind: "malformed" | "too_large" = "malformed") {
    super(message);
    this.kind = kind;
  }
}
