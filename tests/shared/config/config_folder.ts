import assert from "node:assert/strict";
import { join } from "node:path";
import { PAIR_FILES, writePair } from "../../../deploy/write_pair.ts";
import { ConfigError, type ConfigProblem } from "../../../shared/config/config_problem.ts";
import { loadConfig, type LoadOptions, type NodeConfig } from "../../../shared/config/load_config.ts";

/** A temporary folder with all the files that the example configurations name. */
export class ConfigFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<ConfigFolder> {
    const path = await Deno.makeTempDir();
    await writePair({
      directory: path,
      edgeAddress: { hostname: "localhost", port: 8443 },
      tunnelAddress: { hostname: "localhost", port: 7443 },
      origins: [new URL("http://localhost:8000")],
    });
    return new ConfigFolder(path);
  }

  file(name: keyof typeof PAIR_FILES): string {
    return join(this.path, PAIR_FILES[name]);
  }

  async write(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.path, name);
    await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
    return path;
  }

  async load(content: string | Uint8Array, options?: LoadOptions): Promise<NodeConfig> {
    return await loadConfig(await this.write("test.yaml", content), options);
  }

  /** The problems of a file with this content; none if it is valid. */
  async problems(content: string | Uint8Array, options?: LoadOptions): Promise<readonly ConfigProblem[]> {
    try {
      await this.load(content, options);
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** The example file of a kind of node, with pieces replaced; each must be there. */
export function example(node: "edge" | "core", replacements: Readonly<Record<string, string>> = {}): string {
  let text = Deno.readTextFileSync(new URL(`../../../deploy/examples/${node}.yaml`, import.meta.url));
  for (const [from, to] of Object.entries(replacements)) {
    assert.ok(text.includes(from), `the example has no ${from}`);
    text = text.replace(from, () => to);
  }
  return text;
}

/** The line of the first occurrence of `piece`, from 1. */
export function lineOf(text: string, piece: string): number {
  const offset = text.indexOf(piece);
  assert.ok(offset >= 0, `the text has no ${piece}`);
  return text.slice(0, offset).split("\n").length;
}
