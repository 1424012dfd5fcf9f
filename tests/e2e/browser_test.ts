/** Headless Chromium against the edge: fetch with streaming and abort, EventSource, over HTTP/2. */
import assert from "node:assert/strict";
import { type Browser, chromium, type Page } from "playwright-core";
import { testWithTool } from "../support/required_tool.ts";
import { type ConfigFile, Relay } from "./support/relay.ts";

const KEY_PARAMETER = "api_key";
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A page, and an event stream for EventSource, which can only GET: five numbered events, then silence. */
class PageOrigin {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** Resolves when the client of the latest event stream has left. */
  left = Promise.withResolvers<void>();
  /** `last-event-id` of each event stream asked for. */
  readonly lastEventIds: (string | null)[] = [];

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#answer(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  close(): Promise<void> {
    return this.#server.shutdown();
  }

  #answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    if (pathname === "/app/page") {
      return new Response("<!doctype html><title>page</title>", { headers: { "content-type": "text/html" } });
    }
    if (pathname !== "/app/events") return new Response(null, { status: 404 });
    const lastEventId = request.headers.get("last-event-id");
    this.lastEventIds.push(lastEventId);
    const first = Number(lastEventId ?? "0") + 1;
    const { left } = this;
    const encoder = new TextEncoder();
    const events = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let id = first; id < first + 5; id++) {
          controller.enqueue(encoder.encode(`retry: 20\nid: ${id}\nevent: number\ndata: ${id}\n\n`));
        }
        // The first stream ends, so that the client comes again and says where it was.
        if (first === 1) controller.close();
      },
      cancel: () => left.resolve(),
    });
    return new Response(events, { headers: { "content-type": "text/event-stream" } });
  }
}

interface Case {
  readonly page: Page;
  readonly relay: Relay;
  readonly origin: PageOrigin;
}

const CASES: Readonly<Record<string, (one: Case) => Promise<void>>> = {
  "fetch streams a chat over HTTP/2": async ({ page, relay }) => {
    const { text, pieces, protocol, storage } = await page.evaluate(async (key) => {
      const answer = await fetch("/v1/chat/completions", {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({
          model: "lowu-demo",
          stream: true,
          // Long enough that a busy machine cannot give it to the browser in one piece.
          max_tokens: 400,
          ignore_eos: true,
          messages: [{ role: "user", content: "Hi" }],
        }),
      });
      const reader = (answer.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      let pieces = 0;
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        text += piece.value;
        pieces++;
      }
      const [navigation] = performance.getEntriesByType("navigation");
      return {
        text,
        pieces,
        storage: answer.headers.get("cache-control"),
        protocol: navigation === undefined ? "" : Reflect.get(navigation, "nextHopProtocol"),
      };
    }, relay.key);
    assert.match(text, /data: \[DONE\]\n\n$/);
    assert.ok(pieces > 3, `${pieces} pieces: tokens come as they are made`);
    assert.equal(protocol, "h2");
    assert.equal(storage, "no-store, no-cache, must-revalidate");
    assert.ok(await relay.metric("edge", "lowu_connections_by_protocol_total", ['protocol="h2"']) >= 1);
  },
  "an aborted fetch reaches the origin": async ({ page, relay }) => {
    await page.evaluate(async (key) => {
      const leaving = new AbortController();
      const answer = await fetch("/v1/chat/completions", {
        method: "POST",
        headers: {
          "authorization": `Bearer ${key}`,
          "content-type": "application/json",
          "x-lowu-test-id": "browser",
        },
        body: JSON.stringify({
          model: "lowu-demo",
          stream: true,
          max_tokens: 100_000,
          ignore_eos: true,
          messages: [{ role: "user", content: "Hi" }],
        }),
        signal: leaving.signal,
      });
      await answer.body?.getReader().read();
      leaving.abort();
    }, relay.key);
    assert.equal((await relay.origin.seen("browser", "ended")).state, "aborted");
  },
  "a fetch whose stream is cut rejects": async ({ page, relay }) => {
    const { text, error } = await page.evaluate(async (key) => {
      const answer = await fetch("/v1/chat/completions", {
        method: "POST",
        headers: {
          "authorization": `Bearer ${key}`,
          "content-type": "application/json",
          "x-lowu-fault": "cut;after=5",
        },
        body: JSON.stringify({
          model: "lowu-demo",
          stream: true,
          messages: [{ role: "user", content: "Hi" }],
        }),
      });
      const reader = (answer.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      try {
        for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text += piece.value;
        return { text, error: null };
      } catch (error) {
        return { text, error: String(error) };
      }
    }, relay.key);
    assert.ok(error !== null, "it did not end cleanly");
    assert.match(text, /data: /);
  },
  "EventSource gets events, comes again where it was, and its leaving reaches the origin": async (one) => {
    const { page, relay, origin } = one;
    const seen = await page.evaluate(([key, parameter]) => {
      const source = new EventSource(`/app/events?${parameter}=${key}`);
      const seen: string[] = [];
      return new Promise<string[]>((resolve) => {
        source.addEventListener("number", ({ data }) => {
          if (seen.push(data) < 10) return;
          source.close();
          resolve(seen);
        });
      });
    }, [relay.key, KEY_PARAMETER]);
    assert.deepEqual(seen, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
    assert.deepEqual(origin.lastEventIds, [null, "5"]);
    await origin.left.promise;
  },
};

testWithTool("chromium", "Chromium streams from the edge", async (context, executablePath) => {
  const origin = new PageOrigin();
  const core = (config: ConfigFile) => {
    config.auth.query_parameter = KEY_PARAMETER;
    config.origins.push({ name: "app", endpoints: [{ url: origin.url }] });
    config.routes.unshift({ origin: "app", paths: ["/app/"] });
  };
  let browser: Browser | null = null;
  try {
    await Relay.run({ core }, async (relay) => {
      browser = await chromium.launch({ executablePath, headless: true, args: ARGUMENTS });
      const page = await browser.newPage({ ignoreHTTPSErrors: true });
      await page.goto(`${relay.url}/app/page?${KEY_PARAMETER}=${relay.key}`);
      assert.equal(await page.title(), "page");
      for (const [name, test] of Object.entries(CASES)) {
        await context.step(name, () => test({ page, relay, origin }));
      }
      await browser.close();
      browser = null;
    });
  } finally {
    await (browser as Browser | null)?.close();
    await origin.close();
  }
});
