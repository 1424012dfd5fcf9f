/** All benches, in the order in which they run and stand on the performance page. */
export const BENCH_NAMES = ["first_byte", "token_cpu", "requests", "memory", "border", "recovery"] as const;
export type BenchName = typeof BENCH_NAMES[number];
