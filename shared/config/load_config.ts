import { dirname, resolve } from "node:path";
import { isMap, isScalar } from "yaml";
import type { z } from "zod";
import type { Incomplete } from "./camel_case.ts";
import { ConfigError, type ConfigProblem } from "./config_problem.ts";
import { checkCore } from "./core_checks.ts";
import { CORE_SCHEMA, type CoreConfig } from "./core_schema.ts";
import { checkEdge } from "./edge_checks.ts";
import { EDGE_SCHEMA, type EdgeConfig } from "./edge_schema.ts";
import { shapeOf } from "./option.ts";
import { OptionReader } from "./option_reader.ts";
import { readBoundedFile } from "./read_bounded_file.ts";
import { MAX_FILE_BYTES, YamlDocument } from "./yaml_document.ts";

export type NodeConfig = EdgeConfig | CoreConfig;

export interface LoadOptions {
  /** Where `${NAME}` is looked up. @default the process's environment */
  environment?(name: string): string | undefined;
  /** For the validity of certificates. @default the wall clock */
  now?: Date;
}

/**
 * Reads and checks the configuration of a node; `config.node` tells which.
 * Paths of files come back absolute, taken from the folder of `file`.
 * @throws {ConfigError} with every problem that the file has
 */
export function loadConfig(file: string, options: LoadOptions = {}): Promise<NodeConfig> {
  return Promise.try(readConfig, file, options);
}

/** As {@linkcode loadConfig}, for a file that must be an edge's. */
export async function loadEdgeConfig(file: string, options?: LoadOptions): Promise<EdgeConfig> {
  const config = await loadConfig(file, options);
  if (config.node === "edge") return config;
  throw new ConfigError(file, [wholeFile("the file is for a core; this is an edge")]);
}

/** As {@linkcode loadConfig}, for a file that must be a core's. */
export async function loadCoreConfig(file: string, options?: LoadOptions): Promise<CoreConfig> {
  const config = await loadConfig(file, options);
  if (config.node === "core") return config;
  throw new ConfigError(file, [wholeFile("the file is for an edge; this is a core")]);
}

function readConfig(file: string, options: LoadOptions): NodeConfig {
  const content = readBoundedFile(file, { maxBytes: MAX_FILE_BYTES });
  if ("wrong" in content) throw new ConfigError(file, [wholeFile(`the file ${content.wrong}`)]);
  const document = YamlDocument.parse(content.bytes);
  if (!(document instanceof YamlDocument)) throw new ConfigError(file, document);
  const reader = new OptionReader(document, {
    folder: dirname(resolve(file)),
    environment: options.environment ?? ((name) => Deno.env.get(name)),
  });
  const config = read(reader, nodeKind(document), options.now ?? new Date());
  if (reader.problems.length > 0) throw new ConfigError(file, reader.problems);
  return config as NodeConfig;
}

function read(reader: OptionReader, kind: "edge" | "core", now: Date): unknown {
  if (kind === "edge") {
    const config = reader.readRoot(EDGE_SCHEMA);
    checkEdge((config ?? {}) as Incomplete<EdgeConfig>, { now }, reader);
    return config;
  }
  const config = reader.readRoot(CORE_SCHEMA);
  checkCore((config ?? {}) as Incomplete<CoreConfig>, { now }, reader);
  return config;
}

/** What `node` says; where that is wrong, the kind whose options the file looks like, so that the rest is checked, too. */
function nodeKind(document: YamlDocument): "edge" | "core" {
  const { root } = document;
  if (!isMap(root)) return "edge";
  const node: unknown = root.get("node");
  if (node === "edge" || node === "core") return node;
  const keys = root.items.map(({ key }) => isScalar(key) ? String(key.value) : "");
  return countKnown(keys, CORE_SCHEMA) > countKnown(keys, EDGE_SCHEMA) ? "core" : "edge";
}

function countKnown(keys: readonly string[], schema: z.ZodType): number {
  const shape = shapeOf(schema);
  return shape.kind === "section" ? keys.filter((key) => Object.hasOwn(shape.options, key)).length : 0;
}

function wholeFile(message: string): ConfigProblem {
  return { line: 1, column: 1, path: "", message, found: null, allowed: null };
}
