import { type MeasuredWindow, measureWindow } from "./measure_window.ts";
import { LoadClient } from "../load/load_client.ts";
import type { LoadJob } from "../load/load_job.ts";
import type { Relay, RelaySite, RunningRelay } from "../relays/relay.ts";

/** Starts a relay, lets `measure` use it, stops it. */
export async function withRelay<T>(
  relay: Relay,
  site: RelaySite,
  measure: (running: RunningRelay) => Promise<T>,
): Promise<T> {
  const running = await relay.start(site);
  try {
    return await measure(running);
  } finally {
    await running.stop();
  }
}

/** Brings a relay under load, lets `measure` use it once the load is steady, stops the load. */
export async function withLoad<T>(
  running: RunningRelay,
  { site, job, timeoutMs }: { site: RelaySite; job: Omit<LoadJob, "target">; timeoutMs: number },
  measure: (client: LoadClient) => Promise<T>,
): Promise<T> {
  const { target, nodes } = running;
  const client = LoadClient.start(site.bench, { job: { ...job, target }, place: site.edge });
  const broken = nodes === null ? [] : [nodes.edge.ended(), nodes.core.ended()];
  try {
    await Promise.race([client.untilSteady(timeoutMs), ...broken]);
    return await Promise.race([measure(client), ...broken]);
  } catch (cause) {
    const logs = nodes === null ? "" : `\n${nodes.edge.logTail()}\n${nodes.core.logTail()}`;
    throw new Error(`${cause instanceof Error ? cause.message : cause}${logs}`, { cause });
  } finally {
    await client.stop();
  }
}

/** Starts a relay, brings it under load, measures one window, stops both. */
export function measureRelay(
  relay: Relay,
  options: {
    site: RelaySite;
    job: Omit<LoadJob, "target">;
    timeoutMs: number;
    warmUpMs: number;
    windowMs: number;
  },
): Promise<MeasuredWindow> {
  return withRelay(
    relay,
    options.site,
    (running) => withLoad(running, options, (client) => measureWindow(client, running, options)),
  );
}
