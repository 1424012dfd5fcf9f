/** Ed25519 keys (RFC 8032) by which an edge proves to a core who it is. */
import { decodePem, encodePem } from "./pem.ts";

export interface EdgeKeyPair {
  /** PKCS #8, PEM: stays on the edge. */
  privateKeyPem: string;
  /** SubjectPublicKeyInfo, PEM: given to the core. */
  publicKeyPem: string;
}

export async function createEdgeKeyPair(): Promise<EdgeKeyPair> {
  const keys = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]) as CryptoKeyPair;
  const privateKey = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const publicKey = await crypto.subtle.exportKey("spki", keys.publicKey);
  return {
    privateKeyPem: encodePem("PRIVATE KEY", new Uint8Array(privateKey)),
    publicKeyPem: encodePem("PUBLIC KEY", new Uint8Array(publicKey)),
  };
}

/** @throws {SyntaxError | DOMException} if the text holds no Ed25519 private key */
export function importEdgePrivateKey(pem: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("pkcs8", decodePem("PRIVATE KEY", pem), "Ed25519", false, ["sign"]);
}

/** @throws {SyntaxError | DOMException} if the text holds no Ed25519 public key */
export function importEdgePublicKey(pem: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("spki", decodePem("PUBLIC KEY", pem), "Ed25519", true, ["verify"]);
}
