/** Runs many seeds of the simulation and sums up what happened in them. */
import { EMPTY_REPORT, type LaneMix, Simulation, type SimulationReport } from "./simulation.ts";

/** Seeds from `LOWU_SIMULATION_FIRST_SEED` (1), `LOWU_SIMULATION_SEEDS` (700, about half a minute) of them. */
const FIRST_SEED = Number(Deno.env.get("LOWU_SIMULATION_FIRST_SEED") ?? "1");
export const SEEDS = Number(Deno.env.get("LOWU_SIMULATION_SEEDS") ?? "700");

/** @throws {Error} when a seed fails, with the command that runs it again in `testFile` */
export function runSeeds(lanes: LaneMix, testFile: string): SimulationReport {
  const total = { ...EMPTY_REPORT };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    let report: SimulationReport;
    try {
      report = new Simulation({ seed, lanes }).run();
    } catch (error) {
      const command = `LOWU_SIMULATION_FIRST_SEED=${seed} LOWU_SIMULATION_SEEDS=1 ` +
        `deno test -A --frozen tests/shared/tunnel/simulation/${testFile}`;
      throw new Error(`seed ${seed} fails; replay: ${command}`, { cause: error });
    }
    for (const key of Object.keys(total) as (keyof SimulationReport)[]) total[key] += report[key];
  }
  return total;
}
