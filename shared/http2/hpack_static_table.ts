/** The static table of HPACK (RFC 7541 Appendix A); index 0 is unused. */
export const STATIC_TABLE: readonly (readonly [name: string, value: string])[] = [
  ["", ""],
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

/** Number of static entries; dynamic indices begin behind them. */
export const STATIC_ENTRY_COUNT = STATIC_TABLE.length - 1;

const indexByName = new Map<string, number>();
const indicesByNameAndValue = new Map<string, Map<string, number>>();
for (let index = STATIC_ENTRY_COUNT; index > 0; index--) {
  const [name, value] = STATIC_TABLE[index] ?? ["", ""];
  indexByName.set(name, index);
  if (value === "") continue;
  const byValue = indicesByNameAndValue.get(name) ?? new Map<string, number>();
  indicesByNameAndValue.set(name, byValue.set(value, index));
}

/** The lowest static index with `name`, or 0. */
export function staticNameIndex(name: string): number {
  return indexByName.get(name) ?? 0;
}

/** The static index of the whole line, or 0. */
export function staticLineIndex(name: string, value: string): number {
  return indicesByNameAndValue.get(name)?.get(value) ?? 0;
}
