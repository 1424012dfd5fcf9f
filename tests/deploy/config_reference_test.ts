import assert from "node:assert/strict";
import { generatedFiles } from "../../deploy/config_reference.ts";

for (const [path, content] of generatedFiles()) {
  Deno.test(`generatedFiles() gives ${path} as it is (else: deno task docs)`, async () => {
    assert.equal(await Deno.readTextFile(new URL(`../../${path}`, import.meta.url)), content);
  });
}

Deno.test("generatedFiles() says of each option what it means, what is allowed and what holds without it", () => {
  const page = generatedFiles().get("deploy/docs/configuration.md") ?? "";
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  assert.ok(rows.length > 100);
  for (const row of rows) {
    const [option, allowed, fallback, _reload, meaning] = row.slice(1, -1).split(/(?<!\\)\|/).map((cell) =>
      cell.trim()
    );
    assert.ok(option && allowed && fallback && meaning, row);
    assert.match(meaning, /\.$/, row);
  }
});
