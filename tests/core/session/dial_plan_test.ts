import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_LANES } from "../../../shared/config/node_sections.ts";
import { DialPlan, type DialStep, type DialWay, type HeldLane } from "../../../core/session/dial_plan.ts";

const QUIC: DialWay = { address: "edge.test:7444", transport: "quic" };
const TLS: DialWay = { address: "edge.test:7444", transport: "tls" };
const WEB: DialWay = { address: "edge.test:443", transport: "websocket" };
/** Back-off without chance: the whole bound. */
const BACKOFF = { initialMs: 100, maxMs: 60_000, random: () => 1 };

/** A plan with the lanes that it has brought, on a clock that the test moves. */
class Dialling {
  readonly plan: DialPlan;
  held: HeldLane[] = [];
  now = 0;
  readonly #shut = new Set<DialWay>();

  constructor(ways: readonly DialWay[], { lanes = 4 } = {}) {
    this.plan = new DialPlan({ ways, lanes, backoff: BACKOFF });
  }

  get step(): DialStep<HeldLane> {
    return this.plan.next(this.held, this.now);
  }

  get transports(): string {
    return this.held.map(({ way }) => way.transport).sort().join(" ");
  }

  /** Nobody is reached that way; lanes over it die. */
  shut(way: DialWay): void {
    this.#shut.add(way);
    for (const lane of this.held.filter((one) => one.way === way)) {
      this.held = this.held.filter((other) => other !== lane);
      this.plan.lost(lane, this.now);
    }
  }

  open(way: DialWay): void {
    this.#shut.delete(way);
  }

  /** These lanes bring nothing any more, but do not die. */
  silence(lanes: readonly HeldLane[] = this.held): void {
    this.held = this.held.map((one) => lanes.includes(one) ? { ...one, heardSince: null } : one);
  }

  /** All that were silent bring something again. */
  hear(): void {
    this.held = this.held.map((one) => ({ ...one, heardSince: one.heardSince ?? this.now }));
  }

  /** Does what the plan says until it waits; returns the ways that were dialled. */
  settle(): string {
    const dialled: string[] = [];
    for (let step = this.step; step.kind !== "wait"; step = this.step) {
      assert.ok(dialled.length < 100, `the plan never rests: ${dialled}`);
      if (step.kind === "retire") this.#retire(step.lane);
      else this.#dial(step.way, dialled);
    }
    return dialled.join(" ");
  }

  /** Lets `ms` pass, doing what the plan says whenever it wants to. */
  pass(ms: number): string {
    const end = this.now + ms;
    const dialled = [this.settle()];
    for (let step = this.step; step.kind === "wait" && step.until !== null && step.until <= end;) {
      this.now = Math.max(this.now, step.until);
      dialled.push(this.settle());
      step = this.step;
    }
    this.now = end;
    return dialled.filter((text) => text !== "").join(" ");
  }

  #retire(lane: HeldLane): void {
    this.held = this.held.filter((other) => other !== lane);
  }

  #dial(way: DialWay, dialled: string[]): void {
    dialled.push(way.transport);
    if (this.#shut.has(way)) return this.plan.failed(way, this.now);
    this.held.push({ way, upAt: this.now, heardSince: this.now, isIdle: true });
    this.plan.opened(way);
  }
}

Deno.test("DialPlan fills up with QUIC and keeps one lane on a stream", () => {
  for (
    const [ways, lanes, expected] of [
      [[QUIC, TLS, WEB], 4, "quic quic quic tls"],
      [[QUIC, TLS], 1, "quic"],
      [[QUIC], 3, "quic quic quic"],
      [[WEB, TLS], 2, "websocket websocket"],
    ] as const
  ) {
    const dialling = new Dialling(ways, { lanes });
    assert.equal(dialling.settle(), expected);
    assert.deepEqual(dialling.step, { kind: "wait", until: null }, "nothing is left to do");
  }
});

Deno.test("DialPlan lets streams stand in for QUIC, and gives them up when it has come back to stay", () => {
  const dialling = new Dialling([QUIC, TLS]);
  dialling.shut(QUIC);
  assert.equal(dialling.settle(), "quic tls tls tls tls");
  dialling.pass(600_000);
  assert.equal(dialling.transports, "tls tls tls tls");
  dialling.open(QUIC);
  const dialled = dialling.pass(20_000);
  assert.equal(dialled, "quic quic quic", "asked again within 20 s, although the back-off goes up to 60 s");
  dialling.pass(10_000);
  assert.equal(dialling.transports, "quic quic quic tls");
});

Deno.test("DialPlan keeps the streams while QUIC comes and goes", () => {
  const dialling = new Dialling([QUIC, TLS]);
  dialling.shut(QUIC);
  dialling.settle();
  for (let round = 0; round < 5; round++) {
    dialling.open(QUIC);
    const { step } = dialling;
    assert.ok(step.kind === "wait" && step.until !== null);
    dialling.now = step.until;
    assert.equal(dialling.settle(), "quic quic quic");
    dialling.pass(4_000);
    dialling.shut(QUIC);
    assert.equal(dialling.transports, "tls tls tls tls");
  }
});

Deno.test("DialPlan falls back at once when QUIC lanes die, to the stream way that answers", () => {
  const dialling = new Dialling([QUIC, TLS, WEB], { lanes: 3 });
  dialling.settle();
  dialling.shut(TLS);
  dialling.shut(QUIC);
  dialling.pass(1_000);
  assert.equal(dialling.transports, "websocket websocket websocket");
});

Deno.test("DialPlan does not take a lane that dies for a way that is shut", () => {
  const dialling = new Dialling([QUIC, TLS, WEB]);
  dialling.settle();
  for (const way of [QUIC, TLS]) {
    dialling.shut(way);
    dialling.open(way);
  }
  dialling.pass(1_000);
  assert.equal(dialling.transports, "quic quic quic tls");
});

Deno.test("DialPlan gives QUIC a short time only while nothing else is up and something else could be", () => {
  const limitOf = (dialling: Dialling) => dialling.step.kind === "dial" && dialling.step.limitMs;
  const cold = new Dialling([QUIC, TLS]);
  assert.equal(limitOf(cold), 2_000);
  cold.held = [{ way: TLS, upAt: 0, heardSince: 0, isIdle: true }];
  assert.equal(limitOf(cold), Number.POSITIVE_INFINITY);
  assert.equal(limitOf(new Dialling([QUIC])), Number.POSITIVE_INFINITY);
});

Deno.test("DialPlan backs off from every way when the edge itself refuses", () => {
  const dialling = new Dialling([QUIC, TLS]);
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    dialling.plan.refused(dialling.now);
    const { step } = dialling;
    assert.ok(step.kind === "wait" && step.until !== null);
    waits.push(step.until - dialling.now);
    dialling.now = step.until;
    assert.equal(dialling.step.kind, "dial");
  }
  assert.deepEqual(waits, [100, 200, 400, 800]);
  dialling.plan.opened(QUIC);
  dialling.plan.refused(dialling.now);
  assert.deepEqual(dialling.step, { kind: "wait", until: dialling.now + 100 });
});

Deno.test("DialPlan begins its back-off anew behind a lane that lived long", () => {
  const dialling = new Dialling([QUIC], { lanes: 1 });
  const waitAfter = (livedMs: number) => {
    const upAt = dialling.now;
    dialling.now += livedMs;
    dialling.plan.lost({ way: QUIC, upAt, heardSince: upAt, isIdle: true }, dialling.now);
    const { step } = dialling;
    assert.ok(step.kind === "wait" && step.until !== null);
    const waitMs = step.until - dialling.now;
    dialling.now = step.until;
    return waitMs;
  };
  assert.deepEqual([1, 2, 3].map(() => waitAfter(0)), [100, 200, 400]);
  assert.equal(waitAfter(5_000), 100);
});

Deno.test("DialPlan dials beside silent lanes, and lets go of the youngest when those have long been heard again", () => {
  const dialling = new Dialling([QUIC, TLS]);
  dialling.settle();
  dialling.silence(dialling.held.slice(0, 1));
  assert.equal(dialling.pass(1_000), "quic");
  dialling.hear();
  dialling.pass(9_990);
  assert.equal(dialling.transports, "quic quic quic quic tls", "it has to last");
  dialling.pass(20);
  assert.equal(dialling.transports, "quic quic quic tls");
  assert.ok(dialling.held.every(({ upAt }) => upAt === 0), "the youngest has gone");
  dialling.silence();
  assert.ok(dialling.step.kind === "dial" && dialling.step.limitMs === 2_000, "as if there were none");
  assert.equal(dialling.pass(1_000), "quic quic quic tls");
});

Deno.test("DialPlan lets go of lanes that carry nothing first", () => {
  const dialling = new Dialling([TLS], { lanes: 1 });
  dialling.settle();
  dialling.silence();
  dialling.settle();
  dialling.hear();
  const [first, second] = dialling.held;
  dialling.held = [first ?? assert.fail(), { ...(second ?? assert.fail()), isIdle: false }];
  dialling.pass(10_000);
  assert.deepEqual(dialling.held.map(({ isIdle }) => isIdle), [false]);
});

Deno.test("DialPlan makes no storm of lanes that fall silent again and again, and keeps to the session's bound", () => {
  const dialling = new Dialling([QUIC, TLS]);
  dialling.settle();
  const dialled: string[] = [];
  for (let flap = 0; flap < 100; flap++) {
    dialling.silence();
    dialled.push(...dialling.pass(3_000).split(" ").filter((way) => way !== ""));
    dialling.hear();
    dialling.pass(1_000);
  }
  assert.ok(dialled.length <= MAX_LANES - 4, `${dialled.length} dials`);
  assert.ok(dialling.held.length <= MAX_LANES);
  dialling.pass(60_000);
  assert.equal(dialling.transports, "quic quic quic tls");
});

Deno.test("DialPlan leaves room in the session for the return of QUIC", () => {
  const dialling = new Dialling([QUIC, TLS], { lanes: MAX_LANES });
  dialling.shut(QUIC);
  dialling.pass(60_000);
  assert.equal(dialling.held.length, MAX_LANES - 1);
  dialling.open(QUIC);
  dialling.pass(60_000);
  assert.deepEqual(dialling.held.filter(({ way }) => way === QUIC).length, MAX_LANES - 1);
  assert.equal(dialling.held.length, MAX_LANES);
});

Deno.test("DialPlan never exceeds its lanes by more than those that stood in, and always ends complete", () => {
  const ways = [QUIC, TLS, WEB];
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(
        fc.tuple(fc.constantFrom(...ways), fc.boolean(), fc.integer({ min: 0, max: 30_000 })),
        { maxLength: 40 },
      ),
      (lanes, events) => {
        const dialling = new Dialling(ways, { lanes });
        for (const [way, isShut, ms] of events) {
          if (isShut) dialling.shut(way);
          else dialling.open(way);
          dialling.pass(ms);
          assert.ok(dialling.held.length <= 2 * lanes, dialling.transports);
        }
        for (const way of ways) dialling.open(way);
        dialling.pass(200_000);
        assert.equal(dialling.held.length, lanes);
        assert.equal(dialling.held.filter(({ way }) => way === QUIC).length, lanes > 1 ? lanes - 1 : 1);
      },
    ),
    { numRuns: 200 },
  );
});
