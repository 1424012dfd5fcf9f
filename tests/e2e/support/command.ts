/** Programs that tests run as a user does. */

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export async function runCommand(
  program: string,
  options: { args: readonly string[]; cwd?: string; env?: Record<string, string> },
): Promise<CommandResult> {
  const { args, ...rest } = options;
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    ...rest,
  })
    .output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A program under way whose output is read piece by piece. */
export class RunningCommand {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly stderr: Promise<string>;
  /** All of standard output that was read so far. */
  stdout = "";

  constructor(program: string, args: readonly string[]) {
    this.#child = new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.stderr = new Response(this.#child.stderr).text();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The next piece of standard output; null at its end. */
  async read(): Promise<string | null> {
    const { done, value } = await this.#reader.read();
    if (done) return null;
    this.stdout += value;
    return value;
  }

  /** Reads until `pattern` matches what was written so far; throws if the output ends before. */
  async readUntil(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout);
      if (match !== null) return match;
      if (await this.read() === null) throw new Error(`${this.stdout}\n${await this.stderr}`);
    }
  }

  /** Sends a signal; one that comes too late is none. */
  signal(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Reads the rest and resolves with the exit code. */
  async ended(): Promise<number> {
    while (await this.read() !== null);
    await this.stderr;
    return (await this.#child.status).code;
  }
}
