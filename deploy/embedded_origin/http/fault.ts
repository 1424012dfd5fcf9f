/**
 * Faults on demand, as one line of text: `name;parameter=value`, several of them behind commas, the first being the
 * outermost. Where a fault counts, `after` counts pieces of the answer's body (a streamed generation sends one for each
 * token) and `bytes` bytes.
 *
 *     refuse                 closes the connection before the head
 *     500, 429;retry-after=7 answers with that status
 *     stall-before-head      never answers
 *     stall;after=3          goes silent after so much of the body
 *     cut;after=5            breaks the transfer after so much of the body
 *     slow;ms=200            answers so much later
 *     informational          sends 103 Early Hints first
 *     trailers               sends trailers after the body
 *     echo                   sends the request's body back while it arrives
 *     echo-headers           answers with the request's head as JSON
 */

/** How far an answer's body goes before a fault strikes; the one that is reached first counts. */
export interface BodyExtent {
  readonly pieces: number;
  readonly bytes: number;
}

export type Fault =
  | { readonly kind: "refuse" | "stall-before-head" | "informational" | "trailers" | "echo" | "echo-headers" }
  | { readonly kind: "status"; readonly status: number; readonly retryAfter: string | null }
  | { readonly kind: "stall" | "cut"; readonly after: BodyExtent }
  | { readonly kind: "slow"; readonly ms: number };

const MAX_FAULTS = 4;
const MAX_SLOW_MS = 600_000;

/** A fault line that cannot be understood. */
export class FaultSyntaxError extends Error {
  override name = "FaultSyntaxError";
}

/** @throws {FaultSyntaxError} if `text` names an unknown fault or parameter */
export function parseFaults(text: string): Fault[] {
  const faults = text.split(",").map((one) => parseFault(one.trim()));
  if (faults.length > MAX_FAULTS) throw new FaultSyntaxError(`more than ${MAX_FAULTS} faults`);
  return faults;
}

function parseFault(text: string): Fault {
  const [name = "", ...pairs] = text.split(";").map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const pair of pairs) {
    const [key = "", value = ""] = pair.split("=").map((part) => part.trim());
    parameters.set(key, value);
  }
  const take = (key: string): string | null => {
    const value = parameters.get(key) ?? null;
    parameters.delete(key);
    return value;
  };
  const fault = makeFault(name, take);
  const unknown = parameters.keys().next().value;
  if (unknown !== undefined) throw new FaultSyntaxError(`fault ${name} has no parameter ${unknown}`);
  return fault;
}

function makeFault(name: string, take: (key: string) => string | null): Fault {
  switch (name) {
    case "refuse":
    case "stall-before-head":
    case "informational":
    case "trailers":
    case "echo":
    case "echo-headers":
      return { kind: name };
    case "stall":
    case "cut": {
      const after = take("after");
      const bytes = take("bytes");
      if (after === null && bytes === null) return { kind: name, after: { pieces: 0, bytes: Infinity } };
      return {
        kind: name,
        after: {
          pieces: after === null ? Infinity : wholeNumber("after", after),
          bytes: bytes === null ? Infinity : wholeNumber("bytes", bytes),
        },
      };
    }
    case "slow":
      return { kind: "slow", ms: Math.min(MAX_SLOW_MS, wholeNumber("ms", take("ms") ?? "")) };
  }
  if (/^[45]\d\d$/.test(name)) {
    return { kind: "status", status: Number(name), retryAfter: take("retry-after") };
  }
  throw new FaultSyntaxError(`unknown fault ${JSON.stringify(name.slice(0, 100))}`);
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new FaultSyntaxError(`${name} is no whole number`);
  return Number(text);
}
