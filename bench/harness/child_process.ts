import type { Place } from "./place.ts";

export interface ChildOptions {
  readonly name: string;
  /** Runs in the project's folder. */
  readonly command: string;
  readonly args: readonly string[];
  readonly place: Place;
  /** Takes standard error; of a silent child standard output too. */
  readonly logFile: string;
  /** `lines`: commands are written to standard input and answers read from standard output. */
  readonly talk: "lines" | "silent";
  readonly env?: Readonly<Record<string, string>>;
}

/** A child did not do what it must; the message holds the end of its log. */
export class ChildError extends Error {
  override name = "ChildError";
}

/** After SIGTERM. */
const STOP_TIMEOUT_MS = 5000;
const LOG_LINES = 12;
const ROOT = new URL("../../", import.meta.url);

/** A process that a bench started. It is ended by its pid, never by name. */
export class Child {
  readonly #options: ChildOptions;
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string> | null;
  readonly #input: WritableStreamDefaultWriter<Uint8Array> | null;
  readonly #logged: Promise<unknown>;
  #isStopping = false;

  constructor(options: ChildOptions) {
    this.#options = options;
    const { namespace } = options.place;
    // `ip netns exec` becomes the command, so the pid is the command's own.
    const prefix = namespace === null ? [] : ["ip", "netns", "exec", namespace];
    const [program = "", ...args] = [...prefix, options.command, ...options.args];
    const isTalking = options.talk === "lines";
    this.#process = new Deno.Command(program, {
      args,
      cwd: ROOT,
      stdin: isTalking ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
      detached: true,
      ...(options.env === undefined ? {} : { env: options.env }),
    }).spawn();
    const logs = [appendTo(options.logFile, this.#process.stderr)];
    if (!isTalking) logs.push(appendTo(options.logFile, this.#process.stdout));
    this.#logged = Promise.all(logs);
    this.#lines = isTalking
      ? this.#process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new LineSplitter()).getReader()
      : null;
    this.#input = isTalking ? this.#process.stdin.getWriter() : null;
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The next line that it prints, without its end. @throws {ChildError} if it ends first or takes too long */
  async nextLine(timeoutMs: number): Promise<string> {
    if (this.#lines === null) throw new TypeError(`${this.name} was not started to talk`);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), timeoutMs);
    });
    const line = await Promise.race([this.#lines.read(), late]);
    clearTimeout(timer);
    if (line === null) {
      throw new ChildError(`${this.name} said nothing for ${timeoutMs} ms\n${this.logTail()}`);
    }
    if (line.done) throw new ChildError(`${this.name} ended\n${this.logTail()}`);
    return line.value;
  }

  async send(line: string): Promise<void> {
    await this.#input?.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Rejects if it ends by itself, else never settles. @throws {ChildError} */
  async ended(): Promise<never> {
    const { code } = await this.#process.status;
    if (this.#isStopping) return await new Promise<never>(() => {});
    await this.#logged;
    throw new ChildError(`${this.name} ended with ${code}\n${this.logTail()}`);
  }

  /** Asks it to end, then makes it. Safe to call again. */
  async stop(): Promise<void> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      this.#signal("SIGTERM");
    }
    const timer = setTimeout(() => this.#signal("SIGKILL"), STOP_TIMEOUT_MS);
    await this.#process.status;
    clearTimeout(timer);
    await this.#input?.abort().catch(() => {});
    await this.#lines?.cancel().catch(() => {});
    await this.#logged;
  }

  logTail(): string {
    const text = Deno.readTextFileSync(this.#options.logFile).trimEnd();
    return text.split("\n").slice(-LOG_LINES).map((line) => `  ${this.name}: ${line}`).join("\n");
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch (error) {
      // It has ended by itself in the meantime.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

async function appendTo(file: string, output: ReadableStream<Uint8Array>): Promise<void> {
  for await (const chunk of output) await Deno.writeFile(file, chunk, { append: true });
}

class LineSplitter extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(text, controller) {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) controller.enqueue(line);
      },
    });
  }
}
