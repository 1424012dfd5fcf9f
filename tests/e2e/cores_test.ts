/** An edge with several cores, and with one, while cores stop, die and come back under load. */
import assert from "node:assert/strict";
import { RelayClient } from "./support/clients.ts";
import { type ConfigFile, type NodeName, Relay } from "./support/relay.ts";
import { until } from "./support/until.ts";

/** Each stream takes about half a second. */
const ORIGIN = [
  "--prefill-tokens-per-second=Infinity",
  "--decode-tokens-per-second=100",
  "--step-slope-ms=0",
];
const CHAT = { stream: true, max_tokens: 50, ignore_eos: true };
const CLIENTS = 8;

/** Waits long for a core that restarts; finds it soon. */
function patient(config: ConfigFile): void {
  Object.assign(config.tunnel, { wait_timeout_ms: 30_000, reconnect_max_ms: 500 });
}

/** Notices a dead peer within a second. */
function impatientCore(config: ConfigFile): void {
  Object.assign(config.tunnel, { heartbeat_interval_ms: 200, dead_after_ms: 800, resume_timeout_ms: 1000 });
}

/** Streams chats one after another, on several connections, until it is stopped. */
class Load {
  readonly failures: string[] = [];
  finished = 0;
  #isStopped = false;
  readonly #clients: Promise<void>[];

  constructor(relay: Relay) {
    this.#clients = Array.from({ length: CLIENTS }, () => this.#run(relay));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#clients);
  }

  /** Resolves when so many more have finished. */
  async more(count: number): Promise<void> {
    const target = this.finished + count;
    await until(`${count} more exchanges`, () => Promise.resolve(this.finished >= target ? true : null));
  }

  async #run(relay: Relay): Promise<void> {
    using client = new RelayClient(relay, "h2");
    while (!this.#isStopped && this.failures.length < 10) {
      try {
        const answer = await client.chat(CHAT);
        const text = await answer.text();
        if (answer.status !== 200 || !text.endsWith("data: [DONE]\n\n")) {
          this.failures.push(`${answer.status} ${text.slice(-300)}`);
        }
      } catch (error) {
        this.failures.push(String(error));
      }
      this.finished++;
    }
  }
}

/** Streams that the edge opened to a core. */
const streamsTo = (relay: Relay, core: string) =>
  relay.metric("edge", "lowu_tunnel_streams_total", [`peer="${core}"`]);

const untilLanes = (relay: Relay, core: string, isUp: boolean) =>
  until(`${core} is ${isUp ? "up" : "down"}`, async () => {
    const lanes = await relay.metric("edge", "lowu_tunnel_lanes", [`peer="${core}"`]);
    return lanes > 0 === isUp ? true : null;
  });

async function restart(relay: Relay, name: NodeName): Promise<void> {
  const node = relay.node(name);
  node.stop("SIGTERM");
  assert.equal(await node.exited, 0);
  relay.startNode(name);
}

Deno.test("a restart of either of two cores under load fails no request and cuts no stream", async () => {
  await Relay.run({ cores: 2, origins: [ORIGIN], edge: patient }, async (relay) => {
    const load = new Load(relay);
    try {
      await load.more(2 * CLIENTS);
      for (const [name, peer] of [["core", "core-1"], ["core-2", "core-2"]] as const) {
        await untilLanes(relay, peer, true);
        await restart(relay, name);
        await load.more(2 * CLIENTS);
        await untilLanes(relay, peer, true);
      }
    } finally {
      await load.stop();
    }
    assert.deepEqual(load.failures, []);
    for (const peer of ["core-1", "core-2"]) assert.ok(await streamsTo(relay, peer) > CLIENTS, peer);
  });
});

Deno.test("a restart of the only core under load fails no request: they wait for the next one", async () => {
  await Relay.run({ origins: [ORIGIN], edge: patient }, async (relay) => {
    const load = new Load(relay);
    try {
      await load.more(CLIENTS);
      await restart(relay, "core");
      await load.more(3 * CLIENTS);
    } finally {
      await load.stop();
    }
    assert.deepEqual(load.failures, []);
  });
});

Deno.test("when one of two cores dies, its streams end with an error and all others go to the other", async () => {
  const options = { cores: 2, origins: [ORIGIN], edge: patient, core: impatientCore } as const;
  await Relay.run(options, async (relay) => {
    using client = new RelayClient(relay, "h2");
    const streams: Promise<Response>[] = [];
    await until("both cores carry streams", async () => {
      streams.push(client.chat({ ...CHAT, max_tokens: 400 }));
      await streams.at(-1);
      const loads = ["core-1", "core-2"].map((peer) =>
        relay.metric("edge", "lowu_tunnel_streams_active", [`peer="${peer}"`])
      );
      return (await Promise.all(loads)).every((load) => load >= 2) ? true : null;
      // On a busy machine one core may measure as the far one for some time.
    }, { timeoutMs: 90_000 });
    relay.node("core-2").stop("SIGKILL");
    await untilLanes(relay, "core-2", false);
    const before = await streamsTo(relay, "core-1");
    for (let index = 0; index < 10; index++) {
      assert.match(await (await client.chat({ ...CHAT, max_tokens: 2 })).text(), /data: \[DONE\]/);
    }
    assert.ok(await streamsTo(relay, "core-1") >= before + 10);
    const ends = await Promise.allSettled(streams.map(async (stream) => await (await stream).text()));
    assert.ok(ends.some(({ status }) => status === "fulfilled"), "streams of the other core go on");
    assert.equal((await relay.admin("edge", "/readyz"))?.status, 200);
  });
});

Deno.test("the tunnel runs over a WebSocket alone", async () => {
  await Relay.run({ transport: "websocket" }, async (relay) => {
    using client = new RelayClient(relay, "h2");
    assert.match(await (await client.chat({ ...CHAT, max_tokens: 5 })).text(), /data: \[DONE\]/);
    assert.ok(await relay.metric("edge", "lowu_tunnel_lanes", ['transport="websocket"']) >= 1);
  });
});
