import { isIPv6 } from "node:net";

/** The address without zone and without the IPv4-mapped form (RFC 4291 §2.5.5.2): one text for each client. */
export function canonicalAddress(hostname: string): string {
  const zone = hostname.indexOf("%");
  const address = (zone < 0 ? hostname : hostname.slice(0, zone)).toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  return mapped?.[1] ?? address;
}

/**
 * What limits by address count as one client: an IPv4 address, or the /64 of an IPv6 address, since one host may take any
 * address of its /64.
 * @param address canonical
 */
export function addressGroup(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const tailGroups = tail === "" ? [] : tail.split(":");
    // A dotted tail stands for two groups.
    const tailLength = tailGroups.length + (tail.includes(".") ? 1 : 0);
    while (groups.length + tailLength < 8) groups.push("0");
    groups.push(...tailGroups);
  }
  return `${groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}
