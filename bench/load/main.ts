/** A load client: one process that asks one kind of request in a closed loop and measures what comes back. */
import { dialTarget } from "./dial_target.ts";
import { LoadExchange } from "./load_exchange.ts";
import type { LoadJob, LoadMessage } from "./load_job.ts";
import { loadRequest } from "./load_request.ts";
import { LoadStatistics } from "./load_statistics.ts";
import { runHttp1Load } from "./run_http1_load.ts";
import { runHttp2Load } from "./run_http2_load.ts";

/** HTTP/1.1 connections that are being opened at a time; over HTTP/2 it is one, which brings many requests. */
const OPENING_AT_ONCE = 32;
/** Until the relay answers. */
const SERVING_TIMEOUT_MS = 30_000;
const RETRY_MS = 50;
/** Of one try, which may meet a relay whose tunnel is not up. */
const TRY_TIMEOUT_MS = 3000;

const job: LoadJob = JSON.parse(Deno.args[0] ?? "");
const statistics = new LoadStatistics();

function tell(message: LoadMessage): void {
  console.log(JSON.stringify(message));
}

/** Resolves once the relay has answered a request through all its parts. */
async function untilServing(): Promise<void> {
  const request = loadRequest({ ...job, path: "/reply" });
  const deadline = performance.now() + SERVING_TIMEOUT_MS;
  let reason = "";
  while (performance.now() < deadline) {
    const tried = await tryOnce(request);
    if (tried === null) return;
    reason = tried;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new Error(`no answer from ${job.target.hostname}:${job.target.port}: ${reason}`);
}

/** @returns null, or why there was no answer */
async function tryOnce(request: ReturnType<typeof loadRequest>): Promise<string | null> {
  const outcome = Promise.withResolvers<string | null>();
  let connection: Deno.Conn | null = null;
  const timer = setTimeout(() => outcome.resolve(`nothing for ${TRY_TIMEOUT_MS} ms`), TRY_TIMEOUT_MS);
  try {
    connection = await dialTarget(job.target, "http/1.1");
    const observer = { answered: () => outcome.resolve(null), failed: outcome.resolve };
    const untold = new LoadStatistics();
    const to = { statistics: untold, connection: untold.newConnection(), isEndless: false };
    // Closing ends the loop by an error, which is then too late to tell anything.
    runHttp1Load(connection, request, { begin: () => new LoadExchange(to, observer), untilFailure: true })
      .catch((error) => outcome.resolve(String(error)));
    return await outcome.promise;
  } catch (error) {
    return String(error);
  } finally {
    clearTimeout(timer);
    connection?.close();
  }
}

/** Resolves with a connection as soon as the relay takes one again. */
async function redial(): Promise<Deno.Conn> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    try {
      return await dialTarget(job.target, job.protocol);
    } catch (error) {
      // The reason why it was redialled has been counted.
      if (!(error instanceof Error)) throw error;
    }
  }
}

/** Keeps requests in flight over one connection, and over those that replace it if the job says so. */
async function runConnection(first: Deno.Conn, begin: () => LoadExchange): Promise<void> {
  const request = loadRequest(job);
  if (job.protocol === "h2") {
    return await runHttp2Load(first, request, { streams: job.streamsPerConnection, begin });
  }
  for (let connection = first;; connection = await redial()) {
    try {
      await runHttp1Load(connection, request, { begin, untilFailure: job.isEndless });
      if (!job.isEndless) return;
    } catch (error) {
      // The request that was cut has counted it.
      if (!job.isEndless) throw error;
    }
    connection.close();
  }
}

/** Opens all connections, not too many at a time, and keeps them busy until the process ends. */
async function runLoad(): Promise<void> {
  const running: Promise<void>[] = [];
  const refused = Promise.withResolvers<never>();
  let opened = 0;
  let isSteady = false;
  const failed = (reason: string) => {
    if (!isSteady) refused.reject(new Error(reason));
  };
  /** Resolves when every request in flight on the new connection is answered. */
  const openOne = async () => {
    const to = { statistics, connection: statistics.newConnection(), isEndless: job.isEndless };
    const first = await dialTarget(job.target, job.protocol);
    const allAnswered = Promise.withResolvers<void>();
    let unanswered = job.streamsPerConnection;
    const answered = () => {
      if (--unanswered === 0) allAnswered.resolve();
    };
    running.push(runConnection(first, () => new LoadExchange(to, { answered, failed })));
    await allAnswered.promise;
  };
  const openSome = async () => {
    while (opened++ < job.connections) await openOne();
  };
  const openers = job.protocol === "h2" ? 1 : OPENING_AT_ONCE;
  const steady = Promise.all(Array.from({ length: openers }, openSome)).then(() => {
    isSteady = true;
    tell({ kind: "steady" });
    return Promise.all(running);
  });
  await Promise.race([steady, refused.promise]);
  throw new Error("the relay closed its connections");
}

async function obey(): Promise<void> {
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const line of lines) {
    if (line.startsWith("start")) statistics.start(performance.now());
    else if (line.startsWith("stop")) tell(statistics.report(performance.now()));
  }
  Deno.exit(0);
}

async function main(): Promise<void> {
  void obey();
  await untilServing();
  await runLoad();
}

main().catch((error) => {
  tell({ kind: "failed", reason: String(error) });
  Deno.exit(1);
});
