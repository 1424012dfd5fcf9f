import assert from "node:assert/strict";
import fc from "fast-check";
import type { z } from "zod";
import { parse } from "yaml";
import { ConfigError } from "../../../shared/config/config_problem.ts";
import { CORE_SCHEMA } from "../../../shared/config/core_schema.ts";
import { EDGE_SCHEMA } from "../../../shared/config/edge_schema.ts";
import { OptionReader } from "../../../shared/config/option_reader.ts";
import { YamlDocument } from "../../../shared/config/yaml_document.ts";
import { checkCore } from "../../../shared/config/core_checks.ts";
import { checkEdge } from "../../../shared/config/edge_checks.ts";
import { example } from "./config_folder.ts";

const PIECES = [
  "null",
  "~",
  "[]",
  "{}",
  "- ",
  ": ",
  "*a",
  "&a ",
  "!x ",
  "${",
  "${A}",
  "${file:/}",
  "$${",
  '"',
  "'",
  "|\n",
  "\t",
  "#",
  "\0",
  "\u{1f600}",
  "0x10",
  "1e999",
  ".inf",
  "-0",
  "true",
  "? ",
  "<<: ",
  "---\n",
  "%YAML 1.1\n",
  "__proto__: ",
  "\r\n",
  "[::]:1",
  "constructor: 1\n",
  "\uFEFF",
  "-----BEGIN",
];

/** A change of a text at a place that is given as a share of its length. */
const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.nat({ max: 40 }),
  insert: fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 6 }), fc.integer().map(String)),
});

function mutate(text: string, mutations: readonly { at: number; remove: number; insert: string }[]): string {
  return mutations.reduce((mutated, { at, remove, insert }) => {
    const offset = Math.floor(at * mutated.length);
    return mutated.slice(0, offset) + insert + mutated.slice(offset + remove);
  }, text);
}

/** Reads a text as the loader does, but never a file. */
function problemsOf(text: string, schema: z.ZodType) {
  const bytes = new TextEncoder().encode(text);
  const document = YamlDocument.parse(bytes);
  if (!(document instanceof YamlDocument)) return document;
  const reader = new OptionReader(document, { folder: "/nowhere", environment: () => undefined });
  const config = reader.readRoot(schema) ?? {};
  const now = { now: new Date() };
  if (schema === EDGE_SCHEMA) checkEdge(config, now, reader);
  else checkCore(config, now, reader);
  return reader.problems;
}

for (const [node, schema] of [["edge", EDGE_SCHEMA], ["core", CORE_SCHEMA]] as const) {
  Deno.test(`OptionReader reads any mutation of the example of ${node} without failing, each problem with a place`, () => {
    const original = example(node);
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        const text = mutate(original, mutations);
        const lineCount = text.split("\n").length;
        const problems = problemsOf(text, schema);
        for (const { line, column, message } of problems) {
          assert.ok(
            line >= 1 && line <= lineCount && column >= 1 && message !== "",
            `${line}:${column} ${message}`,
          );
        }
        assert.ok(new ConfigError("f", problems).message.length > 0 || problems.length === 0);
      }),
      { numRuns: 300 },
    );
  });

  Deno.test(`OptionReader accepts of ${node} what the schema itself accepts, and nothing else`, () => {
    // One line at a time is given another value, so that both sides can be compared.
    const lines = example(node).split("\n").filter((line) => !line.trimStart().startsWith("#"));
    const valueLines = lines.flatMap((line, index) => /: \S/.test(line) ? [index] : []);
    const value = fc.oneof(
      fc.constantFrom("0", "1", "-1", "1.5", "text", "quic", "''", "[]", "{}", "true"),
      fc.nat().map(String),
    );
    fc.assert(
      fc.property(fc.constantFrom(...valueLines), value, (index, replacement) => {
        const changed = lines.with(index, (lines[index] ?? "").replace(/: .*$/, `: ${replacement}`)).join(
          "\n",
        );
        const document = YamlDocument.parse(new TextEncoder().encode(changed));
        assert.ok(document instanceof YamlDocument);
        const reader = new OptionReader(document, { folder: "/", environment: () => undefined });
        reader.readRoot(schema);
        assert.equal(reader.problems.length === 0, schema.safeParse(parse(changed)).success, changed);
      }),
      { numRuns: 300 },
    );
  });
}
