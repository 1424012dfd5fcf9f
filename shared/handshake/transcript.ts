/** Separate these signatures from each other and from every other use of the keys. */
const EDGE_CONTEXT = new TextEncoder().encode("lowu lane handshake, edge proof\0");
const CORE_CONTEXT = new TextEncoder().encode("lowu lane handshake, core proof\0");

/**
 * What an edge signs: the context string, then HELLO and CHALLENGE as they crossed the wire, headers included. The
 * frames carry their own lengths, so no two pairs give the same bytes; they hold both nonces, the offered and the
 * chosen version, both names, the session id and the core's instance id, and so none of them can be changed on the
 * way or used again.
 */
export function edgeTranscript(hello: Uint8Array, challenge: Uint8Array): Uint8Array {
  return join([EDGE_CONTEXT, hello, challenge]);
}

/** What a dialling core signs: the same of KNOCK and INVITE, with a context string of its own. */
export function coreTranscript(knock: Uint8Array, invite: Uint8Array): Uint8Array {
  return join([CORE_CONTEXT, knock, invite]);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
