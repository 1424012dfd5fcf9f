import { giveSlab, takeSlab } from "../buffers/slab_pool.ts";
import type { Clock } from "../clock/clock.ts";
import type { ByteConnection } from "../transport/byte_connection.ts";

/** For each side, from the lane's first byte to its last handshake byte; a knock has as much for itself. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;

/** Either half of the handshake. */
export interface HandshakeMachine<O> {
  readonly outcome: O | null;
  takeOutput(): Uint8Array | null;
  receive(bytes: Uint8Array): void;
}

export interface RunOptions {
  readonly clock: Clock;
  /** For the whole handshake, however slowly the peer feeds it. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** How the transport let the handshake down. */
export type TransportFailure = "timeout" | "left" | "stopped";

const READ_BYTES = 4096;

/**
 * Runs `machine` over `connection` to its outcome. The connection stays open after an outcome and is closed after a
 * failure. Never rejects, but for a fault of our own.
 */
export async function runHandshake<O>(
  connection: ByteConnection,
  machine: HandshakeMachine<O>,
  options: RunOptions,
): Promise<O | TransportFailure> {
  let failure: TransportFailure | null = null;
  const fail = (why: TransportFailure) => {
    if (failure !== null) return;
    failure = why;
    connection.close();
  };
  const stop = () => fail("stopped");
  const cancelTimeout = options.clock.after(options.timeoutMs, () => fail("timeout"));
  options.signal?.addEventListener("abort", stop);
  if (options.signal?.aborted) stop();
  const buffer = takeSlab(READ_BYTES);
  try {
    const isSettled = () => failure !== null;
    for (;;) {
      for (let out = machine.takeOutput(); out !== null; out = machine.takeOutput()) {
        if (isSettled() || !(await writeAll(connection, out))) fail("left");
      }
      if (isSettled()) break;
      if (machine.outcome !== null) return machine.outcome;
      const length = await readSome(connection, buffer);
      if (isSettled()) break;
      if (length === null) fail("left");
      else machine.receive(buffer.subarray(0, length));
    }
    return failure ?? "left";
  } catch (error) {
    if (failure === null) connection.close();
    throw error;
  } finally {
    cancelTimeout();
    options.signal?.removeEventListener("abort", stop);
    giveSlab(buffer);
  }
}

/** Time for a REJECT to reach the peer before the lane is closed under it. */
const LINGER_MS = 1_000;

/** Reads and forgets until the peer closes or a second is over, then closes: lets a last message arrive. */
export async function lingerThenClose(
  connection: ByteConnection,
  options: Pick<RunOptions, "clock" | "signal">,
): Promise<void> {
  let isClosed = false;
  const close = () => {
    if (!isClosed) connection.close();
    isClosed = true;
  };
  const cancelTimeout = options.clock.after(LINGER_MS, close);
  options.signal?.addEventListener("abort", close);
  if (options.signal?.aborted) close();
  const buffer = takeSlab(READ_BYTES);
  while (!isClosed && (await readSome(connection, buffer)) !== null);
  cancelTimeout();
  options.signal?.removeEventListener("abort", close);
  giveSlab(buffer);
  close();
}

/** False when the transport failed: the peer is gone or we closed it; which of them the caller knows. */
async function writeAll(connection: ByteConnection, bytes: Uint8Array): Promise<boolean> {
  try {
    for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
    return true;
  } catch (_error) {
    return false;
  }
}

/** Null at the end of stream and when the transport failed. */
async function readSome(connection: ByteConnection, buffer: Uint8Array): Promise<number | null> {
  try {
    return await connection.read(buffer);
  } catch (_error) {
    return null;
  }
}
