import type { Child } from "../harness/child_process.ts";
import type { Place } from "../harness/place.ts";
import type { Workbench } from "../harness/workbench.ts";

const START_TIMEOUT_MS = 20_000;

/** Starts the benches' origin and tells its port. */
export async function startOrigin(bench: Workbench, place: Place): Promise<{ port: number; child: Child }> {
  const child = bench.start({
    name: "origin",
    command: Deno.execPath(),
    args: ["run", "--frozen", "--no-check", "--allow-net", "--allow-ffi", "bench/origin/main.ts"],
    place,
    talk: "lines",
  });
  const { port } = JSON.parse(await child.nextLine(START_TIMEOUT_MS));
  return { port, child };
}
