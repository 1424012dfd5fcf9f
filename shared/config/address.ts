import { isIPv4, isIPv6 } from "node:net";

/** A host and a port. */
export interface Address {
  /** DNS name in lower case, or IP address without brackets. */
  readonly hostname: string;
  readonly port: number;
}

const DNS_NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?)*$/;

/**
 * Reads `host:port`, where the host is a DNS name, an IPv4 address or an IPv6 address in brackets (RFC 3986 §3.2.2).
 * Returns what is wrong with the text, in words for a user, if anything is.
 */
export function parseAddress(text: string, { minPort }: { minPort: 0 | 1 }): Address | { wrong: string } {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d+)$/.exec(text);
  if (match === null) return { wrong: whyNotHostAndPort(text) };
  const hostname = (match[1] ?? match[2] ?? "").toLowerCase();
  if (match[1] !== undefined && !isIPv6(hostname)) {
    return { wrong: "has no IPv6 address between its brackets" };
  }
  if (match[2] !== undefined && !isHostname(hostname)) {
    return {
      wrong: hostname === ""
        ? "has no host before the colon"
        : "has a host that is no DNS name and no IP address",
    };
  }
  const port = Number(match[3]);
  if (port < minPort || port > 65535) return { wrong: `has a port outside ${minPort} to 65535` };
  return { hostname, port };
}

/** The text that {@linkcode parseAddress} reads. */
export function formatAddress({ hostname, port }: Address): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** True for a DNS name or an IPv4 address; names whose last label is a number are neither (RFC 1123 §2.1). */
export function isHostname(text: string): boolean {
  if (isIPv4(text)) return true;
  return DNS_NAME.test(text) && !/(?:^|\.)\d+$/.test(text);
}

/** True for the addresses that stand for every interface. */
export function isWildcard(hostname: string): boolean {
  return hostname === "0.0.0.0" || /^[0:]+$/.test(hostname) && isIPv6(hostname);
}

/** True for addresses that only this machine reaches. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || isIPv4(hostname) && hostname.startsWith("127.");
}

function whyNotHostAndPort(text: string): string {
  if (text.includes("://")) return "is a URL, not host:port";
  if (isIPv6(text)) return "is an IPv6 address without brackets and port";
  if (/^\d+$/.test(text)) return "has no host before the port";
  if (!text.includes(":")) return "has no port";
  return "is not host:port";
}
