/**
 * Finds the descriptors behind Deno's listeners, which Deno does not tell: among the process's own, those that listen on
 * the port. Looking them up through /proc was rejected: Deno allows /proc to `--allow-all` only.
 */
import { bytesOf, type Libc } from "./libc.ts";

const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const AF_INET = 2;
const AF_INET6 = 10;
const MAX_ADDRESS_BYTES = 28;
/** Descriptors above are not looked at. */
const MAX_DESCRIPTOR = 65_536;
/** Numbers are given out from the lowest: so many in a row that are no sockets are the end of the table, nearly always. */
const MAX_MISSES = 4096;

/** Descriptors of this process that listen on TCP `port`, whatever their address. */
export function listeningDescriptors(libc: Libc, port: number): number[] {
  const found: number[] = [];
  const flag = new Int32Array(1);
  const address = new Uint8Array(MAX_ADDRESS_BYTES);
  const addressView = new DataView(address.buffer);
  const length = new Uint32Array(1);
  for (let descriptor = 0, misses = 0; descriptor < MAX_DESCRIPTOR && misses < MAX_MISSES; descriptor++) {
    length[0] = flag.byteLength;
    const status = libc.getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, bytesOf(flag), bytesOf(length));
    misses = status === 0 ? 0 : misses + 1;
    if (status !== 0 || flag[0] !== 1) continue;
    length[0] = MAX_ADDRESS_BYTES;
    if (libc.getsockname(descriptor, address, bytesOf(length)) !== 0) continue;
    const family = addressView.getUint16(0, true);
    if ((family === AF_INET || family === AF_INET6) && addressView.getUint16(2) === port) {
      found.push(descriptor);
    }
  }
  return found;
}
