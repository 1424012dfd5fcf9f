/** Processes that die, stop, start again or change their certificate, seen by clients with live streams. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { createAuthority, issueCertificate } from "../../shared/pki/certificate_authority.ts";
import { type Protocol, PROTOCOLS, RelayClient } from "./support/clients.ts";
import { type ConfigFile, Relay } from "./support/relay.ts";
import { until } from "./support/until.ts";

/** A stream that is read event by event. */
class EventReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  text = "";

  constructor(answer: Response) {
    assert.equal(answer.status, 200);
    this.#reader = (answer.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
  }

  async readSome(): Promise<void> {
    this.text += (await this.#reader.read()).value ?? "";
  }

  /** Reads to the end; gives what the transfer broke with, or null if it ended cleanly. */
  async readAll(): Promise<unknown> {
    try {
      for (let piece = await this.#reader.read(); !piece.done; piece = await this.#reader.read()) {
        this.text += piece.value;
      }
      return null;
    } catch (error) {
      return error;
    }
  }

  get lastEvent(): string {
    return this.text.trimEnd().split("\n\n").at(-1) ?? "";
  }
}

/** Slow enough that it is still streaming when something happens to the relay, and soon over afterwards. */
const SLOW_ORIGIN = ["--prefill-tokens-per-second=Infinity", "--decode-tokens-per-second=100"];
const LONG_CHAT = { stream: true, max_tokens: 150, ignore_eos: true };
const ENDLESS_CHAT = { stream: true, max_tokens: 100_000, ignore_eos: true };

/** Notices a dead core within a second, and does not wait long for it. */
function impatient(config: ConfigFile): void {
  Object.assign(config.tunnel, { wait_timeout_ms: 1500, reconnect_initial_ms: 50, reconnect_max_ms: 200 });
}

function impatientCore(config: ConfigFile): void {
  Object.assign(config.tunnel, { heartbeat_interval_ms: 200, dead_after_ms: 800, resume_timeout_ms: 500 });
}

for (const transport of ["quic", "tls"] as const) {
  Deno.test(`a core that is killed over ${transport}: streams break with an error event, requests wait, then it recovers`, async () => {
    const options = { transport, origins: [SLOW_ORIGIN], edge: impatient, core: impatientCore };
    await Relay.run(options, async (relay) => {
      using h2 = new RelayClient(relay, "h2");
      using http1 = new RelayClient(relay, "http/1.1");
      const streams = await Promise.all(
        [h2, http1].map(async (client) => new EventReader(await client.chat(ENDLESS_CHAT))),
      );
      for (const stream of streams) await stream.readSome();
      const core = relay.node("core");
      core.stop("SIGKILL");
      await core.exited;
      for (const stream of streams) {
        const error = await stream.readAll();
        assert.ok(error instanceof TypeError, "the transfer does not end cleanly");
        assert.match(stream.lastEvent, /^event: error\ndata: .*"code":"tunnel_lost"/);
      }
      await until(
        "the origin is free",
        async () => (await relay.origin.counts()).running === 0 ? true : null,
      );

      const refused = await h2.chat({ max_tokens: 1 });
      assert.equal(refused.status, 503);
      assert.equal((await refused.json()).error.code, "tunnel_unavailable");
      assert.ok(Number(refused.headers.get("retry-after")) >= 1);
      const readyz = await relay.admin("edge", "/readyz");
      assert.equal(readyz?.status, 503);
      assert.deepEqual((await readyz.json()).reasons, ["the tunnel to the core is down"]);

      const waiting = h2.chat({ max_tokens: 1 });
      relay.startNode("core");
      const answer = await waiting;
      await answer.body?.cancel();
      // Whether it started within the wait is up to the machine; the retry that the answer asks for succeeds.
      assert.ok(answer.status === 200 || answer.status === 503);
      await relay.ready();
      assert.equal((await (await h2.chat({ max_tokens: 1 })).json()).object, "chat.completion");
    });
  });
}

Deno.test("an edge that is told to stop finishes its streams and takes nothing new", async (context) => {
  for (const protocol of PROTOCOLS) {
    await context.step(protocol, async () => {
      await Relay.run({ origins: [SLOW_ORIGIN] }, async (relay) => {
        using client = new RelayClient(relay, protocol);
        using other = new RelayClient(relay, protocol);
        const stream = new EventReader(await client.chat(LONG_CHAT));
        await stream.readSome();
        const edge = relay.node("edge");
        edge.stop("SIGTERM");
        await until(
          "new connections are refused",
          () => other.fetch("/v1/models").then(() => null, () => true),
        );
        assert.equal(await stream.readAll(), null);
        assert.equal(stream.lastEvent, "data: [DONE]");
        assert.equal(await edge.exited, 0);
        assert.match(await relay.log("edge"), /"event":"drained","forcedConnections":0/);
      });
    });
  }
});

Deno.test("an edge whose grace is over tells each client that its answer is not whole", async () => {
  const edge = (config: ConfigFile) => void (config.listener.drain_grace_ms = 300);
  await Relay.run({ origins: [SLOW_ORIGIN], edge }, async (relay) => {
    using h2 = new RelayClient(relay, "h2");
    using http1 = new RelayClient(relay, "http/1.1");
    const streams = await Promise.all(
      [h2, http1].map(async (client) => new EventReader(await client.chat(ENDLESS_CHAT))),
    );
    for (const stream of streams) await stream.readSome();
    const node = relay.node("edge");
    node.stop("SIGTERM");
    for (const stream of streams) {
      assert.ok(await stream.readAll() instanceof TypeError, "the transfer does not end cleanly");
      assert.match(stream.lastEvent, /^event: error\ndata: .*"code":"tunnel_lost"/);
    }
    await node.exited;
  });
});

for (const transport of ["quic", "tls"] as const) {
  Deno.test(`a core over ${transport} that is told to stop finishes its streams`, async () => {
    await Relay.run({ transport, origins: [SLOW_ORIGIN], edge: impatient }, async (relay) => {
      using client = new RelayClient(relay, "h2");
      const stream = new EventReader(await client.chat(LONG_CHAT));
      await stream.readSome();
      const core = relay.node("core");
      core.stop("SIGTERM");
      await until(
        "the core drains",
        async () => (await relay.log("core")).includes('"draining"') ? true : null,
      );
      assert.equal(await stream.readAll(), null);
      assert.equal(stream.lastEvent, "data: [DONE]");
      assert.equal(await core.exited, 0);
      relay.startNode("core");
      await relay.ready();
      assert.equal((await client.chat({ max_tokens: 1 })).status, 200);
    });
  });
}

Deno.test("a certificate is changed under a live stream", async (context) => {
  await Relay.run({ origins: [SLOW_ORIGIN] }, async (relay) => {
    const authority = await createAuthority({ name: "Next authority", days: 1 });
    const next = await issueCertificate(authority, { names: ["127.0.0.1"], days: 1 });
    const isTrusted = async (ca: string) => {
      using client = new RelayClient(relay, "http/1.1", { ca });
      return await client.fetch("/v1/models").then(async (answer) => {
        await answer.body?.cancel();
        return true;
      }, () => false);
    };
    const streams = new Map<Protocol, EventReader>();
    const clients = PROTOCOLS.map((protocol) => [protocol, new RelayClient(relay, protocol)] as const);
    try {
      for (const [protocol, client] of clients) {
        streams.set(protocol, new EventReader(await client.chat({ ...LONG_CHAT, max_tokens: 300 })));
      }
      assert.ok(await isTrusted(relay.ca));
      await Deno.writeTextFile(join(relay.directory, "edge-certificate.pem"), next.certificatePem);
      await Deno.writeTextFile(join(relay.directory, "edge-key.pem"), next.keyPem);
      Deno.kill(relay.node("edge").pid, "SIGHUP");
      await until(
        "the new certificate is shown",
        async () => await isTrusted(authority.certificatePem) ? true : null,
      );
      assert.ok(!await isTrusted(relay.ca));
      for (const [protocol, stream] of streams) {
        await context.step(protocol, async () => {
          assert.equal(await stream.readAll(), null);
          assert.equal(stream.lastEvent, "data: [DONE]");
        });
      }
    } finally {
      for (const [, client] of clients) client[Symbol.dispose]();
    }
  });
});

Deno.test("an edge is alive, but not ready before its tunnel is up", async () => {
  const relay = await Relay.prepare({ edge: impatient });
  try {
    relay.startNode("edge");
    const health = await until("the edge lives", () => relay.admin("edge", "/healthz"));
    assert.deepEqual(await health.json(), { status: "alive" });
    await until(
      "its log is written while it runs",
      async () => (await relay.log("edge")).includes('"event":"listening"') ? true : null,
    );
    const early = await relay.admin("edge", "/readyz");
    assert.equal(early?.status, 503);
    assert.deepEqual(await early.json(), { ready: false, reasons: ["the tunnel to the core is down"] });
    relay.startNode("core");
    await relay.ready();
    await until("the core is ready", async () => {
      const answer = await relay.admin("core", "/readyz");
      await answer?.body?.cancel();
      return answer?.ok === true ? true : null;
    });
  } finally {
    await relay.stop();
  }
});
