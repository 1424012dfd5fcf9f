/** One thing that is wrong with a configuration file. */
export interface ConfigProblem {
  /** From 1; 1 where the problem is with the file as a whole. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  /** Where in the tree, as in `tunnel.cores[0].address`; empty: the file as a whole. */
  readonly path: string;
  /** What is wrong, without the value. */
  readonly message: string;
  /** The value as the file spells it, before `${…}` is filled in; secrets are masked; null: none to show. */
  readonly found: string | null;
  /** What may stand there; null where the message says it all. */
  readonly allowed: string | null;
}

/** Most problems that are printed; the rest is counted. */
const MAX_PRINTED = 100;

/** Everything that is wrong with one configuration file, in the order of its lines. */
export class ConfigError extends Error {
  override name = "ConfigError";
  readonly file: string;
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    super(formatProblems(file, problems));
    this.file = file;
    this.problems = problems;
  }
}

/** Problems as text, each headed by `file:line:column`, which editors and terminals make a link of. */
export function formatProblems(file: string, problems: readonly ConfigProblem[]): string {
  const lines: string[] = [];
  for (const problem of problems.slice(0, MAX_PRINTED)) {
    const subject = problem.path === "" ? "" : `${problem.path} `;
    lines.push(`${file}:${problem.line}:${problem.column}: ${subject}${problem.message}`);
    if (problem.found !== null) lines.push(`    found:   ${problem.found}`);
    if (problem.allowed !== null) lines.push(`    allowed: ${problem.allowed}`);
  }
  if (problems.length > MAX_PRINTED) lines.push(`… and ${problems.length - MAX_PRINTED} more`);
  return lines.join("\n");
}
