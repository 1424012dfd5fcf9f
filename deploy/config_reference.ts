/** Writes the configuration's reference page and the example files from the schemas; `deno task docs` runs it. */
import { stringify } from "yaml";
import type { z } from "zod";
import { CORE_SCHEMA } from "../shared/config/core_schema.ts";
import { EDGE_SCHEMA } from "../shared/config/edge_schema.ts";
import { metaOf, type OptionMeta, shapeOf } from "../shared/config/option.ts";

const COMMENT_WIDTH = 100;
const SCHEMAS = { edge: EDGE_SCHEMA, core: CORE_SCHEMA } as const;

/** The generated files: path from the root of the repository → content. */
export function generatedFiles(): Map<string, string> {
  return new Map([
    ["deploy/docs/configuration.md", referencePage()],
    ["deploy/examples/edge.yaml", exampleFile("edge")],
    ["deploy/examples/core.yaml", exampleFile("core")],
  ]);
}

/** A file with every option, each with its meaning and its default, or an example where it has none. */
export function exampleFile(node: "edge" | "core"): string {
  const head = [
    `# Every option of ${node === "edge" ? "an edge" : "a core"}, with its default where it has one.`,
    "# An option behind a '#' without a space is off unless given.",
    "# Made from the schema by `deno task docs`; `deploy/docs/configuration.md` says what is allowed.",
    "",
  ];
  const blocks = optionsOf(SCHEMAS[node]).map(([key, option]) =>
    key === "node" ? [...comment(metaOf(option).doc), `node: ${node}`] : optionLines(key, option)
  );
  return [...head, ...blocks.map((lines) => `${lines.join("\n")}\n`)].join("\n");
}

function optionsOf(schema: z.ZodType): [string, z.ZodType][] {
  const shape = shapeOf(schema);
  return shape.kind === "section" ? Object.entries(shape.options) : [];
}

/** An option that is off stands in the file as comments; all under it is off with it. */
function optionLines(key: string, schema: z.ZodType, isInsideOff = false): string[] {
  const isOff = !isInsideOff && isOffByDefault(schema);
  const shape = shapeOf(schema);
  const innerLines = (inner: z.ZodType) =>
    optionsOf(inner).flatMap(([name, option]) => optionLines(name, option, isInsideOff || isOff));
  const body = shape.kind === "section"
    ? [`${key}:`, ...innerLines(schema).map((line) => `  ${line}`)]
    : shape.kind === "list" && shapeOf(shape.element).kind === "section"
    ? [`${key}:`, ...listItem(innerLines(shape.element))]
    : [`${key}: ${spell(exampleOf(schema, key))}`];
  return [...comment(metaOf(schema).doc), ...(isOff ? body.map((line) => `#${line}`) : body)];
}

function isOffByDefault(schema: z.ZodType): boolean {
  const options = optionsOf(schema);
  const meta = metaOf(schema);
  return meta.default === null && meta.isUsual !== true ||
    options.length > 0 && options.every(([_, option]) => isOffByDefault(option));
}

function exampleOf(schema: z.ZodType, key: string): unknown {
  const meta = metaOf(schema);
  const shape = shapeOf(schema);
  if (meta.default !== undefined && meta.default !== null) return meta.default;
  if (meta.example !== undefined) return meta.example;
  if (shape.kind === "list") return [metaOf(shape.element).example];
  throw new TypeError(`the option ${key} has neither default nor example`);
}

function spell(value: unknown): string {
  return stringify(value, { collectionStyle: "flow", lineWidth: 0, flowCollectionPadding: false }).trim();
}

function listItem(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => !line.startsWith("#"));
  return lines.map((line, index) =>
    index < first ? `  ${line}` : index === first ? `  - ${line}` : `    ${line}`
  );
}

function comment(text: string): string[] {
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(" ")) {
    if (line.length + word.length + 1 > COMMENT_WIDTH) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

function referencePage(): string {
  const edge = ["## Options of an edge", ...tables(EDGE_SCHEMA)];
  const core = ["## Options of a core", ...tables(CORE_SCHEMA)];
  return `${[INTRODUCTION.trimEnd(), ...edge, ...core].join("\n\n")}\n`;
}

/** Headings, texts and tables, one table for each section, outer ones first. */
function tables(schema: z.ZodType, path = ""): string[] {
  const options = optionsOf(schema);
  if (options.length === 0) return [];
  const heading = path === "" ? [] : [`### \`${path}\``, metaOf(schema).doc];
  const rows = options.map(([key, option]) => tableRow(key, option));
  const table = alignedTable([["option", "allowed", "default", "reload", "meaning"], ...rows]);
  const inner = options.flatMap(([key, option]) => {
    const innerPath = path === "" ? key : `${path}.${key}`;
    const shape = shapeOf(option);
    return shape.kind === "list" ? tables(shape.element, `${innerPath}[]`) : tables(option, innerPath);
  });
  return [...heading, table, ...inner];
}

/** A table as `deno fmt` would write it. */
function alignedTable(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  );
  lines.splice(1, 0, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`);
  return lines.join("\n");
}

function tableRow(key: string, schema: z.ZodType): string[] {
  const meta = metaOf(schema);
  const cells = [
    `\`${key}\``,
    allowedCell(schema, meta),
    defaultCell(schema, meta),
    reloadCell(schema, meta),
    meta.doc,
  ];
  return cells.map((cell) =>
    cell.replace(/[|*]|'_'/g, (special) => special === "'_'" ? "`_`" : `\\${special}`)
  );
}

function allowedCell(schema: z.ZodType, meta: OptionMeta): string {
  const shape = shapeOf(schema);
  if (shape.kind === "section") return "a section, see below";
  if (shape.kind === "list" && shapeOf(shape.element).kind === "section") {
    const { min, max } = meta.list ?? { min: 0, max: 0 };
    return `a list of ${min === max ? `exactly ${min}` : `${min} to ${max}`}, see below`;
  }
  return meta.unit === undefined || meta.unit === "ms" ? meta.allowed : `${meta.allowed} (${meta.unit})`;
}

function defaultCell(schema: z.ZodType, meta: OptionMeta): string {
  if (meta.default === null) return "none";
  if (meta.default !== undefined) return `\`${spell(meta.default)}\``;
  return shapeOf(schema).kind === "section" && schema.safeParse(undefined).success
    ? "its options' own"
    : "(must be given)";
}

function reloadCell(schema: z.ZodType, meta: OptionMeta): string {
  return shapeOf(schema).kind === "section" ? "" : meta.reloadable ? "yes" : "no";
}

const INTRODUCTION = `# Configuration

<!-- Made from the schema by \`deno task docs\`: change shared/config, not this page. -->

Each node reads one YAML file: \`deno task edge --config edge.yaml\`, \`deno task core --config core.yaml\`. A
node does not start with a file that has a problem. \`deno task check --config FILE\` lists all problems of a
file at once, each with its line, the value found and what is allowed, and ends with 1 if there is one.
\`deno task init\` writes a pair of files that fit each other; \`deploy/examples\` has files with every option.

- Unknown options, options given twice and empty options are problems, not ignored.
- A text may hold \`\${NAME}\`, an environment variable, or \`\${file:PATH}\`, the content of a file without its
  last line end; \`$\${\` stands for \`\${\`. So secrets need not be in the file, and they are never printed.
- Paths are taken from the folder of the configuration file.
- Times are in milliseconds and sizes in bytes, as the names say.
- An IPv6 address needs quotes: \`"[::]:443"\`.
- A file has at most 1 MiB and is UTF-8; anchors and aliases work, up to 100 aliases.
- "reload" says which options a running node could take anew, since no open socket hangs on them. Nodes read
  their file when they start.

What must hold between options is checked, too: listen addresses do not clash; certificates are valid now and
belong to their keys; a route names an origin that is there, and is not hidden behind one that takes all;
bounds that come in pairs are in order; no name, key or URL is listed twice where it must be unique.
`;

if (import.meta.main) {
  const root = new URL("../", import.meta.url);
  for (const [path, content] of generatedFiles()) Deno.writeTextFileSync(new URL(path, root), content);
}
