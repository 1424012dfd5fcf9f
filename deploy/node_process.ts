/** Starts the relay's processes as the tasks of `deno.json` do, each with the permissions that stand there. */
import denoJson from "../deno.json" with { type: "json" };

const ROOT = new URL("../", import.meta.url);

export interface NodeProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves with the exit code. */
  readonly exited: Promise<number>;
  /** What it wrote to standard output: the first line, or null if it ended without one. */
  readonly firstLine: Promise<string | null>;
  stop(signal: "SIGTERM" | "SIGKILL"): void;
  /** The last lines that it logged. */
  tail(): Promise<string>;
}

export interface NodeProcessOptions {
  readonly task: keyof typeof denoJson.tasks;
  readonly args: readonly string[];
  /** Standard error goes there, replacing what an earlier run left. */
  readonly logFile: string;
}

/** Runs the task's command directly, without the task runner between, so that signals and the pid are its own. */
export function startNodeProcess(name: string, options: NodeProcessOptions): NodeProcess {
  const [deno, ...taskArgs] = denoJson.tasks[options.task].split(" ");
  if (deno !== "deno") throw new TypeError(`task ${options.task} must run deno`);
  const child = new Deno.Command(Deno.execPath(), {
    args: [...taskArgs, ...options.args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // A group of its own: Ctrl-C reaches the parent alone, which ends its children in order.
    detached: true,
  }).spawn();
  const logged = writeLog(child.stderr, options.logFile);
  const exited = Promise.all([child.status, logged]).then(([status]) => status.code);
  return {
    name,
    pid: child.pid,
    exited,
    firstLine: readFirstLine(child.stdout),
    stop(signal) {
      try {
        child.kill(signal);
      } catch (error) {
        // It has ended by itself in the meantime.
        if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
      }
    },
    async tail() {
      const text = await Deno.readTextFile(options.logFile);
      return text.trimEnd().split("\n").slice(-5).join("\n");
    },
  };
}

/** Not `pipeTo`: Deno's keeps what comes until the stream ends, and the log of a process that runs stays empty. */
async function writeLog(stream: ReadableStream<Uint8Array<ArrayBuffer>>, file: string): Promise<void> {
  using log = Deno.openSync(file, { write: true, create: true, truncate: true });
  for await (const bytes of stream) {
    for (let at = 0; at < bytes.length;) at += await log.write(bytes.subarray(at));
  }
}

async function readFirstLine(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string | null> {
  let text = "";
  let first: string | null = null;
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    if (first !== null) continue;
    text += chunk;
    const end = text.indexOf("\n");
    if (end < 0) continue;
    first = text.slice(0, end);
    break;
  }
  return first;
}
