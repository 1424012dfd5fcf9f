import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";

/** A certificate chain (leaf first) and its private key, both PEM. */
export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface LoadedCertificate extends CertificateFiles {
  readonly certificatePem: string;
  readonly keyPem: string;
  /** DNS names and IP addresses of the leaf's subject alternative names, lower case; a name may begin with `*.`. */
  readonly names: readonly string[];
  /** End of validity of the leaf, in milliseconds since the epoch. */
  readonly notAfterMs: number;
}

/** A certificate or key file that cannot be used; the message names the file. */
export class CertificateError extends Error {
  override name = "CertificateError";
}

const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Reads and checks every pair, all or nothing.
 * @throws {CertificateError} if a file cannot be read, is no PEM, or a key belongs to another certificate
 */
export function loadCertificates(files: readonly CertificateFiles[]): Promise<LoadedCertificate[]> {
  return Promise.all(files.map(loadCertificate));
}

/** The certificate whose names cover `serverName` (exact before wildcard), else the first. */
export function chooseCertificate(
  certificates: readonly LoadedCertificate[],
  serverName: string,
): LoadedCertificate | undefined {
  const name = serverName.toLowerCase().replace(/\.$/, "");
  // RFC 9525 §6.3: a wildcard stands for exactly one label.
  const wildcard = `*${name.slice(Math.max(0, name.indexOf(".")))}`;
  return certificates.find(({ names }) => names.includes(name)) ??
    certificates.find(({ names }) => names.includes(wildcard)) ??
    certificates[0];
}

async function loadCertificate(files: CertificateFiles): Promise<LoadedCertificate> {
  const { certificateFile, keyFile } = files;
  const certificatePem = await readPem(certificateFile);
  const keyPem = await readPem(keyFile);
  const leaf = parse(certificateFile, () => {
    const certificate = new X509Certificate(certificatePem);
    return {
      names: namesOf(certificate),
      notAfterMs: Date.parse(certificate.validTo),
      publicKey: certificate.publicKey.export({ type: "spki", format: "der" }),
    };
  });
  const publicKey = parse(
    keyFile,
    () => createPublicKey(createPrivateKey(keyPem)).export({ type: "spki", format: "der" }),
  );
  if (!publicKey.equals(leaf.publicKey)) {
    throw new CertificateError(`${keyFile}: is not the key of the certificate in ${certificateFile}`);
  }
  return { certificateFile, keyFile, certificatePem, keyPem, names: leaf.names, notAfterMs: leaf.notAfterMs };
}

async function readPem(file: string): Promise<string> {
  try {
    const { size } = await Deno.stat(file);
    if (size > MAX_FILE_BYTES) throw new CertificateError(`${file}: larger than ${MAX_FILE_BYTES} bytes`);
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof CertificateError) throw error;
    throw new CertificateError(`${file}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function parse<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new CertificateError(`${file}: cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

function namesOf(certificate: X509Certificate): string[] {
  return (certificate.subjectAltName ?? "").split(", ").flatMap((entry) => {
    const match = /^(?:DNS|IP Address):(.+)$/.exec(entry);
    return match?.[1] === undefined ? [] : [match[1].toLowerCase()];
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
