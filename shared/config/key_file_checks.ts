/** Checks of the certificate and key files that a configuration names. Only says that a key is wrong, never the key. */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import type { ProblemDetails } from "./option_reader.ts";
import { readBoundedFile } from "./read_bounded_file.ts";

const MAX_FILE_BYTES = 1024 * 1024;

/** Where checks report; paths are those of the options, as in `tunnel.cores[0].address`. */
export interface ProblemSink {
  report(path: string, message: string, details?: ProblemDetails): void;
  lineOf(path: string): number;
}

/** A file option: its path in the configuration and its value; undefined if the option itself has a problem. */
export interface FileOption {
  readonly path: string;
  readonly file: string | undefined;
}

/** A certificate that is valid now, and the private key that belongs to it. */
export function checkCertificate(
  options: { certificate: FileOption; key: FileOption; now: Date },
  sink: ProblemSink,
): void {
  const certificate = readCertificates(options.certificate, sink)?.[0];
  const key = readPrivateKey(options.key, sink);
  if (certificate !== undefined) {
    const why = whyNotValid(certificate, options.now);
    if (why !== null) sink.report(options.certificate.path, `names a certificate that ${why}`);
  }
  if (certificate === undefined || key === undefined || isKeyOf(key, certificate)) return;
  const line = sink.lineOf(options.certificate.path);
  sink.report(options.key.path, `names a key that does not belong to the certificate in line ${line}`);
}

/** At least one certificate that is valid now. */
export function checkAuthorities(option: FileOption, { now }: { now: Date }, sink: ProblemSink): void {
  const certificates = readCertificates(option, sink);
  const first = certificates?.[0];
  if (certificates === undefined || first === undefined) return;
  if (certificates.every((certificate) => whyNotValid(certificate, now) !== null)) {
    sink.report(option.path, `names no certificate that is valid: the first ${whyNotValid(first, now)}`);
  }
}

/** An Ed25519 private key. */
export function checkEdgeKey(option: FileOption, sink: ProblemSink): void {
  const key = readPrivateKey(option, sink);
  if (key !== undefined && key.asymmetricKeyType !== "ed25519") {
    sink.report(option.path, "names a key that is not an Ed25519 key", {
      allowed: "a PEM file with an Ed25519 private key (PKCS #8)",
    });
  }
}

/** A file's certificates, at least one; undefined if that was reported. */
function readCertificates(option: FileOption, sink: ProblemSink): X509Certificate[] | undefined {
  const text = readText(option, sink);
  if (text === undefined) return undefined;
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const certificates = blocks.map((block) => orUndefined(() => new X509Certificate(block)));
  const readable = certificates.filter((certificate) => certificate !== undefined);
  if (readable.length > 0 && readable.length === certificates.length) return readable;
  const message = readable.length === 0
    ? "names a file that holds no certificate in PEM"
    : `names a file whose certificate ${certificates.indexOf(undefined) + 1} cannot be read`;
  sink.report(option.path, message);
  return undefined;
}

function readPrivateKey(option: FileOption, sink: ProblemSink): KeyObject | undefined {
  const text = readText(option, sink);
  if (text === undefined) return undefined;
  const key = orUndefined(() => createPrivateKey(text));
  if (key === undefined) {
    const why = text.includes("ENCRYPTED") ? "holds an encrypted private key" : "holds no private key in PEM";
    sink.report(option.path, `names a file that ${why}`, {
      allowed: "a PEM file with a private key (PKCS #8)",
    });
  }
  return key;
}

function readText(option: FileOption, sink: ProblemSink): string | undefined {
  if (option.file === undefined) return undefined;
  const content = readBoundedFile(option.file, { maxBytes: MAX_FILE_BYTES });
  if ("bytes" in content) return new TextDecoder().decode(content.bytes);
  sink.report(option.path, `names a file that ${content.wrong}`);
  return undefined;
}

function whyNotValid(certificate: X509Certificate, now: Date): string | null {
  if (new Date(certificate.validTo) < now) return `expired on ${certificate.validTo}`;
  if (new Date(certificate.validFrom) > now) return `is not valid before ${certificate.validFrom}`;
  return null;
}

function isKeyOf(key: KeyObject, certificate: X509Certificate): boolean {
  return publicBytes(createPublicKey(key)) === publicBytes(certificate.publicKey);
}

function publicBytes(key: KeyObject): string {
  return key.export({ type: "spki", format: "der" }).toString("base64");
}

/** What a parser makes of text from outside; its error says nothing that a user could act on. */
function orUndefined<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
