import assert from "node:assert/strict";
import { RefusalLog } from "../../../shared/handshake/refusal_log.ts";
import { LogLines } from "../../support/log_lines.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const remoteAddress = "192.0.2.1:1";

Deno.test("RefusalLog writes one line for a cause and while, and says how many it stands for", () => {
  const [clock, lines] = [new ManualClock(), new LogLines("core")];
  const log = new RefusalLog({ log: lines.log, clock });
  const refuse = (count: number, edge: string | null) => {
    for (let i = 0; i < count; i++) log.refused({ reason: "unavailable", edge, remoteAddress });
  };
  refuse(1_000, "hk-1");
  refuse(3, "hk-2");
  clock.advance(9_999);
  refuse(1, "hk-1");
  clock.advance(1);
  refuse(2, "hk-1");
  const shown = lines.of("lane_refused").map(({ edge, unlogged }) => [edge, unlogged]);
  assert.deepEqual(shown, [["hk-1", undefined], ["hk-2", undefined], ["hk-1", 1_000]]);
});

Deno.test("RefusalLog names no edge that has not proved its name", () => {
  const lines = new LogLines("core");
  const log = new RefusalLog({ log: lines.log, clock: new ManualClock() });
  log.refused({ reason: "wrong_key", edge: null, remoteAddress });
  const [line] = lines.of("lane_refused");
  assert.deepEqual([line?.reason, line?.remoteAddress], ["wrong_key", remoteAddress]);
  assert.ok(line !== undefined && !("edge" in line) && !("unlogged" in line));
});
