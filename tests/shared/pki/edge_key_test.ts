import assert from "node:assert/strict";
import {
  createEdgeKeyPair,
  importEdgePrivateKey,
  importEdgePublicKey,
} from "../../../shared/pki/edge_key.ts";

Deno.test("createEdgeKeyPair() makes PEM keys that sign and verify", async () => {
  const pair = await createEdgeKeyPair();
  const other = await createEdgeKeyPair();
  const challenge = new TextEncoder().encode("challenge");
  const signature = await crypto.subtle.sign(
    "Ed25519",
    await importEdgePrivateKey(pair.privateKeyPem),
    challenge,
  );
  const verify = async (pem: string) =>
    await crypto.subtle.verify("Ed25519", await importEdgePublicKey(pem), signature, challenge);
  assert.equal(await verify(pair.publicKeyPem), true);
  assert.equal(await verify(other.publicKeyPem), false);
});

Deno.test("importEdgePrivateKey() refuses text without a key", async () => {
  const pair = await createEdgeKeyPair();
  assert.throws(() => importEdgePrivateKey(pair.publicKeyPem), SyntaxError);
  assert.throws(() => importEdgePublicKey("-----BEGIN PUBLIC KEY-----"), SyntaxError);
});
