/** Arguments of one `String.fromCharCode` call: far below the engine's stack limit. */
const PIECE_CHARACTERS = 4096;

/** The byte string with one UTF-16 unit for each byte (see `Fields`). */
export function latin1(bytes: Uint8Array): string {
  if (bytes.length <= PIECE_CHARACTERS) return Reflect.apply(String.fromCharCode, null, bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE_CHARACTERS) {
    text += latin1(bytes.subarray(at, at + PIECE_CHARACTERS));
  }
  return text;
}
