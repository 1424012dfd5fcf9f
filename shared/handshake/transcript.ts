/** Separates these signatures from every other use of an edge's key. */
const CONTEXT = new TextEncoder().encode("lowu lane handshake, edge proof\0");

/**
 * What an edge signs: the context string, then HELLO and CHALLENGE as they crossed the wire, headers included. The
 * frames carry their own lengths, so no two pairs give the same bytes; they hold both nonces, the offered and the
 * chosen version, both names, the session id and the core's instance id, and so none of them can be changed on the
 * way or used again.
 */
export function transcriptOf(hello: Uint8Array, challenge: Uint8Array): Uint8Array {
  const transcript = new Uint8Array(CONTEXT.length + hello.length + challenge.length);
  transcript.set(CONTEXT);
  transcript.set(hello, CONTEXT.length);
  transcript.set(challenge, CONTEXT.length + hello.length);
  return transcript;
}
