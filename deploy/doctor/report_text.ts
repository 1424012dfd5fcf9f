import type { Diagnosis } from "./diagnose_edge.ts";
import type { Finding } from "./finding.ts";
import type { Recommendation } from "./recommend.ts";

const VERDICT_WIDTH = 4;
const CHECK_WIDTH = 11;

/** The diagnosis for people: a block for each subject, advice under what needs some, recommendations at the end. */
export function reportText({ findings, recommendations, verdict }: Diagnosis): string {
  const subjects = [...new Set(findings.map(({ subject }) => subject))];
  const blocks = subjects.map((subject) =>
    [subject, ...findings.filter((finding) => finding.subject === subject).flatMap(findingLines)].join("\n")
  );
  return [...blocks, ...recommendations.map(recommendationText), lastLine(findings, verdict)].join("\n\n");
}

function findingLines({ verdict, check, text, advice }: Finding): string[] {
  const line = `  ${verdict.padEnd(VERDICT_WIDTH)}  ${check.padEnd(CHECK_WIDTH)}  ${text}`;
  const indent = " ".repeat(2 + VERDICT_WIDTH + 2 + CHECK_WIDTH + 2);
  return advice === null ? [line] : [line, `${indent}→ ${advice}`];
}

function recommendationText({ core, best, reason, order, redundancy }: Recommendation): string {
  const what = best === null ? "none" : `${best.transport} ${best.address}`;
  return [
    `advice for core ${core}`,
    `  best        ${what}: ${reason}`,
    `  order       ${order}`,
    `  redundancy  ${redundancy}`,
  ].join("\n");
}

function lastLine(findings: readonly Finding[], verdict: Diagnosis["verdict"]): string {
  const count = (wanted: Diagnosis["verdict"]) => findings.filter((one) => one.verdict === wanted).length;
  return `${verdict}: ${count("ok")} ok, ${count("warn")} warn, ${count("bad")} bad`;
}
