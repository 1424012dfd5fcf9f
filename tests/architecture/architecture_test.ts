import assert from "node:assert/strict";
import { join } from "node:path";
import { findCycle, importsOf, ROOT, sourceFiles } from "./module_graph.ts";

const FILES = sourceFiles();
const PRODUCT = FILES.filter((file) => /^(?:edge|core|shared|deploy)\//.test(file));

/** Imports from files under `from` to files under `to`. */
function breaches(from: RegExp, isForbidden: (imported: string) => boolean): string[] {
  return FILES.filter((file) => from.test(file)).flatMap((file) =>
    importsOf(file).filter(isForbidden).map((imported) => `${file} → ${imported}`)
  );
}

Deno.test("edge and core never import each other, and shared imports neither", () => {
  assert.deepEqual(breaches(/^edge\//, (imported) => /^(?:core|deploy|bench|tests)\//.test(imported)), []);
  assert.deepEqual(breaches(/^core\//, (imported) => /^(?:edge|deploy|bench|tests)\//.test(imported)), []);
  assert.deepEqual(
    breaches(/^shared\//, (imported) => /^(?:edge|core|deploy|bench|tests)\//.test(imported)),
    [],
  );
  assert.deepEqual(breaches(/^deploy\//, (imported) => /^(?:bench|tests)\//.test(imported)), []);
});

Deno.test("the tunnel imports nothing outside itself but assertions", () => {
  const isOutside = (imported: string) =>
    !imported.startsWith("shared/tunnel/") && imported !== "shared/assert/assert.ts";
  assert.deepEqual(breaches(/^shared\/tunnel\//, isOutside), []);
});

Deno.test("codecs and the session touch no clock, no chance and no socket", () => {
  const sansIo = PRODUCT.filter((file) => /^shared\/(?:tunnel|http1|http2|websocket)\//.test(file));
  assert.ok(sansIo.length > 30, "the folders are where this test looks");
  const worldly = /\b(?:Date\.now|performance\.now|Math\.random|setTimeout|setInterval|Deno\.|crypto\.)/;
  assert.deepEqual(sansIo.filter((file) => worldly.test(withoutComments(file))), []);
});

Deno.test("no file is part of a circle of imports", () => {
  assert.equal(findCycle(FILES)?.join(" → ") ?? null, null);
});

Deno.test("every file can be read in one sitting, and a pipeline at a glance", () => {
  const lines = (file: string) => Deno.readTextFileSync(join(ROOT, file)).split("\n").length;
  assert.deepEqual(FILES.filter((file) => lines(file) > 500), []);
  for (const pipeline of ["edge/pipeline.ts", "core/pipeline.ts"]) {
    assert.ok(lines(pipeline) <= 120, pipeline);
  }
});

Deno.test("product code has no any, no double assertion, no barrel, no empty catch, no unfinished note", () => {
  const smells: [name: string, pattern: RegExp][] = [
    ["any", /(?::\s*any\s*(?:[,;)=|&\]>}]|$)|<any>|\bas any\b)/m],
    ["as unknown as", /as unknown as/],
    ["export *", /^export \*/m],
    ["default export", /^export default/m],
    ["enum", /^(?:export )?(?:const )?enum /m],
    ["empty catch", /catch\s*(?:\([^)]*\))?\s*\{\s*\}/],
    ["unfinished", new RegExp(["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|"))],
  ];
  const found = PRODUCT.flatMap((file) => {
    const source = withoutComments(file);
    return smells.filter(([, pattern]) => pattern.test(source)).map(([name]) => `${file}: ${name}`);
  });
  assert.deepEqual(found, []);
});

function withoutComments(file: string): string {
  const source = Deno.readTextFileSync(join(ROOT, file));
  return source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/[^\n]*/g, "$1");
}
