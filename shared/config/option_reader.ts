/**
 * Walks a schema and the tree of a file side by side.
 *
 * zod alone would stop at plain values: it knows neither lines nor what the file spelled, and gives up on a section
 * with one bad value, so that checks between options would have to wait for the next run. Here every option is read
 * by itself; what does not hold is missing in the result and has its problem, and everything else is there.
 *
 * Invariant: with no problem, the result is what the schema's own `parse` would give, with keys in camel case.
 */
import { isMap, isScalar, isSeq, type ParsedNode, type YAMLMap } from "yaml";
import { resolve } from "node:path";
import type { z } from "zod";
import { camelCase } from "./camel_case.ts";
import { closestName } from "./closest_name.ts";
import type { ConfigProblem } from "./config_problem.ts";
import { expandReferences, type ReferenceSource } from "./expand_references.ts";
import { describeFound, looksSecret } from "./found_value.ts";
import { defaultOf, metaOf, type OptionMeta, shapeOf } from "./option.ts";
import type { YamlDocument } from "./yaml_document.ts";

/** Problems that are kept; a file of garbage has no more to say. */
const MAX_PROBLEMS = 1000;

/** Where an option stands, for problems that are found later. */
interface Place {
  readonly offset: number;
  readonly found: string | null;
}

/** An option in the file. */
interface GivenOption {
  readonly value: ParsedNode;
  readonly keyOffset: number;
}

export interface ProblemDetails {
  readonly found?: string | null;
  readonly allowed?: string | null;
}

export class OptionReader {
  readonly #document: YamlDocument;
  readonly #references: ReferenceSource;
  readonly #problems: { offset: number; problem: ConfigProblem }[] = [];
  readonly #places = new Map<string, Place>();

  constructor(document: YamlDocument, references: ReferenceSource) {
    this.#document = document;
    this.#references = references;
  }

  /** In the order of the file. */
  get problems(): ConfigProblem[] {
    return this.#problems.toSorted((left, right) => left.offset - right.offset).map(({ problem }) => problem);
  }

  /** Reads the whole file; what did not hold is undefined in the result. */
  readRoot(schema: z.ZodType): unknown {
    const { root } = this.#document;
    if (root === null) {
      this.#addAt(0, "", { message: "the file is empty", allowed: metaOf(schema).allowed });
      return undefined;
    }
    return this.#read(schema, { value: root, keyOffset: root.range[0] }, "");
  }

  /** Reports a problem between options, at the option itself or, if the file leaves it out, where it would stand. */
  report(path: string, message: string, details: ProblemDetails = {}): void {
    const place = this.#nearestPlace(path);
    const found = details.found === undefined ? this.#places.get(path)?.found ?? null : details.found;
    this.#addAt(place?.offset ?? 0, path, { message, found, allowed: details.allowed ?? null });
  }

  /** The line where an option stands, or would stand. */
  lineOf(path: string): number {
    return this.#document.positionOf(this.#nearestPlace(path)?.offset ?? 0).line;
  }

  #nearestPlace(path: string): Place | undefined {
    for (let nearest = path;; nearest = nearest.replace(/(?:^|\.)[^.[\]]*$|\[\d+\]$/, "")) {
      const place = this.#places.get(nearest);
      if (place !== undefined || nearest === "") return place;
    }
  }

  #read(schema: z.ZodType, { value, keyOffset }: GivenOption, path: string): unknown {
    const node = this.#document.resolve(value);
    // A block begins in the line after its key, which is what a reader looks for.
    const isBlock = (isMap(value) || isSeq(value)) && value.flow !== true;
    const offset = isBlock ? keyOffset : value.range[0];
    if (typeof node === "string") return void this.#addAt(offset, path, { message: node });
    const meta = metaOf(schema);
    const isSecret = meta.isSecret ?? false;
    this.#places.set(path, { offset, found: describeFound(node, { isSecret }) });
    if (isScalar(node) && node.value === null) {
      return this.report(path, "has no value", { found: null, allowed: meta.allowed });
    }
    const shape = shapeOf(schema);
    if (shape.kind === "section") {
      if (isMap(node)) return this.#readSection(shape.options, node, path);
      return this.report(path, "is not a section", { allowed: meta.allowed });
    }
    if (shape.kind === "list") {
      if (isSeq(node)) {
        return this.#readList(shape.element, { meta, items: node.items as ParsedNode[], path });
      }
      return this.report(path, "is not a list", { allowed: meta.allowed });
    }
    return this.#readValue(schema, { meta, node, path });
  }

  #readSection(
    options: Readonly<Record<string, z.ZodType>>,
    node: YAMLMap.Parsed | null,
    path: string,
  ): Record<string, unknown> {
    const given = node === null ? new Map<string, GivenOption>() : this.#givenOptions(options, node, path);
    const result: Record<string, unknown> = {};
    for (const [key, schema] of Object.entries(options)) {
      const childPath = path === "" ? key : `${path}.${key}`;
      const child = given.get(key);
      result[camelCase(key)] = child === undefined
        ? this.#readMissing(schema, childPath)
        : this.#read(schema, child, childPath);
    }
    return result;
  }

  #readMissing(schema: z.ZodType, path: string): unknown {
    const shape = shapeOf(schema);
    const fallback = defaultOf(schema);
    if (fallback === undefined) {
      return this.report(path, "is missing", { found: null, allowed: metaOf(schema).allowed });
    }
    // The default of a section is made of its options' defaults, whose keys are to be in camel case, too.
    return shape.kind === "section" && fallback.value !== null
      ? this.#readSection(shape.options, null, path)
      : fallback.value;
  }

  #givenOptions(
    options: Readonly<Record<string, z.ZodType>>,
    node: YAMLMap.Parsed,
    path: string,
  ): Map<string, GivenOption> {
    const names = Object.keys(options);
    const given = new Map<string, GivenOption>();
    const unknown = new Set<string>();
    for (const { key, value } of node.items) {
      const offset = key?.range?.[0] ?? node.range[0];
      const name = isScalar(key) ? String(key.value) : null;
      if (name === null || !names.includes(name)) {
        if (name === null || !unknown.has(name)) this.#addUnknown(name, names, { path, offset });
        if (name !== null) unknown.add(name);
        continue;
      }
      const childPath = path === "" ? name : `${path}.${name}`;
      const first = given.get(name);
      if (first !== undefined) {
        const { line } = this.#document.positionOf(first.keyOffset);
        this.#addAt(offset, childPath, { message: `is given twice, first in line ${line}` });
      } else if (value === null) {
        this.#addAt(offset, childPath, { message: "has no value" });
      } else {
        given.set(name, { value, keyOffset: offset });
      }
    }
    return given;
  }

  #addUnknown(name: string | null, names: readonly string[], at: { path: string; offset: number }): void {
    const subject = name === null || looksSecret(name)
      ? "a key that is not the name of an option"
      : `the unknown option ${JSON.stringify(name.slice(0, 64))}`;
    const closest = name === null ? null : closestName(name, names.filter((other) => other !== name));
    const hint = closest === null ? "" : `; did you mean ${closest}?`;
    const message = `${at.path === "" ? "the file " : ""}has ${subject}${hint}`;
    this.#addAt(at.offset, at.path, { message, allowed: names.join(", ") });
  }

  #readList(
    element: z.ZodType,
    list: { meta: OptionMeta; items: readonly ParsedNode[]; path: string },
  ): unknown[] {
    const { min, max, uniqueBy } = list.meta.list ?? { min: 0, max: 0, uniqueBy: [] };
    const { items, path } = list;
    if (items.length < min || items.length > max) {
      const number = min === max ? `exactly ${min}` : `${min} to ${max}`;
      this.report(path, `has ${items.length} items`, { allowed: `${number} of them` });
    }
    const values = items.slice(0, max).map((item, index) =>
      this.#read(element, { value: item, keyOffset: item.range[0] }, `${path}[${index}]`)
    );
    for (const key of uniqueBy) this.#checkUnique(values, key, path);
    return values;
  }

  #checkUnique(values: readonly unknown[], key: string, path: string): void {
    const firstPaths = new Map<string, string>();
    values.forEach((value, index) => {
      const keyed = (value as Record<string, unknown> | undefined)?.[camelCase(key)];
      if (keyed === undefined || keyed === null) return;
      const ownPath = `${path}[${index}].${key}`;
      const firstPath = firstPaths.get(String(keyed));
      if (firstPath === undefined) firstPaths.set(String(keyed), ownPath);
      else {this.report(ownPath, `is the same as in line ${this.lineOf(firstPath)}`, {
          allowed: "each one once",
        });}
    });
  }

  #readValue(
    schema: z.ZodType,
    { meta, node, path }: { meta: OptionMeta; node: ParsedNode; path: string },
  ): unknown {
    if (!isScalar(node)) return this.report(path, "is not a single value", { allowed: meta.allowed });
    let value: unknown = node.value;
    if (typeof value === "string" && value.includes("${")) {
      const expansion = expandReferences(value, this.#references);
      if ("wrong" in expansion) return this.report(path, expansion.wrong, { allowed: expansion.allowed });
      value = expansion.text;
    }
    const result = schema.safeParse(value);
    if (!result.success) return this.report(path, whyRefused(result.error, value), { allowed: meta.allowed });
    return meta.isFile === true && typeof result.data === "string"
      ? resolve(this.#references.folder, result.data)
      : result.data;
  }

  #addAt(offset: number, path: string, problem: { message: string } & ProblemDetails): void {
    if (this.#problems.length >= MAX_PROBLEMS) return;
    const { message, found = null, allowed = null } = problem;
    this.#problems.push({
      offset,
      problem: { ...this.#document.positionOf(offset), path, message, found, allowed },
    });
  }
}

function whyRefused(error: z.ZodError, value: unknown): string {
  const issue = error.issues[0];
  if (issue?.code === "custom") return issue.message;
  const expectsText = issue?.code === "invalid_type" && issue.expected === "string";
  if (expectsText && typeof value !== "string") return "is not a text; put it in quotes";
  return "is not allowed";
}
