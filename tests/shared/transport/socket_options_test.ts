import assert from "node:assert/strict";
import { LIBC_PATHS } from "../../../shared/transport/libc.ts";
import { readCongestionControl, setListenerSocketOptions } from "../../../shared/transport/socket_options.ts";
import { readSocketOption, TCP_NODELAY, TCP_USER_TIMEOUT } from "./read_socket_option.ts";

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
        assert.deepEqual(readSocketOption(port, TCP_NODELAY), [0], "Nagle is on without it");
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
    assert.deepEqual(readSocketOption(port, TCP_NODELAY), [1]);
    assert.deepEqual(readSocketOption(port, TCP_USER_TIMEOUT), [options?.userTimeoutMs ?? 90_000]);
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
  const [granted, congestionControl] = await run(`--allow-ffi=${LIBC_PATHS.join(",")}`);
  assert.equal(granted.kind, "set");
  assert.equal(congestionControl, readCongestionControl());
});
