/** The imports of the tree, read from the sources. */
import { dirname, join, relative, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname ?? ".", "../..");
const FOLDERS = ["edge", "core", "shared", "deploy", "bench", "tests"] as const;

/** Every source file, as a path from the root. */
export function sourceFiles(): string[] {
  return FOLDERS.flatMap((folder) => filesIn(join(ROOT, folder))).map((file) => relative(ROOT, file)).sort();
}

/** Files that `file` imports, from the root; what comes from packages stays as it is written. */
export function importsOf(file: string): string[] {
  const source = Deno.readTextFileSync(join(ROOT, file));
  const specifiers = source.matchAll(/^(?:import|export)\s(?:[^"';]*?\sfrom\s)?\s*"([^"]+)"/gms);
  return Array.from(
    specifiers,
    ([, specifier = ""]) =>
      specifier.startsWith(".") ? relative(ROOT, resolve(ROOT, dirname(file), specifier)) : specifier,
  );
}

/** A cycle of imports, as its files in order; null if there is none. Type-only imports count too. */
export function findCycle(files: readonly string[]): string[] | null {
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | null => {
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    if (finished.has(file) || !files.includes(file)) return null;
    path.push(file);
    for (const imported of importsOf(file)) {
      const cycle = visit(imported);
      if (cycle !== null) return cycle;
    }
    path.pop();
    finished.add(file);
    return null;
  };
  for (const file of files) {
    const cycle = visit(file);
    if (cycle !== null) return cycle;
  }
  return null;
}

function filesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder)).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory) return filesIn(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}
