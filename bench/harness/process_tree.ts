/**
 * What processes cost, from `/proc`.
 *
 * Processor time is read from each thread's `schedstat`, in nanoseconds: `stat` counts in ticks of 10 ms. Time of a
 * thread that ended between two readings is lost, so processes are measured while they are in a steady state.
 */

/** Processor time of each thread, in nanoseconds; keyed by thread id. */
export type ProcessorTimes = ReadonlyMap<number, number>;

/** Memory of a set of processes, in bytes. */
export interface MemoryUse {
  /** Proportional set: pages that several processes share count in parts. */
  readonly pss: number;
  readonly rss: number;
}

/** `pid` and all that descends from it: a server's master and its workers. */
export function processTree(pid: number): number[] {
  const pids = [pid];
  for (const thread of threadsOf(pid)) {
    const children = readProc(`${pid}/task/${thread}/children`) ?? "";
    for (const child of children.split(" ")) if (child !== "") pids.push(...processTree(Number(child)));
  }
  return pids;
}

export function readProcessorTimes(pid: number): ProcessorTimes {
  const times = new Map<number, number>();
  for (const one of processTree(pid)) {
    for (const thread of threadsOf(one)) {
      const stat = readProc(`${one}/task/${thread}/schedstat`);
      if (stat !== null) times.set(thread, Number(stat.split(" ")[0]));
    }
  }
  return times;
}

/** Microseconds of processor time that passed between two readings. */
export function processorUsBetween(before: ProcessorTimes, after: ProcessorTimes): number {
  let ns = 0;
  for (const [thread, time] of after) ns += time - (before.get(thread) ?? 0);
  return ns / 1000;
}

export function readMemoryUse(pid: number): MemoryUse {
  let pss = 0;
  let rss = 0;
  for (const one of processTree(pid)) {
    const rollup = readProc(`${one}/smaps_rollup`) ?? "";
    pss += kilobytes(rollup, "Pss") * 1024;
    rss += kilobytes(rollup, "Rss") * 1024;
  }
  return { pss, rss };
}

function kilobytes(rollup: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(rollup)?.[1] ?? 0);
}

function threadsOf(pid: number): number[] {
  try {
    return Array.from(Deno.readDirSync(`/proc/${pid}/task`), ({ name }) => Number(name));
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** Null if the process or thread has ended. */
function readProc(path: string): string | null {
  try {
    return Deno.readTextFileSync(`/proc/${path}`).trim();
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  // ESRCH has no class of its own.
  return error instanceof Deno.errors.NotFound ||
    error instanceof Error && error.message.includes("os error 3)");
}
