/** `${NAME}` and `${file:PATH}` in the texts of a configuration: where secrets come from. */
import { resolve } from "node:path";
import { readBoundedFile } from "./read_bounded_file.ts";

const MAX_FILE_BYTES = 64 * 1024;
const REFERENCE = /\$(\$?)\{([^}]*)(\}?)/g;

/** Where references are looked up. */
export interface ReferenceSource {
  /** The folder that relative paths start from. */
  readonly folder: string;
  /** An environment variable; undefined: not set. */
  environment(name: string): string | undefined;
}

/** The text with its references filled in, or what is wrong with one of them; never says what a reference held. */
export type Expansion = { readonly text: string } | { readonly wrong: string; readonly allowed: string };

/**
 * Fills in `${NAME}` from the environment and `${file:PATH}` from a file, whose last line end is left out.
 * `$${` stands for `${`. What comes in is not looked at again, so a secret may hold any text.
 */
export function expandReferences(text: string, source: ReferenceSource): Expansion {
  const wrongs: string[] = [];
  const expanded = text.replace(REFERENCE, (match, escape: string, name: string, end: string) => {
    if (escape !== "") return match.slice(1);
    const found = end === "" ? { wrong: "has a '${' without '}'" } : lookUp(name, source);
    if ("text" in found) return found.text;
    wrongs.push(found.wrong);
    return "";
  });
  const allowed =
    "${NAME} for an environment variable, ${file:PATH} for a file's content, $${ for '${' itself";
  return wrongs.length > 0 ? { wrong: wrongs.join("; "), allowed } : { text: expanded };
}

function lookUp(name: string, source: ReferenceSource): { text: string } | { wrong: string } {
  if (name.startsWith("file:")) return readReferencedFile(name.slice("file:".length), source);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return { wrong: "has a reference that is neither ${NAME} nor ${file:PATH}" };
  }
  try {
    const text = source.environment(name);
    return text === undefined
      ? { wrong: `needs the environment variable ${name}, which is not set` }
      : { text };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    return {
      wrong: `needs the environment variable ${name}, which this process may not read (see --allow-env)`,
    };
  }
}

function readReferencedFile(path: string, source: ReferenceSource): { text: string } | { wrong: string } {
  if (path === "" || path.includes("\0")) return { wrong: "has a ${file:…} without a path" };
  const content = readBoundedFile(resolve(source.folder, path), { maxBytes: MAX_FILE_BYTES });
  if ("wrong" in content) return { wrong: `needs the file ${path}, which ${content.wrong}` };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(content.bytes).replace(/\r?\n$/, "") };
  } catch (error) {
    if (error instanceof TypeError) return { wrong: `needs the file ${path}, which is not UTF-8 text` };
    throw error;
  }
}
