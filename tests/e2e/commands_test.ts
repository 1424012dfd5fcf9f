/** The tasks as a user runs them: `up`, `init`, `core`, `edge` and `check`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { PAIR_FILES } from "../../deploy/write_pair.ts";
import { formatAddress } from "../../shared/config/address.ts";
import { testWithTool } from "../support/required_tool.ts";
import { runCommand, RunningCommand } from "./support/command.ts";
import { FAST_ORIGIN, OriginProcess } from "./support/origin_process.ts";
import { type ConfigFile, editConfig, freeAddresses } from "./support/relay.ts";
import { until } from "./support/until.ts";

const DENO = Deno.execPath();
const ANY_PORTS = ["--edge-address", "127.0.0.1:0", "--tunnel-address", "127.0.0.1:0"];

async function inTemporaryFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lowu e2e " });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function task(name: string, ...args: string[]): RunningCommand {
  return new RunningCommand(DENO, ["task", "--quiet", name, ...args]);
}

/** Ends a command that may have been ended before; `deno task` hands the signal on, and what it runs ends its own processes. */
async function end(command: RunningCommand): Promise<void> {
  command.signal("SIGTERM");
  await command.ended();
}

function isAlive(pid: number): boolean {
  try {
    // A process that has ended and was not waited for has no program any more.
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`) !== "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

for (const transport of ["quic", "tls"]) {
  testWithTool(
    "curl",
    `up over ${transport} prints a curl line that works as pasted, and ends all on SIGTERM`,
    async () => {
      await inTemporaryFolder(async (folder) => {
        const up = task("up", ...ANY_PORTS, "--state", folder, "--transport", transport);
        try {
          await up.readUntil(/Ctrl-C/);
          const [line = ""] = /curl -N (.*\\\n)*.*/.exec(up.stdout) ?? [];
          const { code, stdout, stderr } = await runCommand("bash", { args: ["-c", line] });
          assert.equal(code, 0, stderr);
          assert.ok(stdout.split("data: ").length > 10 && stdout.endsWith("data: [DONE]\n\n"), stdout);
          const metrics = /http:\S+\/metrics (?=\(edge\))/.exec(up.stdout)?.[0] ?? "";
          const answer = await fetch(metrics.trim());
          assert.match(await answer.text(), /^lowu_requests_total\{.*status="2xx".*\} 1$/m);
          up.signal("SIGTERM");
          assert.equal(await up.ended(), 0);
        } finally {
          await end(up);
        }
      });
    },
  );
}

Deno.test("up --json prints one line, whose processes are all gone after SIGINT; a second start keeps key and trust", async () => {
  await inTemporaryFolder(async (folder) => {
    let first: { key: string; ca: string } | null = null;
    for (let start = 0; start < 2; start++) {
      const up = task("up", ...ANY_PORTS, "--state", folder, "--json");
      let pids: number[] = [];
      try {
        const [line = ""] = await up.readUntil(/.*\n/);
        const ready = JSON.parse(line);
        assert.deepEqual(Object.keys(ready).toSorted(), ["ca", "edge", "key", "metrics", "pids"]);
        assert.deepEqual(Object.keys(ready.pids).toSorted(), ["core", "edge", "origin"]);
        pids = Object.values(ready.pids);
        first ??= ready;
        assert.deepEqual([ready.key, ready.ca], [first?.key, first?.ca]);
        using client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(ready.ca)] });
        const headers = { authorization: `Bearer ${ready.key}` };
        const models = await fetch(`${ready.edge}/v1/models`, { headers, client });
        assert.equal((await models.json()).data[0].id, "lowu-demo");
        up.signal("SIGINT");
        assert.equal(await up.ended(), 0);
        assert.deepEqual(pids.filter(isAlive), []);
      } finally {
        await end(up);
      }
    }
  });
});

Deno.test("up says which port is in use and by whom, and leaves no process behind", async () => {
  await inTemporaryFolder(async (folder) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr;
    const args = [
      "--state",
      folder,
      "--edge-address",
      `127.0.0.1:${port}`,
      "--tunnel-address",
      "127.0.0.1:0",
    ];
    const up = task("up", ...args);
    try {
      assert.equal(await up.ended(), 1);
      const stderr = await up.stderr;
      assert.ok(stderr.includes(`127.0.0.1:${port}`) && stderr.includes(`${Deno.pid}`), stderr);
      const { stdout } = await runCommand("pgrep", { args: ["-f", folder] });
      assert.equal(stdout, "");
    } finally {
      await end(up);
    }
  });
});

Deno.test("check says all that is wrong with a file, with lines, and how many", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = join(folder, "edge.yaml");
    await Deno.writeTextFile(
      file,
      "node: edge\nname: Ä\nlistener:\n  address: here\n  max_connections: 0\n  bogus: 1\n",
    );
    const { code, stdout } = await runCommand(DENO, { args: ["task", "--quiet", "check", "--config", file] });
    assert.equal(code, 1);
    for (const line of [2, 4, 5, 6]) assert.match(stdout, new RegExp(`edge\\.yaml:${line}\\b`));
    assert.match(stdout, /has \d+ problems\n$/);
  });
});

for (const transport of ["quic", "tls"]) {
  testWithTool("curl", `what init writes for two machines runs over ${transport}`, async () => {
    await inTemporaryFolder(async (folder) => {
      const origin = await OriginProcess.start({ flags: FAST_ORIGIN, logFile: join(folder, "origin.log") });
      const running: RunningCommand[] = [];
      try {
        const [edgeAddress, tunnelAddress, edgeAdmin, coreAdmin] = freeAddresses().map(formatAddress);
        assert.ok(edgeAddress !== undefined && tunnelAddress !== undefined);
        const out = join(folder, "pair");
        const addresses = [
          "--edge-address",
          edgeAddress,
          "--tunnel-address",
          tunnelAddress,
          "--origin",
          origin.url,
        ];
        const args = ["task", "--quiet", "init", "--out", out, ...addresses, "--transport", transport];
        const written = await runCommand(DENO, { args });
        assert.equal(written.code, 0, written.stderr);
        // As the instructions say: each machine gets its own files, and finds them wherever they lie.
        await moveTo(join(folder, "edge's"), {
          from: out,
          files: ["edgeConfig", "edgeCertificate", "edgeKey", "edgeIdentityKey"],
          copies: ["ca"],
        });
        await moveTo(join(folder, "core's"), {
          from: out,
          files: ["coreConfig", "coreCertificate", "coreKey"],
          copies: [],
        });
        // Both are on one machine here, where the default admin addresses may be in use.
        for (const [name, address] of [["edge", edgeAdmin], ["core", coreAdmin]] as const) {
          const file = join(folder, `${name}'s`, `${name}.yaml`);
          await editConfig(file, (config: ConfigFile) => config.admin = { address });
          running.push(task(name, "--config", file));
        }
        const [line = ""] = /curl .*/.exec(written.stdout) ?? [];
        await until(
          "the edge lives",
          () => fetch(`http://${edgeAdmin}/healthz`).then((answer) => answer.json(), () => null),
        );
        const { code, stdout, stderr } = await runCommand("bash", { args: ["-c", line] });
        assert.equal(code, 0, stderr);
        assert.equal(JSON.parse(stdout).data[0].id, "lowu-demo");
        for (const command of running) command.signal("SIGTERM");
        for (const command of running) assert.equal(await command.ended(), 0);
      } finally {
        for (const command of running) await end(command);
        await origin.stop();
      }
    });
  });
}

async function moveTo(
  folder: string,
  options: {
    from: string;
    files: readonly (keyof typeof PAIR_FILES)[];
    copies: readonly (keyof typeof PAIR_FILES)[];
  },
): Promise<void> {
  await Deno.mkdir(folder);
  for (const file of options.files) {
    await Deno.rename(join(options.from, PAIR_FILES[file]), join(folder, PAIR_FILES[file]));
  }
  for (const file of options.copies) {
    await Deno.copyFile(join(options.from, PAIR_FILES[file]), join(folder, PAIR_FILES[file]));
  }
}
