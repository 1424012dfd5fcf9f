/**
 * Request ids: `req_` and 26 characters, unique over processes and restarts (a random prefix) and cheap (a counter
 * behind it).
 */
export function requestIdSource(): () => string {
  const prefix = Array.from(
    crypto.getRandomValues(new Uint8Array(9)),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
  let count = 0;
  return () => `req_${prefix}${(count++).toString(16).padStart(8, "0")}`;
}
