/**
 * The text of a configuration file as a YAML tree whose nodes know where they stand.
 *
 * The tree is never turned into plain values as a whole: readers walk it along a schema, so what aliases could blow
 * up is bounded by the schema and by {@linkcode MAX_ALIASES}.
 */
import {
  type Document,
  isAlias,
  isScalar,
  LineCounter,
  type ParsedNode,
  parseDocument,
  type YAMLError,
} from "yaml";
import type { ConfigProblem } from "./config_problem.ts";

export const MAX_FILE_BYTES = 1024 * 1024;
/** Times that one file may repeat an anchored node. */
const MAX_ALIASES = 100;
const MAX_SYNTAX_PROBLEMS = 20;

export interface Position {
  readonly line: number;
  readonly column: number;
}

export class YamlDocument {
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  #aliases = 0;

  private constructor(document: Document.Parsed, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  /** The tree, or what keeps the bytes from being one YAML document. */
  static parse(bytes: Uint8Array): YamlDocument | ConfigProblem[] {
    const text = decodeText(bytes);
    if (typeof text !== "string") {
      return [{ ...text, path: "", message: "is not UTF-8 text", found: null, allowed: null }];
    }
    const lines = new LineCounter();
    // Duplicate keys are found by the reader: the parser's own search takes quadratic time.
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      schema: "core",
      version: "1.2",
    });
    const parsed = new YamlDocument(document, lines);
    const problems = parsed.#syntaxProblems([...document.errors, ...document.warnings]);
    return problems.length > 0 ? problems : parsed;
  }

  /** Null for a file that holds nothing but comments. */
  get root(): ParsedNode | null {
    const { contents } = this.#document;
    if (contents === null || isScalar(contents) && contents.value === null) return null;
    return contents;
  }

  /** The node that an alias stands for; a text if it stands for none or there are too many. */
  resolve(node: ParsedNode): ParsedNode | string {
    if (!isAlias(node)) return node;
    this.#aliases++;
    if (this.#aliases > MAX_ALIASES) return `is one alias too many: a file may have ${MAX_ALIASES}`;
    const target = node.resolve(this.#document) as ParsedNode | undefined;
    if (target === undefined) return `stands for the anchor &${node.source}, which is not set before it`;
    return isAlias(target) ? "stands for another alias" : target;
  }

  positionOf(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #syntaxProblems(errors: readonly YAMLError[]): ConfigProblem[] {
    // When the parser runs out of stack, what it says besides comes of that.
    const exhaustion = errors.find((error) => error.code === "RESOURCE_EXHAUSTION");
    const shown = exhaustion === undefined ? errors.slice(0, MAX_SYNTAX_PROBLEMS) : [exhaustion];
    return shown.map((error) => ({
      ...this.positionOf(error.pos[0]),
      path: "",
      message: error === exhaustion ? "YAML nested too deeply" : `is not YAML: ${messageOf(error)}`,
      found: null,
      allowed: null,
    }));
  }
}

function messageOf(error: YAMLError): string {
  // What follows a colon may be a piece of the file, and so of a secret.
  const said = error.message.replace(/\b: .*$/s, "");
  switch (error.code) {
    case "MULTIPLE_DOCS":
      return "there is more than one document in the file";
    case "BLOCK_AS_IMPLICIT_KEY":
      return "there are two keys on one line; a text with ': ' needs quotes";
    case "UNEXPECTED_TOKEN":
      return `${said}; a text that begins with '[' or '{', as an IPv6 address does, needs quotes`;
    case "BAD_DQ_ESCAPE":
      return "there is an unknown escape sequence in double quotes";
    default:
      return said;
  }
}

/** The text, or where it stops being UTF-8. */
function decodeText(bytes: Uint8Array): string | Position {
  const text = decodeUtf8(bytes);
  if (text !== null) return text;
  let line = 1;
  let start = 0;
  while (start <= bytes.length) {
    const lineEnd = bytes.indexOf(0x0a, start);
    const end = lineEnd < 0 ? bytes.length : lineEnd;
    if (decodeUtf8(bytes.subarray(start, end)) === null) {
      return { line, column: columnOfBadByte(bytes.subarray(start, end)) };
    }
    start = end + 1;
    line++;
  }
  return { line: 1, column: 1 };
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function columnOfBadByte(line: Uint8Array): number {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let column = 1;
  for (let index = 0; index < line.length; index++) {
    try {
      column += decoder.decode(line.subarray(index, index + 1), { stream: true }).length;
    } catch (error) {
      if (error instanceof TypeError) break;
      throw error;
    }
  }
  return column;
}
