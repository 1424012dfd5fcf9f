import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_LANES } from "../../../shared/config/node_sections.ts";
import { type Fate, LaneWorld, QUIC, TLS, WEBSOCKET } from "./lane_world.ts";

/** Most dials that may begin within any ten seconds, whatever the network does. */
const MAX_DIALS_IN_TEN_SECONDS = 60;

function transports(world: LaneWorld): string[] {
  return world.lanes.map(({ transport }) => transport).toSorted();
}

Deno.test("LanePlan starts lanes one by one: QUIC, then one over TLS that is kept warm, then more QUIC", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS, WEBSOCKET], lanes: 4 });
  world.run(49);
  assert.equal(world.dials.length, 1, "nothing else before the first lane is there");
  world.run(10_000);
  assert.deepEqual(world.dials.map(({ at, route }) => [at, route.transport]), [
    [0, "quic"],
    [1000, "tls"],
    [2000, "quic"],
    [3000, "quic"],
  ]);
  assert.deepEqual(transports(world), ["quic", "quic", "quic", "tls"]);
  world.run(600_000);
  assert.equal(world.dials.length, 4);
});

Deno.test("LanePlan varies the time between two starts", () => {
  let drawn = 0;
  const world = new LaneWorld({ routes: [QUIC], lanes: 4, random: () => (drawn = (drawn + 0.3) % 1) });
  world.run(10_000);
  const gaps = world.dials.slice(1).map(({ at }, index) => Math.round(at - (world.dials[index]?.at ?? 0)));
  assert.deepEqual(gaps, [900, 1050, 1200]);
});

for (
  const [lanes, routes, expected] of [
    [1, [QUIC, TLS], ["quic"]],
    [2, [QUIC, TLS], ["quic", "tls"]],
    [2, [QUIC, WEBSOCKET], ["quic", "websocket"]],
    [3, [QUIC], ["quic", "quic", "quic"]],
    [3, [WEBSOCKET, TLS], ["tls", "tls", "tls"]],
    [2, [WEBSOCKET], ["websocket", "websocket"]],
    [3, [], []],
  ] as const
) {
  const ways = routes.map(({ transport }) => transport).join(" and ");
  Deno.test(`LanePlan makes ${expected.join(", ") || "nothing"} of ${lanes} lanes over ${ways || "no way"}`, () => {
    const world = new LaneWorld({ routes, lanes });
    world.run(60_000);
    assert.deepEqual(transports(world), expected);
    assert.equal(world.pendingCount, 0);
  });
}

Deno.test("LanePlan serves over TLS soon where UDP is blocked from the start, fills up, and says so once", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS, WEBSOCKET], lanes: 4 });
  world.fates.set(QUIC, "silence");
  world.fates.set(TLS, { opensAfterMs: 300 });
  assert.ok(world.runUntil(() => world.lanes.length > 0, 6_000) <= 1_010);
  assert.deepEqual(world.udpChanges, [], "a slow dial is not a blocked path");
  world.run(20_000);
  assert.deepEqual(transports(world), ["tls", "tls", "tls", "tls"]);
  world.run(600_000);
  assert.deepEqual(world.udpChanges, [true]);
  const tries = world.dials.filter(({ route }) => route === QUIC).map(({ at }) => at);
  assert.ok(tries.length >= 620 / 25 && tries.length < 100, `${tries.length} tries`);
});

Deno.test("LanePlan tries WebSockets where TLS cannot connect, and only there", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS, WEBSOCKET], lanes: 3 });
  world.fates.set(QUIC, "silence");
  world.fates.set(TLS, { fails: "unreachable", afterMs: 10 });
  assert.ok(world.runUntil(() => world.lanes.length > 0, 6_000) <= 770);
  world.run(20_000);
  assert.deepEqual(transports(world), ["websocket", "websocket", "websocket"]);
});

Deno.test("LanePlan is back on QUIC within a minute of its return, and then lets go of what is too much", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 4, random: () => 0.999 });
  world.fates.set(QUIC, "silence");
  world.run(900_000);
  world.fates.set(QUIC, { opensAfterMs: 50 });
  const returnedAfterMs = world.runUntil(() => world.count("quic") > 0, 60_000);
  assert.ok(returnedAfterMs <= 25_100, `${returnedAfterMs} ms`);
  world.run(9_900);
  assert.deepEqual([world.retired.length, world.count("quic")], [0, 1], "it has to last");
  world.run(10_000);
  assert.deepEqual(transports(world), ["quic", "quic", "quic", "tls"]);
  assert.deepEqual(world.udpChanges, [true, false]);
  assert.equal(world.retired.length, 3);
});

Deno.test("LanePlan makes no storm of a path that comes and goes, and keeps its lanes over TLS", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 4 });
  world.fates.set(QUIC, "silence");
  world.run(60_000);
  const before = world.dials.length;
  for (let flap = 0; flap < 20; flap++) {
    world.fates.set(QUIC, { opensAfterMs: 50 });
    world.runUntil(() => world.count("quic") > 0, 30_000);
    world.run(3_000);
    world.fates.set(QUIC, "silence");
    world.killAll("quic");
    assert.equal(world.count("tls"), 4);
  }
  assert.deepEqual(world.udpChanges, [true]);
  assert.equal(world.retired.length, 0);
  assert.ok(world.dials.length - before <= 60, `${world.dials.length - before} dials`);
});

Deno.test("LanePlan does not take a refusal, a wrong certificate or a broken handshake for a blocked path", () => {
  for (const fails of ["refused", "certificate", "protocol", "elsewhere", "name"] as const) {
    const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 3 });
    world.fates.set(QUIC, { fails, afterMs: 20 });
    world.run(60_000);
    assert.deepEqual(world.udpChanges, [], fails);
    assert.equal(world.count("tls"), 3, `${fails}: it serves all the same`);
  }
});

Deno.test("LanePlan that is refused waits longer and longer on each way", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 4, random: () => 0.999 });
  for (const route of [QUIC, TLS]) world.fates.set(route, { fails: "refused", afterMs: 0 });
  world.run(12_000);
  for (const way of [QUIC, TLS]) {
    const times = world.dials.filter(({ route }) => route === way).map(({ at }) => at);
    const gaps = times.slice(1).map((at, index) => Math.round(at - (times[index] ?? 0)));
    assert.deepEqual(gaps, [200, 400, 799, 1598, 3197]);
  }
});

Deno.test("LanePlan asks a core that takes no session again every second or two, and at once when it is gone", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 4 });
  for (const route of [QUIC, TLS]) world.fates.set(route, { fails: "unavailable", afterMs: 0 });
  world.run(10_000);
  const times = world.dials.filter(({ route }) => route === TLS).map(({ at }) => at);
  assert.deepEqual(times, [0, 1500, 3000, 4500, 6000, 7500, 9000]);
  world.routes.release(world.clock.now());
  world.fates.set(QUIC, { opensAfterMs: 50 });
  world.run(51);
  assert.equal(world.lanes.length, 1);
});

Deno.test("LanePlan dials at once when the last lane of a good session is gone, and all ways race again", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 4 });
  world.run(30_000);
  const before = world.dials.length;
  world.fates.set(QUIC, "silence");
  world.killAll();
  const from = world.clock.now();
  assert.ok(world.runUntil(() => world.lanes.length > 0, 6_000) <= 760);
  assert.deepEqual(world.dials.slice(before).map(({ at, route }) => [at - from, route.transport]), [
    [0, "quic"],
    [700, "tls"],
  ]);
});

Deno.test("LanePlan begins with TLS once it has found UDP blocked", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 2 });
  world.fates.set(QUIC, "silence");
  world.run(30_000);
  const before = world.dials.length;
  world.killAll();
  world.run(100);
  assert.equal(world.dials[before]?.route, TLS);
  assert.equal(world.lanes.length, 1);
});

Deno.test("LanePlan replaces lanes that die, and waits longer for those that die young", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 4 });
  world.run(30_000);
  for (const lane of world.lanes.filter(({ transport }) => transport === "quic").slice(1)) world.kill(lane);
  world.run(5_000);
  assert.deepEqual(transports(world), ["quic", "quic", "quic", "tls"]);
  const before = world.dials.length;
  for (const end = world.clock.now() + 60_000; world.clock.now() < end;) {
    world.killAll();
    world.run(100);
  }
  assert.ok(world.dials.length - before < 40, `${world.dials.length - before} dials in a minute`);
});

Deno.test("LanePlan gives up a dial that the race began and nobody needs", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 1 });
  world.fates.set(QUIC, { opensAfterMs: 800 });
  world.fates.set(TLS, { opensAfterMs: 300 });
  world.run(801);
  assert.deepEqual([world.pendingCount, transports(world)], [0, ["quic"]]);
});

Deno.test("LanePlan lets go of the lane that won the race once the better one has lasted", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 1 });
  world.fates.set(QUIC, { opensAfterMs: 1_500 });
  world.run(11_490);
  assert.deepEqual(transports(world), ["quic", "tls"]);
  world.run(20);
  assert.deepEqual(transports(world), ["quic"]);
});

Deno.test("LanePlan of a session that drains keeps one lane alive, and no more", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 4 });
  world.run(30_000);
  world.plan.drain();
  world.kill(world.lanes[0] ?? assert.fail());
  world.run(30_000);
  assert.equal(world.lanes.length, 3);
  world.killAll();
  world.run(30_000);
  assert.equal(world.lanes.length, 1);
});

Deno.test("LanePlan leaves room in the session for the return of QUIC", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: MAX_LANES });
  world.fates.set(QUIC, "silence");
  world.run(120_000);
  assert.equal(world.lanes.length, MAX_LANES - 1);
  world.fates.set(QUIC, { opensAfterMs: 50 });
  world.run(120_000);
  assert.deepEqual([world.count("quic"), world.count("tls")], [MAX_LANES - 1, 1]);
});

/** Lanes of four that have been up for long. */
function settledWorld(): LaneWorld {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 4 });
  world.run(30_000);
  return world;
}

Deno.test("LanePlan dials beside a silent lane, and lets go of the youngest when that one has long been heard again", () => {
  const world = settledWorld();
  const before = [...world.lanes];
  const silent = before.find(({ transport }) => transport === "quic") ?? assert.fail();
  world.silence([silent]);
  world.run(1_000);
  assert.deepEqual(transports(world), ["quic", "quic", "quic", "quic", "tls"]);
  world.run(2_000);
  assert.equal(world.lanes.length, 5, "one for one");
  world.hear([silent]);
  world.run(9_990);
  assert.equal(world.lanes.length, 5, "it has to last");
  world.run(20);
  assert.deepEqual(world.lanes, before);
});

Deno.test("LanePlan lets go of lanes that carry nothing first", () => {
  const world = settledWorld();
  const [idle] = world.lanes;
  world.startsBusy = true;
  world.silence();
  world.run(5_000);
  assert.equal(world.lanes.length, 8);
  const dialled = world.lanes.slice(4);
  world.hear();
  world.run(20_000);
  assert.deepEqual(transports(world), ["quic", "quic", "quic", "tls"]);
  assert.equal(idle?.transport, "quic");
  assert.deepEqual(world.lanes, dialled);
});

Deno.test("LanePlan keeps what is too much while lanes go on falling silent", () => {
  const world = settledWorld();
  world.silence();
  world.run(5_000);
  world.hear();
  world.run(9_900);
  world.silence(world.lanes.slice(0, 1));
  world.run(9_900);
  assert.deepEqual([world.lanes.length, world.retired.length], [8, 0]);
});

Deno.test("LanePlan whose lanes are all silent lets all ways race as if there were none", () => {
  const world = settledWorld();
  const before = world.dials.length;
  const silent = [...world.lanes];
  world.fates.set(QUIC, "silence");
  const from = world.clock.now();
  world.silence();
  assert.ok(world.runUntil(() => world.lanes.length > silent.length, 6_000) <= 760);
  assert.deepEqual(world.dials.slice(before).map(({ at, route }) => [at - from, route.transport]), [
    [0, "quic"],
    [700, "tls"],
  ]);
});

Deno.test("LanePlan finds UDP blocked though its silent QUIC lanes do not die, and takes them back", () => {
  const world = settledWorld();
  world.fates.set(QUIC, "silence");
  const silent = world.lanes.filter(({ transport }) => transport === "quic");
  world.silence(silent);
  world.run(30_000);
  assert.deepEqual([world.count("tls"), world.udpChanges], [4, [true]]);
  world.fates.set(QUIC, { opensAfterMs: 50 });
  world.hear(silent);
  world.run(20_000);
  assert.deepEqual(transports(world), ["quic", "quic", "quic", "tls"]);
  assert.deepEqual([world.udpChanges, world.fewestBehindRetirement], [[true, false], 4]);
});

Deno.test("LanePlan lets go of lanes over TCP that are too many without a lane over QUIC", () => {
  for (const routes of [[QUIC, TLS], [TLS]]) {
    const world = new LaneWorld({ routes, lanes: 4 });
    world.fates.set(QUIC, "silence");
    world.run(60_000);
    world.silence();
    world.run(10_000);
    assert.equal(world.count("tls"), 8);
    world.hear();
    world.run(10_010);
    assert.equal(world.count("tls"), 4);
  }
});

Deno.test("LanePlan attaches no more lanes than a session takes, and fills up when the silent ones are gone", () => {
  const world = new LaneWorld({ routes: [QUIC, TLS], lanes: 12 });
  world.run(60_000);
  const silent = [...world.lanes];
  world.silence();
  world.run(60_000);
  assert.deepEqual([world.mostLanes, world.pendingCount], [MAX_LANES, 0]);
  for (const lane of silent) world.kill(lane);
  world.run(60_000);
  assert.deepEqual([world.count("quic"), world.count("tls"), world.mostLanes], [11, 1, MAX_LANES]);
});

for (const [silentMs, heardMs] of [[100, 400], [300, 3_000], [4_000, 1_000], [4_900, 9_000]] as const) {
  Deno.test(`LanePlan makes no storm of lanes that are silent for ${silentMs} of ${silentMs + heardMs} ms`, () => {
    const world = settledWorld();
    const before = world.dials.length;
    for (const route of [QUIC, TLS]) world.fates.set(route, { opensAfterMs: 200 });
    for (let flap = 0; flap < 100; flap++) {
      world.silence();
      world.run(silentMs);
      world.hear();
      world.run(heardMs);
    }
    assert.equal(world.retired.length, 0);
    const dials = world.dials.length - before;
    assert.ok(dials <= MAX_LANES - 4, `${dials} dials`);
    world.run(60_000);
    assert.deepEqual(transports(world), ["quic", "quic", "quic", "tls"]);
  });
}

Deno.test("LanePlan dials no more in a blackout for lanes that are silent first", () => {
  const dialsOf = (blackOut: (world: LaneWorld) => void) => {
    const world = settledWorld();
    const before = world.dials.length;
    for (const route of [QUIC, TLS]) world.fates.set(route, "silence");
    blackOut(world);
    world.run(300_000);
    return world.dials.length - before;
  };
  const afterDeath = dialsOf((world) => world.killAll());
  const afterSilence = dialsOf((world) => {
    world.silence();
    world.run(2_500);
    world.killAll();
  });
  assert.ok(afterSilence <= afterDeath + 2, `${afterSilence} dials instead of ${afterDeath}`);
});

Deno.test("LanePlan of a session that drains dials one lane beside silent ones, and retires none", () => {
  const world = settledWorld();
  world.plan.drain();
  world.silence();
  world.run(30_000);
  assert.equal(world.lanes.length, 5);
  world.hear();
  world.run(30_000);
  assert.deepEqual([world.lanes.length, world.retired.length], [5, 0]);
});

Deno.test("LanePlan never lets go of lanes that it did not dial", () => {
  const world = new LaneWorld({ routes: [], lanes: 1 });
  const lanes = [1, 2, 3].map(() => ({ transport: "quic" as const, route: null, isIdle: true }));
  for (const lane of lanes) world.plan.opened(lane, 0);
  world.silence(lanes);
  world.run(1_000);
  world.hear(lanes);
  world.run(60_000);
  assert.deepEqual([world.retired, world.dials], [[], []]);
});

const FATE: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ opensAfterMs: fc.integer({ min: 1, max: 1500 }) }) },
  fc.constant("silence" as const),
  fc.record({
    fails: fc.constantFrom("unreachable", "refused", "unavailable", "certificate", "protocol" as const),
    afterMs: fc.integer({ min: 0, max: 300 }),
  }),
);

type Happening =
  | { kind: "fate"; way: number; fate: Fate }
  | { kind: "kill" | "silence" | "hear"; lane: number }
  | { kind: "run"; ms: number };

const HAPPENING: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ kind: fc.constant("fate" as const), way: fc.nat(2), fate: FATE }),
  fc.record({ kind: fc.constantFrom("kill", "silence", "hear" as const), lane: fc.nat(15) }),
  fc.record({ kind: fc.constant("run" as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
);

/** Evenly distributed in [0, 1), the same for the same seed (mulberry32). */
function evenly(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

Deno.test("LanePlan never storms, never has too many lanes, and comes to rest on QUIC when the network does", () => {
  const routes = [QUIC, TLS, WEBSOCKET];
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: MAX_LANES }),
      fc.array(HAPPENING, { maxLength: 60 }),
      fc.nat(),
      (lanes, happenings, seed) => {
        const world = new LaneWorld({ routes, lanes, random: evenly(seed) });
        for (const happening of happenings) {
          if (happening.kind === "fate") world.fates.set(routes[happening.way] ?? QUIC, happening.fate);
          else if (happening.kind === "run") world.run(happening.ms);
          else {
            const lane = world.lanes[happening.lane];
            if (lane === undefined) continue;
            if (happening.kind === "kill") world.kill(lane);
            else world[happening.kind]([lane]);
          }
          assert.ok(world.mostLanes <= MAX_LANES, `${world.mostLanes} lanes`);
          assert.ok(world.pendingCount <= routes.length, `${world.pendingCount} dials at once`);
        }
        for (const { at } of world.dials) {
          const burst = world.dials.filter((other) => other.at >= at && other.at < at + 10_000).length;
          assert.ok(burst <= MAX_DIALS_IN_TEN_SECONDS, `${burst} dials within ten seconds`);
        }
        for (const route of routes) world.fates.set(route, { opensAfterMs: 50 });
        world.hear();
        world.run(60_000 + lanes * 2_500);
        assert.ok(world.fewestBehindRetirement >= Math.min(lanes, MAX_LANES - 1));
        const streams = lanes > 1 ? 1 : 0;
        assert.deepEqual([world.count("quic"), world.lanes.length], [lanes - streams || 1, lanes]);
        assert.ok(!world.routes.isUdpBlocked && !world.routes.isFallenBack);
        const rested = world.dials.length;
        world.run(600_000);
        assert.equal(world.dials.length, rested);
      },
    ),
    { numRuns: 300 },
  );
});
