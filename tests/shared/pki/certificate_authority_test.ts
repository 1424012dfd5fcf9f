import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { createAuthority, issueCertificate } from "../../../shared/pki/certificate_authority.ts";
import { writePrivatePemFile, writePublicPemFile } from "../../../shared/pki/pem_files.ts";

const authority = await createAuthority({ name: "Lowu test authority", days: 30 });
const issued = await issueCertificate(authority, {
  names: ["edge.example", "*.edge.example", "127.0.0.1", "::1"],
  days: 7,
});

async function hasOpenssl(): Promise<boolean> {
  try {
    return (await new Deno.Command("openssl", { args: ["version"], stdout: "null" }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test("issueCertificate() is accepted by openssl verify for each name", {
  ignore: !await hasOpenssl(),
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writePublicPemFile(`${folder}/ca.pem`, authority.certificatePem);
    await writePublicPemFile(`${folder}/edge.pem`, issued.certificatePem);
    const verify = async (...args: string[]) => {
      const output = await new Deno.Command("openssl", {
        args: [
          "verify",
          "-x509_strict",
          "-purpose",
          "sslserver",
          "-CAfile",
          `${folder}/ca.pem`,
          ...args,
          `${folder}/edge.pem`,
        ],
        stdout: "piped",
        stderr: "piped",
      }).output();
      return output.success || new TextDecoder().decode(output.stderr);
    };
    for (const name of ["edge.example", "a.edge.example"]) {
      assert.equal(await verify("-verify_hostname", name), true);
    }
    for (const address of ["127.0.0.1", "::1"]) assert.equal(await verify("-verify_ip", address), true);
    assert.notEqual(await verify("-verify_hostname", "other.example"), true);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("issueCertificate() serves a TLS handshake that checks name and authority", async () => {
  const handshake = async (caCert: string, hostname: string) => {
    using listener = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      cert: issued.certificatePem,
      key: issued.keyPem,
    });
    const { port } = listener.addr as Deno.NetAddr;
    const served = listener.accept().then(async (connection) => {
      const done = await connection.handshake().then(() => true, () => false);
      connection.close();
      return done;
    });
    const tcp = await Deno.connect({ hostname: "127.0.0.1", port });
    const tls = await Deno.startTls(tcp, { hostname, caCerts: [caCert] });
    const accepted = await tls.handshake().then(() => true, () => false);
    tls.close();
    await served;
    return accepted;
  };
  assert.equal(await handshake(authority.certificatePem, "a.edge.example"), true);
  assert.equal(await handshake(authority.certificatePem, "127.0.0.1"), true);
  assert.equal(await handshake(authority.certificatePem, "other.example"), false);
  const stranger = await createAuthority({ name: "Lowu test authority", days: 30 });
  assert.equal(await handshake(stranger.certificatePem, "a.edge.example"), false);
});

Deno.test("issueCertificate() gives each certificate its own serial number and usage", async () => {
  const other = await issueCertificate(authority, { names: ["edge.example"], days: 7 });
  const [first, second, root] = [issued, other, authority].map((one) =>
    new X509Certificate(one.certificatePem)
  );
  assert.notEqual(first?.serialNumber, second?.serialNumber);
  assert.deepEqual([first?.ca, root?.ca], [false, true]);
  assert.equal(first?.subjectAltName?.includes("DNS:*.edge.example"), true);
});

Deno.test("issueCertificate() refuses what is not a name", async () => {
  for (
    const name of ["", "a b", "-a.example", "a..example", "*", "a.*.example", "x".repeat(64) + ".example"]
  ) {
    await assert.rejects(issueCertificate(authority, { names: [name], days: 1 }), TypeError, name);
  }
  await assert.rejects(issueCertificate(authority, { names: [], days: 1 }), TypeError);
});

Deno.test("writePrivatePemFile() keeps the key to its owner and leaves nothing else behind", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/edge.key`;
    await Deno.writeTextFile(path, "old", { mode: 0o644 });
    await writePrivatePemFile(path, issued.keyPem);
    assert.equal(await Deno.readTextFile(path), issued.keyPem);
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(folder)].map((entry) => entry.name), ["edge.key"]);
    await Deno.mkdir(`${folder}/taken/inside`, { recursive: true });
    await assert.rejects(writePrivatePemFile(`${folder}/taken`, issued.keyPem));
    assert.equal([...Deno.readDirSync(folder)].length, 2);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
