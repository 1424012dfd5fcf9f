import { isMap, isScalar, isSeq, type ParsedNode } from "yaml";

const MAX_LENGTH = 60;

/** What a problem shows of the value in the file; never a secret, and never what a reference brought in. */
export function describeFound(node: ParsedNode, { isSecret }: { isSecret: boolean }): string {
  if (isMap(node)) return "a section";
  if (isSeq(node)) return `a list of ${node.items.length}`;
  if (!isScalar(node)) return "an alias";
  const { value } = node;
  if (value === null) return "nothing";
  if (typeof value === "number" || typeof value === "boolean") {
    return isSecret ? `a ${typeof value}, not shown` : String(node.source ?? value).slice(0, MAX_LENGTH);
  }
  if (typeof value !== "string") return "a value of another kind";
  if (isSecret ? !/^\$\{[^}]*\}$/.test(value) : looksSecret(value)) {
    return `a text of ${value.length} characters, not shown`;
  }
  const shown = JSON.stringify(maskUserInfo(value));
  return shown.length > MAX_LENGTH ? `${shown.slice(0, MAX_LENGTH)}…" (${value.length} characters)` : shown;
}

/** True for texts that are secrets wherever they stand: someone put them into the wrong place. */
export function looksSecret(value: string): boolean {
  return value.startsWith("sk-") || value.includes("-----BEGIN");
}

function maskUserInfo(value: string): string {
  return value.replace(/\/\/.*@/, "//…@");
}
