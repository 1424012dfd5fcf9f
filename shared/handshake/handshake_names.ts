/** A node's name: 1 to 63 lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit. */
export function isNodeName(text: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,62}$/.test(text);
}

/** A DNS name or IP literal as a certificate names it: 1 to 253 lower-case characters. */
export function isServerName(text: string): boolean {
  return /^[a-z0-9][a-z0-9.:_-]{0,252}$|^::[a-f0-9.:]{0,43}$/.test(text);
}

/** Whether a certificate with these names is one for `serverName`; `*.` stands for exactly one label (RFC 9525 §6.3). */
export function coversServerName(names: ReadonlySet<string>, serverName: string): boolean {
  if (names.has(serverName)) return true;
  const dot = serverName.indexOf(".");
  return dot > 0 && !serverName.includes(":") && names.has(`*${serverName.slice(dot)}`);
}

/**
 * The server name in the HELLO of an edge that was dialled by that core. No certificate can bear it, so the proof is
 * worth nothing to any core but the one that proved this name to the edge.
 */
export function dialledByName(coreName: string): string {
  return `core:${coreName}`;
}
