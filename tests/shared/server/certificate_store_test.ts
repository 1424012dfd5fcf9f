import assert from "node:assert/strict";
import {
  CertificateError,
  chooseCertificate,
  loadCertificates,
} from "../../../shared/server/certificate_store.ts";
import { TestCertificates } from "./certificate_files.ts";

Deno.test("loadCertificates() reads names and end of validity", async () => {
  await using certificates = await TestCertificates.create();
  const files = await certificates.write("a", ["A.example", "*.a.example", "127.0.0.1"]);
  const [loaded] = await loadCertificates([files]);
  assert.deepEqual(loaded?.names, ["a.example", "*.a.example", "127.0.0.1"]);
  assert.equal(Math.abs((loaded?.notAfterMs ?? 0) - Date.now() - 86_400_000) < 60_000, true);
});

Deno.test("loadCertificates() names the file that is wrong", async () => {
  await using certificates = await TestCertificates.create();
  const a = await certificates.write("a", ["a.example"]);
  const b = await certificates.write("b", ["b.example"]);
  const fails = async (files: { certificateFile: string; keyFile: string }, message: RegExp) =>
    await assert.rejects(loadCertificates([a, files]), (error) => {
      assert.ok(error instanceof CertificateError);
      assert.match(error.message, message);
      return true;
    });
  await fails({ ...b, keyFile: a.keyFile }, /a\.key: is not the key of the certificate in .*b\.pem$/);
  await fails({ ...b, certificateFile: `${certificates.folder}/none.pem` }, /none\.pem: cannot be read: /);
  await Deno.writeTextFile(b.keyFile, "junk");
  await fails(b, /b\.key: cannot be used: /);
  await Deno.writeTextFile(b.certificateFile, "junk");
  await fails(b, /b\.pem: cannot be used: /);
});

Deno.test("chooseCertificate() prefers the exact name, then one label of wildcard, then the first", async () => {
  await using certificates = await TestCertificates.create();
  const loaded = await loadCertificates([
    await certificates.write("first", ["first.example"]),
    await certificates.write("wild", ["*.a.example"]),
    await certificates.write("exact", ["x.a.example"]),
  ]);
  const chosen = (name: string) => chooseCertificate(loaded, name)?.certificateFile.match(/(\w+)\.pem/)?.[1];
  assert.equal(chosen("x.a.example"), "exact");
  assert.equal(chosen("X.A.EXAMPLE."), "exact");
  assert.equal(chosen("y.a.example"), "wild");
  assert.equal(chosen("z.y.a.example"), "first");
  assert.equal(chosen("a.example"), "first");
  assert.equal(chosen(""), "first");
  assert.equal(chooseCertificate([], "x"), undefined);
});
