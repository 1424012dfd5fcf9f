/** A client's and a server's connection joined by bytes that are cut anew at random: whole conversations must hold. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { EXCHANGE_WINDOW_BYTES, type RequestHead } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { Http2Connection } from "../../../shared/http2/http2_connection.ts";
import type { Http2Event } from "../../../shared/http2/http2_event.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../shared/http2/http2_limits.ts";
import { randomFrom } from "./random.ts";
import type { Http2Stream } from "../../../shared/http2/http2_stream.ts";

const CONTEXT = { id: "t", kind: "client", clientAddress: "127.0.0.1", protocol: "internal" } as const;
const STEPS_LIMIT = 20_000;

/** What one exchange does: body sizes each way, and who, if anyone, resets it after how many bytes. */
interface Plan {
  requestBytes: number;
  answerBytes: number;
  isLengthKnown: boolean;
  hasTrailers: boolean;
  resetBy: "none" | "client" | "server";
  resetAfter: number;
}

interface Message {
  left: number;
  sent: number;
  received: number;
  unsent: number;
  isEnded: boolean;
  hasTrailers: boolean;
}

class Talk {
  readonly request: Message;
  readonly answer: Message;
  clientStream: Http2Stream<Talk> | null = null;
  serverStream: Http2Stream<Talk> | null = null;
  isReset = false;

  constructor(readonly plan: Plan, readonly index: number) {
    const message = (left: number) => ({
      left,
      sent: 0,
      received: 0,
      unsent: 0,
      isEnded: false,
      hasTrailers: false,
    });
    this.request = message(plan.requestBytes);
    this.answer = message(plan.answerBytes);
  }
}

/** The byte at `offset` of message `index`: so that every byte can be checked for its place. */
function byteAt(index: number, offset: number): number {
  return (index * 31 + offset * 7 + (offset >> 8)) & 0xff;
}

class Pair {
  readonly client: Http2Connection<Talk>;
  readonly server: Http2Connection<Talk>;
  readonly #random: () => number;
  readonly talks: Talk[];
  readonly #queues = { toServer: [] as Uint8Array[], toClient: [] as Uint8Array[] };

  constructor(plans: Plan[], random: () => number) {
    const common = { limits: DEFAULT_HTTP2_LIMITS, stallTimeoutMs: 60_000, now: 0 };
    this.client = new Http2Connection({ role: "client", ...common });
    this.server = new Http2Connection({ role: "server", ...common });
    this.#random = random;
    this.talks = plans.map((plan, index) => new Talk(plan, index));
  }

  run(): void {
    for (const talk of this.talks) this.#ask(talk);
    for (let step = 0; step < STEPS_LIMIT; step++) {
      const isMoved = this.#move(this.client, this.server, "toServer");
      const isAnswered = this.#move(this.server, this.client, "toClient");
      let isSent = false;
      for (const talk of this.talks) isSent = this.#progress(talk) || isSent;
      if (!isMoved && !isAnswered && !isSent) return;
    }
    throw new Error("no end");
  }

  #ask(talk: Talk): void {
    const head: RequestHead = {
      context: CONTEXT,
      method: "POST",
      scheme: "http",
      authority: "a.example",
      path: `/${talk.index}`,
      fields: new Fields(["x-index", String(talk.index)]),
      contentLength: talk.plan.isLengthKnown ? talk.plan.requestBytes : null,
    };
    talk.clientStream = this.client.sendRequest(head, talk);
  }

  /** Sends a piece of what the plan still has, within one exchange window; ends; resets. */
  #progress(talk: Talk): boolean {
    const { plan } = talk;
    if (talk.isReset) return false;
    if (plan.resetBy === "client" && talk.answer.received >= plan.resetAfter && talk.clientStream !== null) {
      talk.isReset = true;
      this.client.reset(talk.clientStream, 8);
      return true;
    }
    if (plan.resetBy === "server" && talk.request.received >= plan.resetAfter && talk.serverStream !== null) {
      talk.isReset = true;
      this.server.reset(talk.serverStream, 2);
      return true;
    }
    const isAsked = this.#send(this.client, talk);
    const isAnswered = this.#send(this.server, talk);
    return isAsked || isAnswered;
  }

  #send(from: Http2Connection<Talk>, talk: Talk): boolean {
    const isClient = from === this.client;
    const stream = isClient ? talk.clientStream : talk.serverStream;
    const message = isClient ? talk.request : talk.answer;
    if (stream === null || stream.isClosed || stream.sendState !== "open") return false;
    // A server that ends first stops the request: here it waits for it.
    if (!isClient && message.left === 0 && !talk.request.isEnded) return false;
    if (message.left === 0) {
      const trailers = talk.plan.hasTrailers ? new Fields(["x-end", String(talk.index)]) : null;
      assert(from.sendEnd(stream, trailers));
      return true;
    }
    const room = EXCHANGE_WINDOW_BYTES - message.unsent;
    const size = Math.min(message.left, room, 1 + Math.floor(this.#random() * 40_000));
    if (size === 0) return false;
    const bytes = Uint8Array.from({ length: size }, (_, at) => byteAt(talk.index, message.sent + at));
    assert(from.sendBody(stream, bytes));
    message.sent += size;
    message.left -= size;
    message.unsent += size;
    return true;
  }

  /** Moves output of `from` to `to` in pieces of any size. */
  #move(from: Http2Connection<Talk>, to: Http2Connection<Talk>, way: "toServer" | "toClient"): boolean {
    const queue = this.#queues[way];
    const chunk = from.takeOutput();
    if (chunk !== null) {
      queue.push(chunk.slice());
      from.outputWritten(chunk);
    }
    this.#tellAll(from);
    const next = queue.shift();
    if (next === undefined) return chunk !== null;
    for (let at = 0; at < next.length;) {
      const size = 1 + Math.floor(this.#random() * (this.#random() < 0.3 ? 12 : 20_000));
      to.receive(next.subarray(at, at + size), 1);
      this.#tellAll(to);
      at += size;
    }
    return true;
  }

  #tellAll(at: Http2Connection<Talk>): void {
    for (let event = at.nextEvent(); event !== null; event = at.nextEvent()) this.#tell(at, event);
  }

  #tell(at: Http2Connection<Talk>, event: Http2Event<Talk>): void {
    if (event.kind === "refused") throw event.error;
    if (event.kind === "request") this.#answer(event.stream, event.head.path);
    if (!("stream" in event)) return;
    const talk = event.stream.owner;
    assert(talk !== null);
    const message = at === this.server ? talk.request : talk.answer;
    if (event.kind === "body") {
      for (let i = 0; i < event.bytes.length; i++) {
        assert.equal(event.bytes[i], byteAt(talk.index, message.received + i));
      }
      message.received += event.bytes.length;
      at.consumed(event.stream, event.bytes.length);
    } else if (event.kind === "end") {
      message.isEnded = true;
      message.hasTrailers = event.trailers?.get("x-end") === String(talk.index);
    } else if (event.kind === "sent") {
      (at === this.server ? talk.answer : talk.request).unsent -= event.bytes;
    } else if (event.kind === "closed" && event.error !== null) talk.isReset = true;
  }

  #answer(stream: Http2Stream<Talk>, path: string): void {
    const talk = this.talks[Number(path.slice(1))];
    assert(talk !== undefined);
    talk.serverStream = stream;
    stream.owner = talk;
    this.server.sendInformational(stream, { status: 103, fields: new Fields(), contentLength: null });
    const contentLength = talk.plan.isLengthKnown ? talk.plan.answerBytes : null;
    this.server.sendHead(stream, { status: 200, fields: new Fields(), contentLength });
  }
}

const size = fc.oneof(fc.constantFrom(0, 1, 16384, 65535, 65536), fc.nat(2000), fc.nat(600_000));
const plan: fc.Arbitrary<Plan> = fc.record({
  requestBytes: size,
  answerBytes: size,
  isLengthKnown: fc.boolean(),
  hasTrailers: fc.boolean(),
  resetBy: fc.constantFrom("none", "none", "none", "client", "server"),
  resetAfter: fc.nat(100_000),
});

Deno.test("two Http2Connections carry every byte, conserve credit and keep nothing, however their bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(plan, { minLength: 1, maxLength: 6 }), fc.integer(), (plans, seed) => {
      const pair = new Pair(plans, randomFrom(seed));
      pair.run();
      for (const talk of pair.talks) {
        if (talk.isReset) continue;
        const { request, answer } = talk;
        assert.deepEqual([request.received, answer.received], [
          talk.plan.requestBytes,
          talk.plan.answerBytes,
        ]);
        assert(answer.isEnded && request.isEnded);
        assert.equal(answer.hasTrailers, talk.plan.hasTrailers);
        assert.deepEqual([request.unsent, answer.unsent], [0, 0]);
      }
      checkNothingIsKept(pair.client, pair.server);
      checkNothingIsKept(pair.server, pair.client);
    }),
    { numRuns: 60 },
  );
});

function checkNothingIsKept(from: Http2Connection<Talk>, to: Http2Connection<Talk>): void {
  const sender = from.counts;
  const receiver = to.counts;
  const { streams, openHeadBytes, heldBytes, unconsumedBytes, pendingOutputBytes, unwrittenFrames } = sender;
  assert.deepEqual(
    { streams, openHeadBytes, heldBytes, unconsumedBytes, pendingOutputBytes, unwrittenFrames },
    {
      streams: 0,
      openHeadBytes: 0,
      heldBytes: 0,
      unconsumedBytes: 0,
      pendingOutputBytes: 0,
      unwrittenFrames: 0,
    },
  );
  // What the sender may send, the receiver takes; the rest of the window is credit that has not gone out yet.
  assert.equal(sender.sendWindowBytes, receiver.receiveWindowBytes);
  const window = receiver.receiveWindowBytes + receiver.uncreditedBytes;
  assert.equal(window, DEFAULT_HTTP2_LIMITS.connectionWindowBytes);
}
