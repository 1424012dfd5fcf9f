/** How many descriptors a process started from here may open: the hard limit, which servers raise themselves to. */
export function descriptorLimit(): number {
  const limits = Deno.readTextFileSync("/proc/self/limits");
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === "unlimited" ? Infinity : Number(hard);
}
