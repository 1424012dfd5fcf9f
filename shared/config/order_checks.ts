import type { ProblemSink } from "./key_file_checks.ts";

interface NumberAt {
  /** The option's path. */
  readonly path: string;
  /** Undefined if the option itself has a problem. */
  readonly value: number | undefined;
}

/** Reports `upper` unless it is above `lower`, or as large where that will do. */
export function checkAbove(
  upper: NumberAt,
  lower: NumberAt & { mayBeEqual?: boolean },
  sink: ProblemSink,
): void {
  if (upper.value === undefined || lower.value === undefined) return;
  if (upper.value > lower.value || lower.mayBeEqual === true && upper.value === lower.value) return;
  const relation = lower.mayBeEqual === true ? "at least" : "more than";
  sink.report(upper.path, `is too small beside ${lower.path}`, {
    found: String(upper.value),
    allowed: `${relation} ${lower.value} (${lower.path})`,
  });
}
