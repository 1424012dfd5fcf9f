import type { RoundTripFacts } from "./facts.ts";

/** A packet that is sent again costs about a round trip more: half of one, and more than chance, counts. */
const LATE_FACTOR = 1.5;
const LATE_AT_LEAST_MS = 10;

/** @param samplesMs one for each exchange, in the order of sending; null: it was not answered */
export function summarizeRoundTrips(samplesMs: readonly (number | null)[]): RoundTripFacts {
  const answered = samplesMs.filter((sample) => sample !== null);
  const sorted = answered.toSorted((a, b) => a - b);
  const medianMs = quantile(sorted, 0.5);
  const lateFromMs = medianMs === null
    ? Infinity
    : Math.max(medianMs * LATE_FACTOR, medianMs + LATE_AT_LEAST_MS);
  return {
    sent: samplesMs.length,
    answered: answered.length,
    medianMs,
    p99Ms: quantile(sorted, 0.99),
    maxMs: sorted.at(-1) ?? null,
    jitterMs: meanStep(answered),
    lateShare: answered.length === 0
      ? null
      : answered.filter((ms) => ms >= lateFromMs).length / answered.length,
  };
}

/** The smallest value that is not below that share of all; null of nothing. */
function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}

function meanStep(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  let sum = 0;
  for (const [index, value] of values.entries()) {
    if (index > 0) sum += Math.abs(value - (values[index - 1] ?? value));
  }
  return sum / (values.length - 1);
}
