/** A border of real processes: clients and an edge at end A of an emulated link, cores and origins at end B. */
import assert from "node:assert/strict";
import denoJson from "../../../deno.json" with { type: "json" };
import type { Child } from "../../../bench/harness/child_process.ts";
import type { Place } from "../../../bench/harness/place.ts";
import type { Workbench } from "../../../bench/harness/workbench.ts";
import { startOrigin } from "../../../bench/origin/start_origin.ts";
import type { RelayTarget } from "../../../bench/relays/relay.ts";
import { EmulatedLink } from "../../../bench/wanlink/emulated_link.ts";
import { sumOf } from "../../e2e/support/relay.ts";
import { until } from "../../e2e/support/until.ts";
import {
  type BorderNode,
  type BorderNodes,
  type BorderOptions,
  type NodeName,
  writeConfigurations,
} from "./border_configuration.ts";
import { BorderEnd } from "./border_end_process.ts";

/** One way over the border, in ms. */
export const DELAY_MS = 20;

const START_TIMEOUT_MS = 30_000;

export class Border {
  readonly link: EmulatedLink;
  /** Where clients are. */
  readonly client: BorderEnd;
  /** Beside cores and origins. */
  readonly far: BorderEnd;
  readonly target: RelayTarget;
  /** Of the embedded origin, for those at the far end. */
  readonly originUrl: string;
  readonly #bench: Workbench;
  readonly #nodes: BorderNodes;
  readonly #running = new Map<NodeName, Child>();

  private constructor(bench: Workbench, parts: {
    link: EmulatedLink;
    ends: { client: BorderEnd; far: BorderEnd };
    target: RelayTarget;
    originUrl: string;
    nodes: BorderNodes;
  }) {
    this.#bench = bench;
    this.link = parts.link;
    this.client = parts.ends.client;
    this.far = parts.ends.far;
    this.target = parts.target;
    this.originUrl = parts.originUrl;
    this.#nodes = parts.nodes;
  }

  /** Everything but edge and cores runs. */
  static async prepare(bench: Workbench, options: BorderOptions, seed: number): Promise<Border> {
    const link = await EmulatedLink.open(bench, { delayMs: DELAY_MS, seed });
    const [client, far, tokens, originUrl] = await Promise.all([
      BorderEnd.start(bench, link.a),
      BorderEnd.start(bench, link.b),
      startOrigin(bench, link.b),
      startEmbeddedOrigin(bench, link.b),
    ]);
    const origins = { tokens: `http://127.0.0.1:${tokens.port}`, embedded: originUrl };
    const { target, nodes } = await writeConfigurations(bench, options, { link, origins });
    return new Border(bench, { link, ends: { client, far }, target, originUrl, nodes });
  }

  start(name: NodeName): Child {
    const node = this.#node(name);
    const [deno, ...args] = denoJson.tasks[node.task].split(" ");
    if (deno !== "deno") throw new TypeError(`task ${node.task} must run deno`);
    const child = this.#bench.start({
      name,
      command: Deno.execPath(),
      args: [...args, "--config", node.file],
      place: node.place,
      talk: "silent",
    });
    this.#running.set(name, child);
    return child;
  }

  process(name: NodeName): Child {
    const child = this.#running.get(name);
    assert.ok(child !== undefined, `${name} was not started`);
    return child;
  }

  /** Resolves when a probe has come back through the tunnel. */
  async ready(name: NodeName = "edge"): Promise<void> {
    await until(`${name} is ready`, async () => (await this.#admin(name, "/readyz"))?.status === 200 || null);
  }

  /** Whether a node answers on its admin address. */
  async isUp(name: NodeName): Promise<boolean> {
    return await this.#admin(name, "/healthz") !== null;
  }

  /** Sum of a metric's samples whose labels include all of `labels`. */
  async metric(name: NodeName, metric: string, labels: readonly string[] = []): Promise<number> {
    const answer = await this.#admin(name, "/metrics");
    assert.ok(answer !== null, `${name} gives no metrics`);
    return sumOf(answer.text, metric, labels);
  }

  /** The end of what the nodes logged. */
  logs(): string {
    return [...this.#running.values()].map((child) => child.logTail()).join("\n");
  }

  #admin(name: NodeName, path: "/metrics" | "/readyz" | "/healthz") {
    const { place, adminUrl } = this.#node(name);
    const end = place === this.link.a ? this.client : this.far;
    return end.ask({ kind: "get", url: adminUrl + path });
  }

  #node(name: NodeName): BorderNode {
    const node = this.#nodes[name];
    assert.ok(node !== undefined, `there is no ${name}`);
    return node;
  }
}

async function startEmbeddedOrigin(bench: Workbench, place: Place): Promise<string> {
  const [, ...args] = denoJson.tasks.origin.split(" ");
  const child = bench.start({
    name: "embedded-origin",
    command: Deno.execPath(),
    args: [...args, "--json", "--prefill-tokens-per-second=Infinity"],
    place,
    talk: "lines",
  });
  const { url } = JSON.parse(await child.nextLine(START_TIMEOUT_MS));
  return url;
}
