/** A core that is told to stop while streams are live, over real lanes. */
import assert from "node:assert/strict";
import type { LiveRequest } from "../../support/live_exchange.ts";
import { answerHead, bytesOf } from "../../support/recorded_exchange.ts";
import { eventually } from "../../support/eventually.ts";
import { dialLoopback, SERVER_NAME, TRANSPORTS } from "../../shared/transport/lane_fixture.ts";
import { ListeningCore } from "./listening_core.ts";
import type { EdgeCall, TestEdge } from "./test_edge.ts";

const STREAMS = 200;
const FINISHED = 120;
const ROUNDS = 20;

/** Live answers, of which each round sends one more piece. */
class Load {
  readonly calls: EdgeCall[] = [];
  readonly served: LiveRequest[] = [];
  #rounds = 0;

  static async begin(core: ListeningCore, edge: TestEdge): Promise<Load> {
    const load = new Load();
    for (let index = 0; index < STREAMS; index++) {
      load.calls.push(edge.ask());
      const served = await core.origin.request(index);
      served.answer.head(answerHead());
      load.served.push(served);
    }
    return load;
  }

  async flow(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const piece = bytesOf(`piece ${this.#rounds++};`);
      for (const served of this.served) if (served.error === null) served.answer.body(piece);
      await new Promise((turn) => setTimeout(turn, 0));
    }
  }

  /** What each answer has been given. */
  get whole(): string {
    return Array.from({ length: this.#rounds }, (_, round) => `piece ${round};`).join("");
  }

  /** Ends the first answers, all of which must be whole. */
  async finish(count: number): Promise<void> {
    for (const [index, { request }] of this.calls.slice(0, count).entries()) {
      this.served[index]?.answer.end(null);
      request.end(null);
    }
    for (const { answer } of this.calls.slice(0, count)) {
      await answer.until("end");
      assert.equal(answer.text, this.whole);
    }
    this.calls.splice(0, count);
    this.served.splice(0, count);
  }
}

for (const transport of TRANSPORTS) {
  Deno.test(`a core that drains under load cuts nothing before its time, and then with a typed end: ${transport}`, async () => {
    await using core = new ListeningCore({ transport });
    const edge = await core.join();
    const { session } = edge;
    const load = await Load.begin(core, edge);
    await load.flow(ROUNDS);
    const grace = new AbortController();
    const draining = core.server.drain(grace.signal);
    await load.flow(ROUNDS);
    assert.equal(session.state, "draining");

    const turnedAway = await core.join();
    assert.deepEqual(turnedAway.results, [{ kind: "refused", reason: "unavailable" }]);
    for (const lane of [...session.lanes]) lane.fail(new Error("cut by the test"));
    await load.flow(ROUNDS);
    await edge.acceptLane(await dialLoopback(transport, core.listener.localAddress), {
      serverName: SERVER_NAME,
    });
    assert.equal(session.laneCount, 1, "the session is resumed");
    await load.flow(ROUNDS);
    await load.finish(FINISHED);

    grace.abort();
    await draining;
    for (const { answer } of load.calls) {
      await answer.until("abort tunnel_lost");
      assert.ok(load.whole.startsWith(answer.text) && answer.text !== "");
    }
    for (const served of load.served) await served.until("abort tunnel_lost");
    await session.gone;
    assert.deepEqual(edge.ends, [{ kind: "closed", by: "peer", code: 0 }]);
    await core.untilNothingIsKept();
    assert.deepEqual(core.sessions, []);
  });
}

Deno.test("a draining core says once, not every time, that it takes no new session of an edge", async () => {
  await using core = new ListeningCore({ transport: "tls" });
  const edge = await core.join();
  const { request, answer } = edge.ask();
  const served = await core.origin.request(0);
  const draining = core.server.drain(new AbortController().signal);
  for (let i = 0; i < 20; i++) await core.join();
  await eventually(() => core.tally.refused.unavailable === 20);
  const lines = core.log.of("lane_refused").map(({ edge, reason }) => [edge, reason]);
  assert.deepEqual(lines, [["hk-1", "unavailable"]]);
  served.answer.head(answerHead());
  served.answer.end(null);
  request.end(null);
  await answer.until("end");
  await draining;
});
