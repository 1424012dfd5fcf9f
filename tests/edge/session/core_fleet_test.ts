import assert from "node:assert/strict";
import { answerProbes } from "../../../core/session/answer_probes.ts";
import { CoreFleet } from "../../../edge/session/core_fleet.ts";
import { WaitingRoom } from "../../../edge/session/wait_for_tunnel.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { eventually } from "../../support/eventually.ts";
import { LiveAnswer, type LiveRequest } from "../../support/live_exchange.ts";
import { answerHead, bytesOf, requestHead } from "../../support/recorded_exchange.ts";
import { LinkedCore, type LinkedCoreOptions, TestLink } from "./linked_core.ts";

const LEFT = new RelayError("client_left", { source: "downstream" });

interface TestFleetOptions extends LinkedCoreOptions {
  readonly waitTimeoutMs?: number;
  readonly probeIntervalMs?: number;
}

/** An edge with several cores of these weights, and a room for requests that find none. */
class TestFleet implements AsyncDisposable {
  readonly cores: LinkedCore[];
  readonly edges: TestLink[] = [];
  readonly room: WaitingRoom;
  readonly fleet: CoreFleet;
  readonly picks: string[] = [];

  constructor(weights: number[], options: TestFleetOptions = {}) {
    const { waitTimeoutMs = 60_000, probeIntervalMs = 50 } = options;
    this.cores = weights.map(() => new LinkedCore({ transports: ["tls"], ...options, wrap: answerProbes }));
    this.fleet = new CoreFleet({
      clock: SYSTEM_CLOCK,
      probeIntervalMs,
      newRequestId: () => "probe",
      cores: this.cores.map((core, index) => ({
        weight: weights[index] ?? 1,
        newLink: (events) => {
          const edge = new TestLink(core.routes, { ...events, name: `core-${index}`, isStarted: false });
          this.edges.push(edge);
          return edge.link;
        },
      })),
      onOpening: () => queueMicrotask(() => this.room.admit()),
      onPicked: (_request, { name }) => this.picks.push(name),
    });
    this.room = new WaitingRoom({
      clock: SYSTEM_CLOCK,
      waitTimeoutMs,
      maxWaiting: 100,
      open: (request, answer) => this.fleet.open(request, answer),
    });
    this.fleet.start();
  }

  static async up(...parameters: ConstructorParameters<typeof TestFleet>): Promise<TestFleet> {
    const fleet = new TestFleet(...parameters);
    await eventually(() => fleet.fleet.links.every(({ isUp }) => isUp) && fleet.fleet.readiness.ready);
    return fleet;
  }

  ask() {
    const answer = new LiveAnswer();
    const request = this.room.handler(requestHead(), answer);
    answer.request = request;
    return { request, answer };
  }

  core(index: number): LinkedCore {
    return this.cores[index] ?? assert.fail();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet.drain(AbortSignal.abort());
    for (const core of this.cores) await core[Symbol.asyncDispose]();
  }
}

function answerWhole({ answer }: LiveRequest): void {
  answer.head(answerHead());
  answer.end(null);
}

/** An exchange from its start to its end, at whichever core. */
async function whole(fleet: TestFleet): Promise<void> {
  const { request, answer } = fleet.ask();
  request.end(null);
  await answer.until("end");
}

function answerAll(fleet: TestFleet): void {
  for (const { handler } of fleet.cores) handler.onRequest = answerWhole;
}

Deno.test("CoreFleet spreads exchanges by weight, and sends all to the other while one drains or is gone", async () => {
  await using fleet = await TestFleet.up([3, 1]);
  answerAll(fleet);
  // A machine that is busy makes a core look far for a while.
  const share = async () => {
    fleet.picks.length = 0;
    await Promise.all(Array.from({ length: 40 }, () => whole(fleet)));
    return fleet.picks.filter((name) => name === "core-0").length;
  };
  let found = 0;
  for (let round = 0; round < 200 && found !== 30; round++) found = await share();
  assert.equal(found, 30);
  const drained = fleet.core(0).drain();
  await eventually(() => fleet.fleet.links[0]?.isUp === false);
  fleet.picks.length = 0;
  for (let index = 0; index < 10; index++) await whole(fleet);
  await drained;
  await fleet.core(0).die();
  for (let index = 0; index < 10; index++) await whole(fleet);
  assert.deepEqual(new Set(fleet.picks), new Set(["core-1"]));
  assert.equal(fleet.fleet.readiness.ready, true);
  fleet.core(0).start();
  await eventually(() => fleet.fleet.links[0]?.isUp === true);
  for (let index = 0; index < 12; index++) await whole(fleet);
  assert.ok(fleet.picks.includes("core-0"));
});

Deno.test("CoreFleet gives what a core has no room for to another, and lets it wait where none has", async () => {
  await using fleet = await TestFleet.up([3, 1], { limits: { maxStreams: 2 }, probeIntervalMs: 60_000 });
  await eventually(() => fleet.edges.every(({ link }) => link.session?.streamCount === 0));
  const calls = Array.from({ length: 7 }, () => fleet.ask());
  await eventually(() => fleet.room.waitingCount === 3);
  assert.deepEqual(fleet.picks.toSorted(), ["core-0", "core-0", "core-1", "core-1"]);
  for (const { request } of calls.slice(0, 4)) request.abort(LEFT);
  await eventually(() => fleet.room.waitingCount === 0);
  assert.equal(fleet.picks.length, 7);
});

Deno.test("requests wait while the only core is replaced, and are served by the next one", async () => {
  await using fleet = await TestFleet.up([1]);
  const core = fleet.core(0);
  const early = fleet.ask();
  early.request.end(null);
  const served = await core.handler.request(0);
  const drained = core.drain();
  await eventually(() => fleet.fleet.links[0]?.isUp === false);
  assert.equal(fleet.fleet.readiness.ready, false);
  const waiting = fleet.ask();
  waiting.request.body(bytesOf("while "));
  waiting.request.body(bytesOf("none is up"));
  waiting.request.end(null);
  assert.equal(fleet.room.waitingCount, 1);
  answerWhole(served);
  await early.answer.until("end");
  await drained;
  assert.deepEqual(waiting.answer.calls, []);
  await core.replace();
  const next = await core.handler.request(1);
  await next.until("end");
  assert.equal(next.text, "while none is up");
  answerWhole(next);
  await waiting.answer.until("end");
  await eventually(() => fleet.fleet.readiness.ready);
});

Deno.test("a request that has waited too long for a core is answered 503", async () => {
  await using fleet = await TestFleet.up([1, 1], { waitTimeoutMs: 20 });
  for (const core of fleet.cores) await core.die();
  await eventually(() => fleet.fleet.links.every(({ isUp }) => !isUp));
  assert.deepEqual(fleet.fleet.readiness.reasons, ["the tunnels to all cores are down"]);
  const { answer } = fleet.ask();
  await answer.until("abort tunnel_unavailable");
  assert.equal(answer.error?.retryAfterSeconds, 1);
});

Deno.test("CoreFleet is ready while a core answers probes, and no probe reaches the pipeline", async () => {
  await using fleet = await TestFleet.up([1, 1]);
  const swallow = (index: number) => fleet.core(index).tcp.get("tls")?.swallow();
  const probed = () => fleet.fleet.gateSource.probes?.().map(({ roundTripMs }) => roundTripMs !== null);
  await eventually(() => probed()?.every(Boolean) === true);
  swallow(0);
  await eventually(() => probed()?.[0] === false);
  assert.equal(fleet.fleet.readiness.ready, true);
  for (const { handler } of fleet.cores) assert.deepEqual(handler.requests, []);
  await eventually(() => probed()?.every(Boolean) === true);
});
