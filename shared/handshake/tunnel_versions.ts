/** Versions of the tunnel protocol that this build speaks. */
export const TUNNEL_VERSIONS: readonly number[] = [1];

/** The highest version that both sides speak; null: none. */
export function highestCommonVersion(offered: readonly number[], spoken: readonly number[]): number | null {
  const common = offered.filter((version) => spoken.includes(version));
  return common.length === 0 ? null : Math.max(...common);
}
