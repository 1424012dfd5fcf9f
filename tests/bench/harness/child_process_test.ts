import assert from "node:assert/strict";
import { ChildError } from "../../../bench/harness/child_process.ts";
import { THIS_MACHINE } from "../../../bench/harness/place.ts";
import {
  processorUsBetween,
  processTree,
  readMemoryUse,
  readProcessorTimes,
} from "../../../bench/harness/process_tree.ts";
import { Workbench } from "../../../bench/harness/workbench.ts";

const LINE_TIMEOUT_MS = 10_000;

Deno.test("Child.send() and nextLine() talk with a process line by line", async () => {
  await using bench = new Workbench();
  const child = bench.start({ name: "cat", command: "cat", args: [], place: THIS_MACHINE, talk: "lines" });
  await child.send("one\ntwo");
  assert.equal(await child.nextLine(LINE_TIMEOUT_MS), "one");
  assert.equal(await child.nextLine(LINE_TIMEOUT_MS), "two");
});

Deno.test("Child.ended() rejects with the end of the log when a process ends by itself", async () => {
  await using bench = new Workbench();
  const args = ["-c", "echo out of luck >&2; exit 3"];
  const child = bench.start({ name: "sh", command: "sh", args, place: THIS_MACHINE, talk: "silent" });
  await assert.rejects(child.ended(), (error) => {
    assert.ok(error instanceof ChildError);
    assert.match(error.message, /sh ended with 3\n {2}sh: out of luck/);
    return true;
  });
});

Deno.test("Workbench ends its processes and removes its folder, also if something cannot be ended", async () => {
  const bench = new Workbench();
  const child = bench.start({ name: "cat", command: "cat", args: [], place: THIS_MACHINE, talk: "lines" });
  bench.onEnd(() => {
    throw new TypeError("cannot end");
  });
  await assert.rejects(() => bench[Symbol.asyncDispose](), AggregateError);
  assert.throws(() => Deno.statSync(`/proc/${child.pid}`), Deno.errors.NotFound);
  assert.throws(() => Deno.statSync(bench.directory), Deno.errors.NotFound);
  assert.throws(() =>
    bench.start({ name: "cat", command: "cat", args: [], place: THIS_MACHINE, talk: "lines" })
  );
});

Deno.test("processTree() and what is read of it take a process's children in", async () => {
  await using bench = new Workbench();
  const args = ["-c", "sleep 60 & echo $!; wait"];
  const child = bench.start({ name: "sh", command: "sh", args, place: THIS_MACHINE, talk: "lines" });
  const grandchild = Number(await child.nextLine(LINE_TIMEOUT_MS));
  bench.onEnd(() => Promise.resolve(Deno.kill(grandchild, "SIGKILL")));
  assert.deepEqual(processTree(child.pid), [child.pid, grandchild]);
  assert.deepEqual([...readProcessorTimes(child.pid).keys()], [child.pid, grandchild]);
  const { pss, rss } = readMemoryUse(child.pid);
  assert.ok(pss > readMemoryUse(grandchild).pss && rss >= pss);
});

Deno.test("processorUsBetween() adds up threads, new ones with all their time", () => {
  const before = new Map([[1, 1_000_000], [2, 5_000_000]]);
  const after = new Map([[1, 3_000_000], [3, 4_000_000]]);
  assert.equal(processorUsBetween(before, after), 2000 + 4000);
});

Deno.test("readProcessorTimes() of this process grows with its work", () => {
  const before = readProcessorTimes(Deno.pid);
  for (let left = 5_000_000; left > 0; left--) Math.sqrt(left);
  assert.ok(processorUsBetween(before, readProcessorTimes(Deno.pid)) > 0);
});
