/** An edge's name: 1 to 63 lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit. */
export function isEdgeName(text: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,62}$/.test(text);
}

/** A DNS name or IP literal as a certificate names it: 1 to 253 lower-case characters. */
export function isServerName(text: string): boolean {
  return /^[a-z0-9][a-z0-9.:_-]{0,252}$|^::[a-f0-9.:]{0,43}$/.test(text);
}
