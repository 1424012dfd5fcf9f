import { join } from "node:path";
import { createAuthority, issueCertificate } from "../../shared/pki/certificate_authority.ts";

/** One certificate (ECDSA P-256) that every peer shows on both its nodes. */
export interface SiteCertificates {
  readonly caPem: string;
  readonly caFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Certificate and key in one file, as HAProxy wants them. */
  readonly bundleFile: string;
}

/** Name that the certificate bears beside its addresses. */
export const SITE_NAME = "localhost";
const DAYS = 2;

/** @param addresses IP addresses at which nodes are called */
export async function writeSiteCertificates(
  directory: string,
  addresses: readonly string[],
): Promise<SiteCertificates> {
  const authority = await createAuthority({ name: "Lowu bench", days: DAYS });
  const names = [...new Set([SITE_NAME, "127.0.0.1", ...addresses])];
  const { certificatePem, keyPem } = await issueCertificate(authority, { names, days: DAYS });
  const write = async (name: string, text: string) => {
    const file = join(directory, name);
    await Deno.writeTextFile(file, text, { mode: 0o600 });
    return file;
  };
  return {
    caPem: authority.certificatePem,
    caFile: await write("ca.pem", authority.certificatePem),
    certificateFile: await write("certificate.pem", certificatePem),
    keyFile: await write("key.pem", keyPem),
    bundleFile: await write("bundle.pem", certificatePem + keyPem),
  };
}
