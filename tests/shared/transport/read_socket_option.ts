import assert from "node:assert/strict";

const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_USER_TIMEOUT = 18;

/** Value of a TCP option for each connected (not listening) socket of this process with the given local port. */
export function readSocketOption(localPort: number, option: number): number[] {
  const library = Deno.dlopen("libc.so.6", {
    getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
    getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  });
  const values: number[] = [];
  for (let descriptor = 0; descriptor < 1024; descriptor++) {
    const address = new Uint8Array(28);
    const length = Uint32Array.of(28);
    const lengthBytes = new Uint8Array(length.buffer);
    if (library.symbols.getpeername(descriptor, address, lengthBytes) !== 0) continue;
    length[0] = 28;
    if (library.symbols.getsockname(descriptor, address, lengthBytes) !== 0) continue;
    if (new DataView(address.buffer).getUint16(2) !== localPort) continue;
    const value = new Int32Array(1);
    length[0] = 4;
    const valueBytes = new Uint8Array(value.buffer);
    assert.equal(library.symbols.getsockopt(descriptor, IPPROTO_TCP, option, valueBytes, lengthBytes), 0);
    values.push(value[0] ?? -1);
  }
  library.close();
  return values;
}
