/** Certificates for tests: one authority, and pairs of files in a folder that goes away with the object. */
import {
  type CertificateWithKey,
  createAuthority,
  issueCertificate,
} from "../../../shared/pki/certificate_authority.ts";
import { writePrivatePemFile, writePublicPemFile } from "../../../shared/pki/pem_files.ts";
import type { CertificateFiles } from "../../../shared/server/certificate_store.ts";

export class TestCertificates implements AsyncDisposable {
  readonly folder: string;
  readonly authority: CertificateWithKey;

  private constructor(folder: string, authority: CertificateWithKey) {
    this.folder = folder;
    this.authority = authority;
  }

  static async create(): Promise<TestCertificates> {
    return new TestCertificates(await Deno.makeTempDir(), await createAuthority({ name: "test", days: 2 }));
  }

  get caCerts(): string[] {
    return [this.authority.certificatePem];
  }

  /** Issues a certificate for `names` into the files of that label, replacing what they held. */
  async write(label: string, names: string[]): Promise<CertificateFiles> {
    const issued = await issueCertificate(this.authority, { names, days: 1 });
    const files = { certificateFile: `${this.folder}/${label}.pem`, keyFile: `${this.folder}/${label}.key` };
    await writePublicPemFile(files.certificateFile, issued.certificatePem);
    await writePrivatePemFile(files.keyFile, issued.keyPem);
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
