/**
 * Hands a port from one listening socket to the next without a refused connection.
 *
 * Sockets that share a port get new connections by hash; closing one resets those whose handshake it has begun. So before
 * the old socket closes, a filter (SO_ATTACH_REUSEPORT_CBPF, socket(7)) sends every new connection to the newest. The
 * filter names a socket by its place in the group, which is known only for a group of two that are both ours: with other
 * processes on the port it is left alone, and `net.ipv4.tcp_migrate_req=1` does the same work in the kernel.
 */
import { withKernelFiles } from "./kernel_files.ts";
import { type Libc, withLibc } from "./libc.ts";
import { listeningDescriptors } from "./listening_descriptors.ts";
import { listeningInodes } from "./listening_inodes.ts";

const SOL_SOCKET = 1;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const SO_DETACH_REUSEPORT_BPF = 68;
/** The classic BPF instruction that returns its constant. */
const BPF_RETURN_CONSTANT = 0x06;
const NEWEST_OF_TWO = 1;

/**
 * Sends new connections on `port` to the newer of this process's two listening sockets.
 * @returns whether it is in effect; if so, {@linkcode stopSteering} must follow once the older is closed
 */
export function steerToNewest(port: number): boolean {
  const listening = withKernelFiles((files) => listeningInodes(files, port).size);
  if (listening !== 2) return false;
  const result = withLibc((libc) => {
    const descriptors = listeningDescriptors(libc, port);
    return descriptors.length === 2 && attachConstant(libc, descriptors[0] ?? -1, NEWEST_OF_TWO);
  });
  return result.kind === "done" && result.value;
}

/** Lets the hash decide again among the sockets on `port`. */
export function stopSteering(port: number): void {
  withLibc((libc) => {
    for (const descriptor of listeningDescriptors(libc, port)) {
      libc.setsockopt(descriptor, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, new Uint8Array(4), 4);
    }
  });
}

function attachConstant(libc: Libc, descriptor: number, constant: number): boolean {
  const instruction = new Uint8Array(8);
  const instructionView = new DataView(instruction.buffer);
  instructionView.setUint16(0, BPF_RETURN_CONSTANT, true);
  instructionView.setUint32(4, constant, true);
  // Memory of the C library: Deno's pointers to its own ask for all of --allow-ffi.
  const address = libc.allocate(BigInt(instruction.length));
  if (BigInt(address) === 0n) return false;
  libc.copyTo(address, instruction, BigInt(instruction.length));
  const program = new Uint8Array(16);
  const programView = new DataView(program.buffer);
  programView.setUint16(0, 1, true);
  programView.setBigUint64(8, BigInt(address), true);
  const status = libc.setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program, program.length);
  libc.free(address);
  return status === 0;
}
