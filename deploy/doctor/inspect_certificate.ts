/** Looks at the certificate of a TLS port without trusting it: what is wrong with it, the lane's own handshake says. */
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import type { Address } from "../../shared/config/address.ts";
import type { CertificateFacts } from "./facts.ts";

const TIMEOUT_MS = 4_000;

export interface InspectOptions {
  readonly serverName: string;
  /** Protocol to ask for (RFC 7301); a server that has another ends the handshake. */
  readonly alpn: string;
}

/** Null when there is no TLS, or none with that protocol. Never rejects. */
export async function inspectCertificate(
  { hostname: host, port }: Address,
  { serverName, alpn }: InspectOptions,
): Promise<CertificateFacts | null> {
  const found = Promise.withResolvers<CertificateFacts | null>();
  const socket = connect({
    host,
    port,
    // An address is no name that TLS could ask for (RFC 6066 §3).
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ALPNProtocols: [alpn],
    rejectUnauthorized: false,
  }, () => found.resolve(certificateOf(socket)));
  socket.on("error", () => found.resolve(null));
  const timer = setTimeout(() => found.resolve(null), TIMEOUT_MS);
  const facts = await found.promise;
  clearTimeout(timer);
  socket.destroy();
  return facts;
}

function certificateOf(socket: TLSSocket): CertificateFacts | null {
  const { subjectaltname, valid_from: from, valid_to: to } = socket.getPeerCertificate();
  if (from === undefined || to === undefined) return null;
  const names = (subjectaltname ?? "").split(", ").map((name) => name.replace(/^(?:DNS|IP Address):/, ""));
  return {
    names: names.filter((name) => name !== ""),
    validFrom: Date.parse(from),
    validTo: Date.parse(to),
  };
}
