import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { createEdgeKeyPair } from "../../../shared/pki/edge_key.ts";
import { parsePeerPublicKey, PeerKeys } from "../../../shared/handshake/peer_keys.ts";
import { peerSigner } from "../../../shared/handshake/peer_signer.ts";
import { EDGE, edgeKeys, NOW } from "./handshake_fixture.ts";

Deno.test("PeerKeys.verify() takes what peerSigner() signed, with keys from shared/pki", async () => {
  const pair = await createEdgeKeyPair();
  const keys = new PeerKeys([{ name: "a", publicKey: pair.publicKeyPem }]);
  const transcript = new Uint8Array([1, 2, 3]);
  const signature = peerSigner(pair.privateKeyPem)(transcript);
  assert.equal(keys.verify("a", { transcript, signature, now: NOW }), "trusted");
  assert.equal(keys.verify("a", { transcript: new Uint8Array(3), signature, now: NOW }), "wrong_key");
  assert.equal(keys.verify("b", { transcript, signature, now: NOW }), "unknown_peer");
});

Deno.test("PeerKeys.verify() trusts nobody by the dummy key, whose private half is public", () => {
  // RFC 8032 §7.1, test 1, as PKCS #8.
  const der =
    "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
  const pem = `-----BEGIN PRIVATE KEY-----\n${
    Uint8Array.fromHex(der).toBase64()
  }\n-----END PRIVATE KEY-----\n`;
  const transcript = new Uint8Array(10);
  const signature = peerSigner(pem)(transcript);
  assert.equal(edgeKeys({}).verify("nobody", { transcript, signature, now: NOW }), "unknown_peer");
  assert.equal(edgeKeys({}).verify("hk-1", { transcript, signature, now: NOW }), "wrong_key");
});

Deno.test("PeerKeys refuses bad names, too many keys and keys of another kind", () => {
  assert.throws(() => edgeKeys({ name: "No" }), TypeError);
  assert.throws(() => edgeKeys({}, {}, {}), TypeError);
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ecPem = publicKey.export({ type: "spki", format: "pem" }).toString();
  for (const text of ["", "garbage", ecPem]) assert.throws(() => parsePeerPublicKey(text), TypeError);
  assert.throws(() => peerSigner("garbage"), TypeError);
  assert.throws(() => peerSigner(privateKey.export({ type: "pkcs8", format: "pem" }).toString()), TypeError);
  assert.equal(parsePeerPublicKey(EDGE.publicKey).asymmetricKeyType, "ed25519");
});
