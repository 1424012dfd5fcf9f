/** Tests that need a program of the system: they say which one is missing, and fail instead where it must be there. */
import { join } from "node:path";

/** Set to 1 where every program is installed (CI): a missing one then fails its tests. */
const REQUIRE = "LOWU_REQUIRE_SERVERS";

/** Where `program` lies on the path, or null. */
export function findTool(program: string): string | null {
  for (const directory of (Deno.env.get("PATH") ?? "").split(":").filter((one) => one !== "")) {
    const file = join(directory, program);
    try {
      if (Deno.statSync(file).isFile) return file;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
    }
  }
  return null;
}

/**
 * Registers a test that runs `program`. Without it, the test is ignored and its name says why; with
 * `LOWU_REQUIRE_SERVERS=1` it fails.
 */
export function testWithTool(
  program: string,
  name: string,
  test: (context: Deno.TestContext, file: string) => Promise<void>,
): void {
  const file = findTool(program);
  if (file !== null) return Deno.test(name, (context) => test(context, file));
  Deno.test({
    name: `${name} (needs ${program}, which is missing)`,
    ignore: Deno.env.get(REQUIRE) !== "1",
    fn() {
      throw new Error(`${program} is missing and ${REQUIRE}=1`);
    },
  });
}
