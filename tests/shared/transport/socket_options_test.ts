import assert from "node:assert/strict";
import { LIBC_PATHS } from "../../../shared/transport/libc.ts";
import { listenWithSocketOptions, readCongestionControl } from "../../../shared/transport/socket_options.ts";
import { readSocketOption, TCP_NODELAY, TCP_USER_TIMEOUT } from "./read_socket_option.ts";

async function certificate(): Promise<{ cert: string; key: string }> {
  const { createAuthority, issueCertificate } = await import("../../../shared/pki/certificate_authority.ts");
  const authority = await createAuthority({ name: "test", days: 1 });
  const issued = await issueCertificate(authority, { names: ["127.0.0.1"], days: 1 });
  return { cert: issued.certificatePem, key: issued.keyPem };
}

for (const options of [undefined, { userTimeoutMs: 12_345 }]) {
  Deno.test(`listenWithSocketOptions() gives options to what a TLS listener accepts ${options ? "(given)" : ""}`, async () => {
    const pem = await certificate();
    const open = () => Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...pem });
    const accept = async (listener: Deno.TlsListener) => {
      const { port } = listener.addr as Deno.NetAddr;
      const ends = await Promise.all([listener.accept(), Deno.connect({ hostname: "127.0.0.1", port })]);
      const found = {
        noDelay: readSocketOption(port, TCP_NODELAY),
        timeout: readSocketOption(port, TCP_USER_TIMEOUT),
      };
      for (const connection of ends) connection.close();
      return found;
    };
    {
      using bare = open();
      assert.deepEqual((await accept(bare)).noDelay, [0], "Nagle is on without it");
    }
    const { listener, socketOptions } = listenWithSocketOptions(open, options);
    using _closed = listener;
    assert.equal(socketOptions.kind, "set");
    assert.equal(socketOptions.kind === "set" && socketOptions.congestionControl, readCongestionControl());
    assert.deepEqual(await accept(listener), { noDelay: [1], timeout: [options?.userTimeoutMs ?? 90_000] });
  });
}

Deno.test("listenWithSocketOptions() says what is missing without permission", async () => {
  const module = new URL("../../../shared/transport/socket_options.ts", import.meta.url).href;
  const program = `
    import { listenWithSocketOptions, readCongestionControl } from ${JSON.stringify(module)};
    const { listener, socketOptions } = listenWithSocketOptions(() =>
      Deno.listen({ hostname: "127.0.0.1", port: 0 })
    );
    console.log(JSON.stringify([socketOptions, readCongestionControl()]));
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
