import { Workbench } from "../../../bench/harness/workbench.ts";
import { whyNoLink } from "../../../bench/wanlink/emulated_link.ts";
import { Border } from "./border.ts";
import type { BorderOptions } from "./border_configuration.ts";

const MUST_HAVE_LINK = Deno.env.get("LOWU_REQUIRE_SERVERS") === "1";
const WHY_NO_LINK = await whyNoLink();
/** Repeats the losses of a run. */
const SEED = Number(Deno.env.get("LOWU_SEED") ?? crypto.getRandomValues(new Uint16Array(1))[0]);

/** Registers a test with a border whose cores and edge run and are ready; ignored, with the reason, where there is no link. */
export function testBorder(
  name: string,
  options: BorderOptions,
  test: (border: Border, seed: number) => Promise<void>,
): void {
  testPreparedBorder(name, options, async (border, seed) => {
    border.start("core-1");
    if (options.cores === 2) border.start("core-2");
    border.start("edge");
    await border.ready();
    await test(border, seed);
  });
}

/** As {@linkcode testBorder}, but no node runs yet. */
export function testPreparedBorder(
  name: string,
  options: BorderOptions,
  test: (border: Border, seed: number) => Promise<void>,
): void {
  Deno.test({
    name: WHY_NO_LINK === null ? name : `${name} (skipped: ${WHY_NO_LINK})`,
    ignore: WHY_NO_LINK !== null && !MUST_HAVE_LINK,
    async fn() {
      console.log(`LOWU_SEED=${SEED}`);
      await using bench = new Workbench();
      const border = await Border.prepare(bench, options, SEED);
      try {
        await test(border, SEED);
      } catch (error) {
        console.error(border.logs());
        throw error;
      }
    },
  });
}
