import assert from "node:assert/strict";
import { join } from "node:path";
import { PeerKeys } from "../../shared/handshake/peer_keys.ts";
import { peerSigner } from "../../shared/handshake/peer_signer.ts";

function makeKey(...args: readonly string[]) {
  const script = new URL("../../deploy/make_key.ts", import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--frozen", "--allow-read", "--allow-write", script, ...args],
  }).output();
}

Deno.test("make_key.ts writes a private key for its owner alone and prints the public one", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "core-identity-key.pem");
    const made = await makeKey("--out", file);
    assert.equal(made.code, 0);
    assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
    const pem = await Deno.readTextFile(file);
    const publicKey = new TextDecoder().decode(made.stdout).trim();
    const keys = new PeerKeys([{ name: "sz-2", publicKey }]);
    const transcript = new Uint8Array([1, 2, 3]);
    const signature = peerSigner(pem)(transcript);
    assert.equal(keys.verify("sz-2", { transcript, signature, now: 0 }), "trusted");

    assert.equal((await makeKey("--out", file)).code, 1);
    assert.equal(await Deno.readTextFile(file), pem, "the key that was there is left alone");
    for (const args of [[], ["--out", ""], ["--force"]]) assert.equal((await makeKey(...args)).code, 2);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
