import type { SessionLimits } from "../tunnel/session_limits.ts";

/** What the core decides for both ends of a session; told in ACCEPT, the same for every lane of the session. */
export type GrantedLimits = Pick<
  SessionLimits,
  "maxStreams" | "windowUnits" | "pingIntervalMs" | "laneTimeoutMs" | "resumeTimeoutMs"
>;

/** Twice the largest head: with less, a stream could not begin. */
const MIN_WINDOW_UNITS = 256 * 1024;

/** Whether every limit lies within the bounds that `shared/tunnel/SPEC.md` gives for ACCEPT. */
export function areLimitsSane(limits: GrantedLimits): boolean {
  return isWithin(limits.maxStreams, 1, 1_000_000) &&
    isWithin(limits.windowUnits, MIN_WINDOW_UNITS, 64 * 1024 * 1024) &&
    isWithin(limits.pingIntervalMs, 100, 60_000) &&
    isWithin(limits.laneTimeoutMs, limits.pingIntervalMs + 1, 300_000) &&
    isWithin(limits.resumeTimeoutMs, 1, 3_600_000);
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
