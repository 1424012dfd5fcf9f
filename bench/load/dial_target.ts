import type { RelayTarget } from "../relays/relay.ts";

/** A connection to the target; small writes leave at once. */
export async function dialTarget(target: RelayTarget, protocol: "http/1.1" | "h2"): Promise<Deno.Conn> {
  const { hostname, port, caPem } = target;
  const tcp = await Deno.connect({ hostname, port });
  tcp.setNoDelay(true);
  if (caPem === null) return tcp;
  // `connect` and `startTls`, because a socket of `connectTls` has Nagle's algorithm on.
  const tls = await Deno.startTls(tcp, { hostname, caCerts: [caPem], alpnProtocols: [protocol] });
  const { alpnProtocol } = await tls.handshake();
  if (alpnProtocol !== protocol) {
    tls.close();
    throw new TypeError(`the relay speaks ${alpnProtocol ?? "no protocol that was offered"}`);
  }
  return tls;
}
