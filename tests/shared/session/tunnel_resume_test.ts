import assert from "node:assert/strict";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import type { AnswerReceiver, ExchangeHandler, RequestReceiver } from "../../../shared/exchange/exchange.ts";
import { LiveHandler } from "../../support/live_exchange.ts";
import { answerHead, bytesOf, requestHead } from "../../support/recorded_exchange.ts";
import { patternedBytes, PatternReader } from "./patterned_bytes.ts";
import { eventually } from "../../support/eventually.ts";
import { TunnelPair } from "./tunnel_pair.ts";

const LEFT = new RelayError("client_left", { source: "downstream" });

/** Sends a patterned body as fast as it is consumed. */
class Sender {
  readonly #seed: number;
  readonly #target: { body(bytes: Uint8Array): void; end(trailers: null): void };
  readonly #bytes: number;
  #sent = 0;
  #inFlight = 0;

  constructor(seed: number, options: { target: Sender["target"]; bytes: number }) {
    this.#seed = seed;
    this.#target = options.target;
    this.#bytes = options.bytes;
  }

  get target() {
    return this.#target;
  }

  consumed(bytes: number): void {
    this.#inFlight -= bytes;
    queueMicrotask(() => this.send());
  }

  send(): void {
    while (this.#inFlight < 8_000 && this.#sent < this.#bytes) {
      const length = Math.min(1 + (this.#sent * 31) % 3_000, this.#bytes - this.#sent);
      const piece = patternedBytes(this.#seed, { offset: this.#sent, length });
      this.#sent += length;
      this.#inFlight += length;
      this.#target.body(piece);
      if (this.#sent === this.#bytes) this.#target.end(null);
    }
  }
}

const BODY_BYTES = 120_000;

/** What all exchanges of a test report to. */
interface Outcome {
  readonly faults: string[];
  /** Called as bytes arrive at either end. */
  arrived(bytes: number): void;
}

/** Answers with a patterned body of its own while it checks the request's. */
function exchangePatterns({ faults, arrived }: Outcome): ExchangeHandler {
  return (head, answer) => {
    const seed = Number(head.path.slice(1));
    const reader = new PatternReader(seed);
    const sender = new Sender(seed + 1, { target: answer, bytes: BODY_BYTES });
    queueMicrotask(() => {
      answer.head(answerHead());
      sender.send();
    });
    return {
      body(bytes) {
        reader.read(bytes);
        answer.requestConsumed(bytes.length);
        arrived(bytes.length);
      },
      end() {
        if (reader.wrongAt !== null || reader.length !== BODY_BYTES) faults.push(`request ${seed}`);
      },
      abort: (error) => void faults.push(`request ${seed} ${error.code}`),
      answerConsumed: (bytes) => sender.consumed(bytes),
    };
  };
}

/** Asks for what {@linkcode exchangePatterns} answers; resolves when the answer has ended. */
function askPatterns(pair: TunnelPair, seed: number, { faults, arrived }: Outcome): Promise<void> {
  return new Promise((resolve) => {
    const reader = new PatternReader(seed + 1);
    const answer: AnswerReceiver = {
      informational() {},
      head() {},
      body(bytes) {
        reader.read(bytes);
        request.answerConsumed(bytes.length);
        arrived(bytes.length);
      },
      end() {
        if (reader.wrongAt !== null || reader.length !== BODY_BYTES) faults.push(`answer ${seed}`);
        resolve();
      },
      abort(error) {
        faults.push(`answer ${seed} ${error.code}`);
        resolve();
      },
      requestConsumed: (bytes) => sender.consumed(bytes),
    };
    const opened = pair.client.open(requestHead({ path: `/${seed}` }), answer);
    if (opened === null) throw new Error("the tunnel takes no exchange");
    const request: RequestReceiver = opened;
    const sender = new Sender(seed, { target: request, bytes: BODY_BYTES });
    sender.send();
  });
}

Deno.test("streams go on byte for byte when their lane is cut again and again", async () => {
  const faults: string[] = [];
  const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  console.log(`cuts by seed ${seed}`);
  const random = xorshift(seed);
  let untilCutBytes = 0;
  const outcome: Outcome = {
    faults,
    arrived(bytes) {
      untilCutBytes -= bytes;
      if (untilCutBytes > 0) return;
      pair.proxy.cut();
      untilCutBytes = random() * 1_000_000;
    },
  };
  await using pair = await TunnelPair.open({ handler: exchangePatterns(outcome) });
  await Promise.all(Array.from({ length: 40 }, (_, i) => askPatterns(pair, i * 2, outcome)));
  assert.deepEqual(faults, []);
  await pair.untilUp();
  await pair.untilNothingIsKept();
  const { sessionsResumed, sessionsLost, lanesLost } = pair.client.counters;
  assert.ok(sessionsResumed >= 3, `${sessionsResumed} resumptions`);
  assert.equal(sessionsLost, 0);
  assert.ok(lanesLost - sessionsResumed <= 1, "the last cut may have come after the last byte");
  assert.equal(pair.coreSessions.length, 1);
  assert.ok(pair.edgeSession.session.stats.bytesResent + pair.coreSession.session.stats.bytesResent > 0);
});

Deno.test("a lane that carries nothing any more is given up, and its streams go on", async () => {
  const inner = new LiveHandler();
  const limits = { pingIntervalMs: 100, laneTimeoutMs: 300 };
  await using pair = await TunnelPair.open({ handler: inner.handler, limits });
  const { request, answer } = pair.ask();
  const served = await inner.request(0);
  const session = pair.edgeSession;
  pair.proxy.swallow();
  served.answer.head(answerHead());
  served.answer.body(bytesOf("into the hole"));
  await answer.until("body 13");
  served.answer.end(null);
  request.end(null);
  await answer.until("end");
  await eventually(() => pair.edgeLog.of("tunnel_lane_lost").length > 0);
  assert.match(String(pair.edgeLog.of("tunnel_lane_lost")[0]?.reason), /no byte for too long/);
  assert.equal(pair.edgeSession, session);
  await pair.untilNothingIsKept();
});

Deno.test("a core sends on the lane that an edge came back with, though the old one looks alive", async () => {
  const inner = new LiveHandler();
  // What it owes tells the core nothing for half an hour: only that the other lane brings PINGs and this one does not.
  const limits = { laneTimeoutMs: 300_000, laneStallTimeoutMs: 1_800_000 };
  await using pair = await TunnelPair.open({ handler: inner.handler, limits });
  const { answer } = pair.ask();
  const served = await inner.request(0);
  pair.proxy.swallow();
  for (const lane of pair.edgeSession.lanes) lane.fail(new Error("the network changed"));
  await eventually(() => pair.coreSession.laneCount === 2);
  served.answer.head(answerHead());
  await answer.until("head");
});

Deno.test("a session whose lane never comes back ends as lost at both ends, and nothing is kept", async () => {
  const inner = new LiveHandler();
  const limits = { resumeTimeoutMs: 200 };
  await using pair = await TunnelPair.open({ handler: inner.handler, limits });
  const { answer } = pair.ask();
  const served = await inner.request(0);
  const [edge, core] = [pair.edgeSession, pair.coreSession];
  const target = pair.proxy.target;
  pair.proxy.target = "127.0.0.1:1";
  pair.proxy.cut();
  await Promise.all([edge.gone, core.gone]);
  await answer.until("abort tunnel_lost");
  await served.until("abort tunnel_lost");
  assert.deepEqual(pair.edgeLog.of("tunnel_session_ended").map(({ kind }) => kind), ["lost"]);
  assert.deepEqual(pair.coreLog.of("session_ended").map(({ kind }) => kind), ["lost"]);
  for (const { session } of [edge, core]) {
    assert.deepEqual([session.streamCount, session.heldBytes, session.retainedBytes], [0, 0, 0]);
  }
  pair.proxy.target = target;
  await pair.untilUp();
});

Deno.test("what happens while no lane is up arrives once there is one", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const calls = [pair.ask(), pair.ask(), pair.ask()];
  const served = await Promise.all(calls.map((_, index) => inner.request(index)));
  const session = pair.edgeSession;
  const target = pair.proxy.target;
  pair.proxy.target = "127.0.0.1:1";
  pair.proxy.cut();
  await eventually(() => session.laneCount === 0 && pair.coreSession.laneCount === 0);
  assert.equal(
    pair.client.open(requestHead(), calls[0]?.answer ?? assert.fail()),
    null,
    "no lane, no new stream",
  );
  calls[0]?.request.abort(LEFT);
  calls[1]?.request.body(bytesOf("meanwhile"));
  calls[1]?.request.end(null);
  served[2]?.answer.abort(new RelayError("origin_timeout", { source: "origin" }));
  pair.proxy.target = target;
  await pair.untilUp();
  await served[0]?.until("abort client_left");
  await served[1]?.until("end");
  await calls[2]?.answer.until("end");
  assert.equal(calls[2]?.answer.heads[0]?.status, 504);
  assert.equal(pair.edgeSession, session);
});

/** Numbers in [0, 1) (Marsaglia, "Xorshift RNGs", 2003). */
function xorshift(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 0x1_0000_0000;
  };
}
