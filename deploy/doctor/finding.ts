/** `bad`: what is configured cannot be used; `warn`: it can, but not as well as it could. */
export type Verdict = "ok" | "warn" | "bad";

export type Check =
  | "congestion"
  | "buffers"
  | "open files"
  | "port"
  | "name"
  | "udp"
  | "tcp"
  | "certificate"
  | "handshake"
  | "round trip"
  | "loss"
  | "packet size"
  | "clock"
  | "fall-back";

/** One thing that was looked at, in words for a person. */
export interface Finding {
  /** What it is about: `machine`, `reverse`, a core, or one address of it. */
  readonly subject: string;
  readonly check: Check;
  readonly verdict: Verdict;
  readonly text: string;
  /** What to do; null where all is well. */
  readonly advice: string | null;
}

/** A finding whose subject is not named yet. */
export type Judgement = Omit<Finding, "subject">;

export function ok(check: Check, text: string): Judgement {
  return { check, verdict: "ok", text, advice: null };
}

export function warn(check: Check, text: string, advice: string): Judgement {
  return { check, verdict: "warn", text, advice };
}

export function bad(check: Check, text: string, advice: string): Judgement {
  return { check, verdict: "bad", text, advice };
}

export function about(subject: string, judgements: readonly (Judgement | null)[]): Finding[] {
  return judgements.filter((judgement) => judgement !== null).map((judgement) => ({ subject, ...judgement }));
}
