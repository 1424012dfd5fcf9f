/** PEM (RFC 7468): text armour around DER. */
export type PemLabel = "CERTIFICATE" | "PRIVATE KEY" | "PUBLIC KEY";

export function encodePem(label: PemLabel, der: Uint8Array): string {
  const lines = der.toBase64().match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/**
 * The DER inside the first block with that label.
 * @throws {SyntaxError} if there is no such block or it is not base64
 */
export function decodePem(label: PemLabel, text: string): Uint8Array<ArrayBuffer> {
  const start = text.indexOf(`-----BEGIN ${label}-----`);
  const end = text.indexOf(`-----END ${label}-----`, start);
  if (start < 0 || end < 0) throw new SyntaxError(`no "${label}" block in PEM text`);
  return Uint8Array.fromBase64(text.slice(start + `-----BEGIN ${label}-----`.length, end));
}
