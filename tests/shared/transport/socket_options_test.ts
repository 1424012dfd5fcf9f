import assert from "node:assert/strict";
import { LIBC_PATHS } from "../../../shared/transport/libc.ts";
import { readCongestionControl, setListenerSocketOptions } from "../../../shared/transport/socket_options.ts";

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_USER_TIMEOUT = 18;

/** Value of a TCP option for each connected (not listening) socket of this process with the given local port. */
function readOption(localPort: number, option: number): number[] {
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

async function certificate(): Promise<{ cert: string; key: string }> {
  const { createAuthority, issueCertificate } = await import("../../../shared/pki/certificate_authority.ts");
  const authority = await createAuthority({ name: "test", days: 1 });
  const issued = await issueCertificate(authority, { names: ["127.0.0.1"], days: 1 });
  return { cert: issued.certificatePem, key: issued.keyPem };
}

for (const options of [undefined, { userTimeoutMs: 12_345 }]) {
  Deno.test(`setListenerSocketOptions() holds on sockets that a TLS listener accepts ${options ? "(given)" : ""}`, async () => {
    using listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...await certificate() });
    const { port } = listener.addr as Deno.NetAddr;
    const before = Promise.all([listener.accept(), Deno.connect({ hostname: "127.0.0.1", port })]);
    for (const connection of await before) {
      if ("handshake" in connection) {
        assert.deepEqual(readOption(port, TCP_NODELAY), [0], "Nagle is on without it");
      }
    }
    for (const connection of await before) connection.close();

    const result = setListenerSocketOptions(listener, options);
    assert.equal(result.kind, "set");
    assert.equal(result.kind === "set" && result.congestionControl, readCongestionControl());
    const [accepted, dialled] = await Promise.all([
      listener.accept(),
      Deno.connect({ hostname: "127.0.0.1", port }),
    ]);
    assert.deepEqual(readOption(port, TCP_NODELAY), [1]);
    assert.deepEqual(readOption(port, TCP_USER_TIMEOUT), [options?.userTimeoutMs ?? 90_000]);
    accepted.close();
    dialled.close();
  });
}

Deno.test("setListenerSocketOptions() says what is missing without permission", async () => {
  const module = new URL("../../../shared/transport/socket_options.ts", import.meta.url).href;
  const program = `
    import { readCongestionControl, setListenerSocketOptions } from ${JSON.stringify(module)};
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    console.log(JSON.stringify([setListenerSocketOptions(listener), readCongestionControl()]));
    listener.close();`;
  const run = async (...permissions: string[]) => {
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-net", "--allow-read", "--ext=ts", ...permissions, "-"],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const writer = output.stdin.getWriter();
    await writer.write(new TextEncoder().encode(program));
    await writer.close();
    return JSON.parse(new TextDecoder().decode((await output.output()).stdout));
  };
  assert.deepEqual(await run(), [
    { kind: "unavailable", reason: "no permission to load the C library (--allow-ffi)" },
    null,
  ]);
  const [granted] = await run(`--allow-ffi=${LIBC_PATHS.join(",")}`);
  assert.equal(granted.kind, "set");
});
