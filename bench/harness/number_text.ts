/** How numbers stand in result tables. */
import type { Spread } from "./statistics.ts";

/** Three significant digits, no exponent; `–` where there is no number. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** The median with the smallest and the largest round in brackets. */
export function spreadText(spread: Spread): string {
  if (spread.rounds < 2) return shortNumber(spread.median);
  return `${shortNumber(spread.median)} (${shortNumber(spread.min)}–${shortNumber(spread.max)})`;
}

/** `value` as a multiple of `base`. */
export function ratioText(value: number, base: number): string {
  return base > 0 ? `${shortNumber(value / base)}×` : "–";
}
