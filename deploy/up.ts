/** `deno task up`: the whole relay on one machine, for a first look, for tests and for benches. */
import { join, resolve } from "node:path";
import { formatAddress } from "../shared/config/address.ts";
import { type NodeProcess, startNodeProcess } from "./node_process.ts";
import { shellQuote } from "./shell_quote.ts";
import { parseUpOptions, UP_USAGE, type UpOptions, UpUsageError } from "./up_options.ts";
import { prepareState, type UpState } from "./up_state.ts";
import { PairError } from "./write_pair.ts";

const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 50;
/** Above the nodes' own drain grace, which ends them first. */
const STOP_TIMEOUT_MS = 35_000;

/** A process ended before the relay was ready. */
class StartError extends Error {}

/** In the order in which they start; they are stopped from the last to the first. */
type Processes = NodeProcess[];

async function up(options: UpOptions): Promise<number> {
  const state = await prepareState(options);
  const processes: Processes = [];
  const stopped = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stopped.resolve());
  }
  try {
    startAll(options, state, processes);
    const isReady = await Promise.race([ready(state, processes), stopped.promise.then(() => false)]);
    if (isReady) {
      console.log(options.isJson ? JSON.stringify(readyLine(state, processes)) : banner(options, state));
      await Promise.race([stopped.promise, firstExit(processes)]);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    console.error(error.message);
    return 1;
  } finally {
    for (const process of processes.toReversed()) await stop(process);
  }
}

function startAll(options: UpOptions, state: UpState, processes: Processes): void {
  const logFile = (name: string) => resolve(options.stateDirectory, `${name}.log`);
  if (state.originAddress !== null) {
    const args = ["--address", formatAddress(state.originAddress)];
    processes.push(startNodeProcess("origin", { task: "origin", args, logFile: logFile("origin") }));
  }
  for (const [name, file] of [["core", state.coreFile], ["edge", state.edgeFile]] as const) {
    const args = ["--config", resolve(file)];
    processes.push(startNodeProcess(name, { task: name, args, logFile: logFile(name) }));
  }
}

/** Resolves with true once a probe has come back through the whole relay. */
async function ready(state: UpState, processes: Processes): Promise<boolean> {
  const exit = firstExit(processes);
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (await isReady(state)) return true;
    await Promise.race([exit, new Promise((resolve) => setTimeout(resolve, READY_POLL_MS))]);
  }
  const tails = await Promise.all(processes.map(async ({ name, tail }) => `${name}: ${await tail()}`));
  throw new StartError(`The relay was not ready after ${READY_TIMEOUT_MS / 1000} s.\n${tails.join("\n")}`);
}

async function isReady(state: UpState): Promise<boolean> {
  try {
    const answer = await fetch(`http://${formatAddress(state.edgeAdminAddress)}/readyz`);
    await answer.body?.cancel();
    return answer.ok;
  } catch (error) {
    // Nobody listens yet.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** Rejects when any of the processes ends by itself. */
async function firstExit(processes: Processes): Promise<never> {
  const { process, code } = await Promise.race(
    processes.map(async (process) => ({ process, code: await process.exited })),
  );
  throw new StartError(`The ${process.name} ended with code ${code}:\n${await process.tail()}`);
}

async function stop(process: NodeProcess): Promise<void> {
  process.stop("SIGTERM");
  const timer = setTimeout(() => process.stop("SIGKILL"), STOP_TIMEOUT_MS);
  await process.exited;
  clearTimeout(timer);
}

function readyLine(state: UpState, processes: Processes) {
  return {
    edge: `https://${formatAddress(state.edgeAddress)}`,
    ca: resolve(state.caFile),
    key: state.apiKey,
    metrics: {
      edge: `http://${formatAddress(state.edgeAdminAddress)}/metrics`,
      core: `http://${formatAddress(state.coreAdminAddress)}/metrics`,
    },
    pids: Object.fromEntries(processes.map(({ name, pid }) => [name, pid])),
  };
}

function banner(options: UpOptions, state: UpState): string {
  const edge = `https://${formatAddress(state.edgeAddress)}`;
  const model = state.originAddress === null ? "YOUR-MODEL" : "lowu-demo";
  const body = JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "Hello" }] });
  const origin = state.originAddress === null
    ? options.origins.map((url) => url.href).join(", ")
    : `embedded, at http://${formatAddress(state.originAddress)}`;
  return `
Lowu is ready.

  Edge      ${edge}/v1
  API key   ${state.apiKey}
  Origin    ${origin}
  Metrics   http://${formatAddress(state.edgeAdminAddress)}/metrics (edge)
            http://${formatAddress(state.coreAdminAddress)}/metrics (core)
  Logs      ${join(options.stateDirectory, "*.log")}

Stream a chat:

  curl -N --cacert ${shellQuote(state.caFile)} ${edge}/v1/chat/completions \\
    -H 'Authorization: Bearer ${state.apiKey}' -H 'Content-Type: application/json' \\
    -d '${body}'

Ctrl-C finishes what is in flight and ends all.
`;
}

async function main(): Promise<number> {
  try {
    const options = parseUpOptions(Deno.args);
    if (options !== null) return await up(options);
    console.log(UP_USAGE);
    return 0;
  } catch (error) {
    if (!(error instanceof UpUsageError) && !(error instanceof PairError)) throw error;
    console.error(error instanceof UpUsageError ? `${error.message}\n\n${UP_USAGE}` : error.message);
    return error instanceof UpUsageError ? 2 : 1;
  }
}

Deno.exit(await main());
