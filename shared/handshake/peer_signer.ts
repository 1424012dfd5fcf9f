import { createPrivateKey, sign } from "node:crypto";

/** Signs a transcript with a node's own key: 64 bytes of Ed25519. */
export type PeerSigner = (transcript: Uint8Array) => Uint8Array;

/**
 * A signer over a PKCS #8 private key in PEM.
 * @throws {TypeError} unless it is an Ed25519 private key; the message never holds any of it
 */
export function peerSigner(privateKeyPem: string): PeerSigner {
  const key = parsePrivateKey(privateKeyPem);
  if (key.asymmetricKeyType !== "ed25519") throw new TypeError("the node's key is not an Ed25519 key");
  return (transcript) => new Uint8Array(sign(null, transcript, key));
}

function parsePrivateKey(pem: string) {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new TypeError("the node's key is not a PKCS #8 private key in PEM", { cause: error });
  }
}
