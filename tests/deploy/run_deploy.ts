/** Runs a program of `deploy/` as its own process, with the permissions given and no terminal. */
export async function runDeploy(
  program: string,
  options: { args: readonly string[]; permissions: readonly string[]; env?: Record<string, string> },
): Promise<{ code: number; stdout: string; stderr: string }> {
  const script = new URL(`../../deploy/${program}`, import.meta.url);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--frozen",
      "--no-check",
      "--no-prompt",
      ...options.permissions,
      script.href,
      ...options.args,
    ],
    ...(options.env === undefined ? {} : { env: options.env }),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
