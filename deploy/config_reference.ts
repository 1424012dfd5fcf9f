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
    "# Lines that begin with '#-' are options that are off unless given.",
    "# Made from the schema by `deno task docs`; `deploy/docs/configuration.md` says what is allowed.",
    "",
  ];
  return [...head, ...sectionLines(SCHEMAS[node]), ""].join("\n");
}

function sectionLines(schema: z.ZodType): string[] {
  const shape = shapeOf(schema);
  if (shape.kind !== "section") return [];
  return Object.entries(shape.options).flatMap(([key, option]) => optionLines(key, option));
}

function optionLines(key: string, schema: z.ZodType): string[] {
  const meta = metaOf(schema);
  const shape = shapeOf(schema);
  const isOff = meta.default === null;
  const body = shape.kind === "section"
    ? [`${key}:`, ...indent(sectionLines(schema))]
    : shape.kind === "list" && shapeOf(shape.element).kind === "section"
    ? [`${key}:`, ...listItem(sectionLines(shape.element))]
    : [`${key}: ${spell(exampleOf(schema, key))}`];
  return [...comment(meta.doc), ...(isOff ? body.map(switchOff) : body)];
}

function exampleOf(schema: z.ZodType, key: string): unknown {
  const meta = metaOf(schema);
  const shape = shapeOf(schema);
  if (meta.default !== undefined && meta.default !== null) return meta.default;
  if (meta.example !== undefined) return meta.example;
  if (shape.kind === "list") return [metaOf(shape.element).example];
  if (key === "node") return meta.allowed;
  throw new TypeError(`the option ${key} has neither default nor example`);
}

function spell(value: unknown): string {
  return stringify(value, { collectionStyle: "flow", lineWidth: 0, flowCollectionPadding: false }).trim();
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function listItem(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => !line.startsWith("#"));
  return lines.map((line, index) =>
    index < first ? `  ${line}` : index === first ? `  - ${line}` : `    ${line}`
  );
}

function switchOff(line: string): string {
  const trimmed = line.trimStart();
  return trimmed.startsWith("#") ? line : `${line.slice(0, line.length - trimmed.length)}#- ${trimmed}`;
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
  return `${INTRODUCTION}
## Options of an edge

${tables(EDGE_SCHEMA)}
## Options of a core

${tables(CORE_SCHEMA)}`;
}

/** One table for each section, outer ones first. */
function tables(schema: z.ZodType, path = ""): string {
  const shape = shapeOf(schema);
  if (shape.kind !== "section") return "";
  const heading = path === "" ? "" : `### \`${path}\`\n\n${metaOf(schema).doc}\n\n`;
  const rows = Object.entries(shape.options).map(([key, option]) => tableRow(key, option));
  const table = ["| option | allowed | default | reload | meaning |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
  const inner = Object.entries(shape.options).map(([key, option]) =>
    innerTables(path === "" ? key : `${path}.${key}`, option)
  );
  return `${heading}${table}\n\n${inner.join("")}`;
}

function innerTables(path: string, option: z.ZodType): string {
  const shape = shapeOf(option);
  if (shape.kind === "section") return tables(option, path);
  return shape.kind === "list" ? tables(shape.element, `${path}[]`) : "";
}

function tableRow(key: string, schema: z.ZodType): string {
  const meta = metaOf(schema);
  const cells = [
    `\`${key}\``,
    allowedCell(schema, meta),
    defaultCell(schema, meta),
    reloadCell(schema, meta),
    meta.doc,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
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
    : "**must be given**";
}

function reloadCell(schema: z.ZodType, meta: OptionMeta): string {
  return shapeOf(schema).kind === "section" ? "" : meta.reloadable ? "yes" : "no";
}

const INTRODUCTION = `# Configuration

<!-- Made from the schema by \`deno task docs\`: change shared/config, not this page. -->

Each node reads one YAML file: \`deno task edge --config edge.yaml\`, \`deno task core --config core.yaml\`. A node does
not start with a file that has a problem. \`deno task check --config FILE\` lists all problems of a file at once, each
with its line, the value found and what is allowed, and ends with 1 if there is one. \`deno task init\` writes a pair of
files that fit each other; \`deploy/examples\` has files with every option.

- Unknown options, options given twice and empty options are problems, not ignored.
- A text may hold \`\${NAME}\`, an environment variable, or \`\${file:PATH}\`, the content of a file without its last line
  end; \`$\${\` stands for \`\${\`. So secrets need not be in the file, and they are never printed.
- Paths are taken from the folder of the configuration file.
- Times are in milliseconds and sizes in bytes, as the names say.
- An IPv6 address needs quotes: \`"[::]:443"\`.
- A file has at most 1 MiB and is UTF-8; anchors and aliases work, up to 100 aliases.
- "reload" says which options hold no socket and no key of a connection, so that a new value could be taken by a running
  node. Nodes read their file when they start.

What must hold between options is checked, too: listen addresses do not clash; certificates are valid now and belong to
their keys; a route names an origin that is there, and is not hidden behind one that takes everything; bounds that come
in pairs are in order; no name, key or URL is listed twice where it must be unique.
`;

if (import.meta.main) {
  const root = new URL("../", import.meta.url);
  for (const [path, content] of generatedFiles()) Deno.writeTextFileSync(new URL(path, root), content);
}
