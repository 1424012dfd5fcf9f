import assert from "node:assert/strict";
import { formatProblems } from "../../../shared/config/config_problem.ts";
import type { CoreConfig } from "../../../shared/config/core_schema.ts";
import { ConfigFolder, example, lineOf } from "./config_folder.ts";

const SECRET = "s3cret-hunter2";

/** Files in which a secret stands where it does harm, or brings a problem about. */
const LEAKS: { what: string; replace: Record<string, string> }[] = [
  { what: "a reference in a name", replace: { "name: sz-1": "name: ${SECRET} x" } },
  { what: "a reference in an address", replace: { "0.0.0.0:7443": "${SECRET}" } },
  { what: "a reference in a URL", replace: { "http://10.0.0.5:8000": "http://u:${SECRET}@h" } },
  { what: "a reference in a number", replace: { "max_streams: 16384": "max_streams: ${SECRET}" } },
  { what: "a reference in a file's path", replace: { "core-key.pem": "${SECRET}" } },
  { what: "a reference in the name of an origin", replace: { "- origin: llm": "- origin: ${SECRET}" } },
  { what: "a secret with a space", replace: { '#api_key: "${ORIGIN_API_KEY}"': `api_key: ${SECRET} x` } },
  {
    what: "a secret behind a reference",
    replace: { '#api_key: "${ORIGIN_API_KEY}"': 'api_key: "${SECRET}\\n"' },
  },
  { what: "a secret in place of a section", replace: { "log:\n": `log: sk-${SECRET}\nx:\n` } },
  { what: "a key in place of its hash", replace: { "hash: sha256:": `hash: ${SECRET} sha256:` } },
  { what: "a password in a URL", replace: { "http://10.0.0.5:8000": `http://u:${SECRET}@h` } },
  { what: "a key as the name of an option", replace: { "name: sz-1": `name: sz-1\nsk-${SECRET}: x` } },
  {
    what: "a private key in place of its file",
    replace: { "core-key.pem": `"-----BEGIN PRIVATE KEY ${SECRET}"` },
  },
  {
    what: "a secret in broken YAML",
    replace: { "name: sz-1": `name: "sz-1" ${SECRET}\napi_key: | ${SECRET}` },
  },
];

for (const { what, replace } of LEAKS) {
  Deno.test(`loadConfig() does not show ${what}`, async () => {
    await using folder = await ConfigFolder.create();
    const problems = await folder.problems(example("core", replace), { environment: () => SECRET });
    assert.ok(problems.length > 0);
    const shown = formatProblems("test.yaml", problems) + JSON.stringify(problems);
    assert.ok(!shown.includes(SECRET), shown);
  });
}

Deno.test("loadConfig() fills in secrets from the environment and from files", async () => {
  await using folder = await ConfigFolder.create();
  await folder.write("secret.txt", "from-a-file\n");
  const read = async (value: string) => {
    const text = example("core", { '#api_key: "${ORIGIN_API_KEY}"': `api_key: "${value}"` });
    const config = await folder.load(text, {
      environment: (name) => name === "NAME" ? "${NAME}" : undefined,
    });
    return (config as CoreConfig).origins[0]?.apiKey;
  };
  assert.equal(await read("${NAME}"), "${NAME}");
  assert.equal(await read("${file:secret.txt}"), "from-a-file");
  assert.equal(await read("a-$${NAME}-${file:secret.txt}"), "a-${NAME}-from-a-file");
});

const MISSING: { value: string; message: RegExp }[] = [
  { value: "${NOT_SET}", message: /needs the environment variable NOT_SET, which is not set/ },
  { value: "${file:none.txt}", message: /needs the file none\.txt, which does not exist/ },
  { value: "${file:/dev/zero}", message: /needs the file \/dev\/zero, which is larger than 65536 bytes/ },
  { value: "${file:}", message: /has a \$\{file:…\} without a path/ },
  { value: "${not a name}", message: /neither \$\{NAME\} nor \$\{file:PATH\}/ },
  { value: "${NOT_CLOSED", message: /has a '\$\{' without '\}'/ },
];

for (const { value, message } of MISSING) {
  Deno.test(`loadConfig() reports the reference ${value} with its line`, async () => {
    await using folder = await ConfigFolder.create();
    const text = example("core", { '#api_key: "${ORIGIN_API_KEY}"': `api_key: "${value}"` });
    const [problem] = await folder.problems(text, { environment: () => undefined });
    assert.match(problem?.message ?? "", message);
    assert.equal(problem?.line, lineOf(text, "    api_key: "));
    assert.equal(problem?.path, "origins[0].api_key");
  });
}
