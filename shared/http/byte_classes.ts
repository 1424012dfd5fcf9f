/** Which bytes may stand where in a head (RFC 9110 §5.5, §5.6.2; RFC 9112 §3.2). */

function table(isMember: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => isMember(byte) ? 1 : 0);
}

const TOKEN_TEXT = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** 1 for each byte of a token: methods, field names. */
export const TOKEN_BYTE = table((byte) => TOKEN_TEXT.includes(String.fromCharCode(byte)));

/** 1 for each byte of a field value: no control but tab, no DEL. */
export const VALUE_BYTE = table((byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f));

/** 1 for each byte of a request target: visible ASCII but `#`, which would begin a fragment. */
export const TARGET_BYTE = table((byte) => byte > 0x20 && byte < 0x7f && byte !== 0x23);

/** The value of a hex digit, or 255. */
export const HEX_VALUE = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = "0123456789abcdef".indexOf(String.fromCharCode(byte).toLowerCase());
  return digit < 0 ? 255 : digit;
});

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TARGET = /^[!"$-~]+$/;

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

export function isFieldValue(text: string): boolean {
  return VALUE.test(text);
}

export function isTarget(text: string): boolean {
  return TARGET.test(text);
}
