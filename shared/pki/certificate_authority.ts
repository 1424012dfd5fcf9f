/** A private certificate authority for pairs of nodes that have no public one: ECDSA P-256, SHA-256 (RFC 5280). */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { isIP } from "node:net";
import { decodePem, encodePem } from "./pem.ts";

const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNING_ALGORITHM = { name: "ECDSA", hash: "SHA-256" };
const DAY_MS = 86_400_000;
/** Certificates are valid from a little before now, for peers whose clocks are behind. */
const CLOCK_SKEW_MS = 3_600_000;
/** RFC 5280 §4.2.1.6 sets none; far more than any listener needs. */
const MAX_NAMES = 100;

/** A certificate and its private key (PKCS #8), both PEM. */
export interface CertificateWithKey {
  certificatePem: string;
  keyPem: string;
}

export interface AuthorityOptions {
  /** Common name. */
  name: string;
  days: number;
}

export interface IssueOptions {
  /** DNS names (a leading `*.` is allowed) and IP addresses; the first is also the common name. 1 to 100. */
  names: string[];
  days: number;
}

/** A new self-signed authority that may sign end certificates only. */
export async function createAuthority(options: AuthorityOptions): Promise<CertificateWithKey> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerialNumber(),
    name: [{ CN: [options.name] }],
    keys,
    ...validity(options.days),
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return toPem(certificate, keys.privateKey);
}

/**
 * A certificate for a TLS server, signed by `authority`.
 * @throws {TypeError} if a name is neither a DNS name nor an IP address
 */
export async function issueCertificate(
  authority: CertificateWithKey,
  options: IssueOptions,
): Promise<CertificateWithKey> {
  const { names } = options;
  const firstName = names[0];
  if (firstName === undefined || names.length > MAX_NAMES) {
    throw new TypeError(`1 to ${MAX_NAMES} names are needed`);
  }
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const signingKey = await crypto.subtle.importKey(
    "pkcs8",
    decodePem("PRIVATE KEY", authority.keyPem),
    KEY_ALGORITHM,
    false,
    ["sign"],
  );
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
    subject: [{ CN: [firstName.slice(0, 64)] }],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey,
    ...validity(options.days),
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map(generalName)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return await toPem(certificate, keys.privateKey);
}

function generalName(name: string): { type: "ip" | "dns"; value: string } {
  if (isIP(name) !== 0) return { type: "ip", value: name };
  const label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
  if (name.length > 253 || !new RegExp(`^(\\*\\.)?${label}(\\.${label})*$`, "i").test(name)) {
    throw new TypeError(`neither a DNS name nor an IP address: ${JSON.stringify(name)}`);
  }
  return { type: "dns", value: name.toLowerCase() };
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
}

/** 16 random bytes, positive and without leading zeros (RFC 5280 §4.1.2.2), in hexadecimal. */
function newSerialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toHex();
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - CLOCK_SKEW_MS), notAfter: new Date(now + days * DAY_MS) };
}

async function toPem(certificate: x509.X509Certificate, key: CryptoKey): Promise<CertificateWithKey> {
  const keyDer = new Uint8Array(await crypto.subtle.exportKey("pkcs8", key));
  return {
    certificatePem: encodePem("CERTIFICATE", new Uint8Array(certificate.rawData)),
    keyPem: encodePem("PRIVATE KEY", keyDer),
  };
}
