/** The one reading of a request's target name: `host`, `host:port` or `[v6]:port` (RFC 3986 §3.2, RFC 9110 §7.2). */

const MAX_HOST_LENGTH = 255;
const AUTHORITY = /^(?:(\[[0-9a-f:.]+\])|([0-9a-z._~-]+))(?::([1-9][0-9]{0,4}))?$/;

/**
 * The canonical form of `text`: lower case, without the root's trailing dot; null if it is no host with an optional
 * port from 1 to 65535. Userinfo, lists, percent-encoding, zone ids and empty ports are refused.
 */
export function canonicalAuthority(text: string): string | null {
  const match = text.length <= MAX_HOST_LENGTH + 6 ? AUTHORITY.exec(text.toLowerCase()) : null;
  if (match === null) return null;
  const [, literal, name, port] = match;
  if (port !== undefined && Number(port) > 65535) return null;
  const host = literal ?? canonicalName(name ?? "");
  if (host === null || (literal !== undefined && !isIpv6(literal.slice(1, -1)))) return null;
  return port === undefined ? host : `${host}:${port}`;
}

function canonicalName(name: string): string | null {
  const host = name.endsWith(".") ? name.slice(0, -1) : name;
  if (host.length === 0 || host.length > MAX_HOST_LENGTH || host.startsWith(".")) return null;
  return host.includes("..") || host.endsWith(".") ? null : host;
}

/** Eight groups of up to four hex digits, one run of them shortened to `::`; the last two may be dotted (RFC 4291 §2.2). */
function isIpv6(text: string): boolean {
  const dotted = /^(.*:)([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})$/.exec(text);
  if (dotted !== null && dotted.slice(2).some((octet) => Number(octet) > 255)) return false;
  const hex = dotted === null ? text : `${dotted[1]}0:0`;
  const halves = hex.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => half === "" ? [] : half.split(":"));
  if (groups.some((group) => !/^[0-9a-f]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? groups.length <= 7 : groups.length === 8;
}
