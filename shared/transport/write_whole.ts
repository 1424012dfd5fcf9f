import type { ByteConnection } from "./byte_connection.ts";

/** Writes all of `bytes`, which stay unchanged until it resolves. */
export async function writeWhole(connection: ByteConnection, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}
