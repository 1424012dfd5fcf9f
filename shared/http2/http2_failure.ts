/**
 * What a broken connection or stream means to an exchange. On a server's connection the peer is the client, on a
 * client's the origin: the same event has another code, source and advice there.
 */
import { RelayError } from "../errors/relay_error.ts";
import { HTTP2_ERROR } from "./http2_error.ts";

export type Http2Role = "server" | "client";

/** The peer broke the protocol or a budget. */
export function violation(role: Http2Role, cause: Error): RelayError {
  return role === "server"
    ? new RelayError("invalid_request", { source: "downstream", message: `HTTP/2: ${cause.message}.`, cause })
    : new RelayError("origin_protocol", { source: "origin", cause });
}

/** The peer's head is larger than the limit. */
export function headTooLarge(role: Http2Role): RelayError {
  return role === "server"
    ? new RelayError("head_too_large", { source: "downstream" })
    : new RelayError("origin_protocol", { source: "origin" });
}

/** The peer reset the stream. */
export function resetByPeer(role: Http2Role, errorCode: number): RelayError {
  if (role === "server") return new RelayError("client_left", { source: "downstream" });
  const retry = errorCode === HTTP2_ERROR.REFUSED_STREAM ? "before_first_byte" : "never";
  return new RelayError("origin_cut", { source: "origin", retry });
}

/** The connection ended under the stream; `isUntouched`: by GOAWAY, and the peer never worked on it. */
export function connectionLost(role: Http2Role, isUntouched: boolean): RelayError {
  if (role === "server") return new RelayError("client_left", { source: "downstream" });
  return new RelayError("origin_cut", {
    source: "origin",
    retry: isUntouched ? "before_first_byte" : "never",
  });
}

/** What we wait for from the peer did not come in time. */
export function tooSlow(role: Http2Role): RelayError {
  return role === "server"
    ? new RelayError("request_timeout", { source: "downstream" })
    : new RelayError("origin_timeout", { source: "origin" });
}

/** The peer does not take what we send. */
export function stalled(role: Http2Role): RelayError {
  return role === "server"
    ? new RelayError("client_stalled", { source: "downstream" })
    : new RelayError("origin_timeout", { source: "origin" });
}
