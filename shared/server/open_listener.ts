/**
 * Opens listening sockets: plain, with one certificate, or with several chosen by the name that the client asks for.
 *
 * Sockets share their port (SO_REUSEPORT), so that a listener with new certificates can open beside the old one. Two
 * nodes started on one port by mistake would then share it silently: so the first socket is opened only after an
 * exclusive one could be.
 */
import { type Address, formatAddress } from "../config/address.ts";
import { chooseCertificate, type LoadedCertificate } from "./certificate_store.ts";
import { findPortOwner } from "./port_owner.ts";

/** An address that cannot be listened on; the message says which, why and, if it is taken, by whom. */
export class ListenError extends Error {
  override name = "ListenError";
}

export interface TlsSource {
  readonly certificates: readonly LoadedCertificate[];
  /** Told for every name that Deno asks a certificate for; it keeps each answer for as long as the socket lives. */
  nameResolved(): void;
}

/** Deno's server name resolver: absent from its types, called with "" when the client sends no name. */
const SERVER_NAME_RESOLVER = Symbol.for("unstableSniResolver");
const ALPN_PROTOCOLS = ["h2", "http/1.1"];

/** @throws {ListenError} if some process listens on the address */
export function assertPortIsFree(address: Address): void {
  if (address.port === 0) return;
  try {
    Deno.listen(address).close();
  } catch (error) {
    throw listenError(address, error);
  }
}

/** @throws {ListenError} */
export function openPlain(address: Address): Deno.TcpListener {
  try {
    return Deno.listen({ ...address, reusePort: true });
  } catch (error) {
    throw listenError(address, error);
  }
}

/** @throws {ListenError} also if the TLS library refuses a certificate */
export function openTls(address: Address, source: TlsSource): Deno.TlsListener {
  const { certificates } = source;
  const [first] = certificates;
  if (first === undefined) throw new ListenError(`${formatAddress(address)}: no certificate is given`);
  const base = { ...address, reusePort: true, alpnProtocols: ALPN_PROTOCOLS };
  try {
    // One certificate needs no resolver, and only without one can TLS sessions be resumed.
    if (certificates.length === 1) {
      return Deno.listenTls({ ...base, cert: first.certificatePem, key: first.keyPem });
    }
    // The types ask for a certificate, which the resolver's presence overrides.
    const withResolver = {
      ...base,
      cert: "",
      key: "",
      [SERVER_NAME_RESOLVER](serverName: string): Promise<{ cert: string; key: string }> {
        source.nameResolved();
        const chosen = chooseCertificate(certificates, serverName) ?? first;
        return Promise.resolve({ cert: chosen.certificatePem, key: chosen.keyPem });
      },
    };
    return Deno.listenTls(withResolver);
  } catch (error) {
    throw listenError(address, error);
  }
}

/** Why `address` cannot be listened on, in words for an operator. */
export function listenError(address: Address, cause: unknown, transport: "tcp" | "udp" = "tcp"): ListenError {
  const text = formatAddress(address) + (transport === "udp" ? " (UDP)" : "");
  if (cause instanceof Deno.errors.AddrInUse) {
    const owner = findPortOwner(address.port, transport);
    const by = owner === null ? "another process" : `${owner.command} (pid ${owner.pid})`;
    return new ListenError(`address ${text} is in use by ${by}`, { cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ListenError(`cannot listen on ${text}: ${reason}`, { cause });
}
