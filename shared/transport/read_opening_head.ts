import { type OpeningHead, OpeningHeadReader } from "../websocket/opening_head.ts";
import type { ByteConnection } from "./byte_connection.ts";

const READ_BYTES = 4 * 1024;

/**
 * Reads the peer's head of a WebSocket's opening handshake; `ahead` is what came behind it in the same read.
 * @throws {WebSocketOpeningError}
 */
export async function readOpeningHead(
  connection: ByteConnection,
): Promise<{ head: OpeningHead; ahead: Uint8Array }> {
  const reader = new OpeningHeadReader();
  const buffer = new Uint8Array(READ_BYTES);
  for (;;) {
    const length = await connection.read(buffer);
    if (length === null) throw new Deno.errors.UnexpectedEof("the peer left within the opening handshake");
    const read = reader.receive(buffer.subarray(0, length));
    if (read !== null) return { head: read.head, ahead: read.rest.slice() };
  }
}
