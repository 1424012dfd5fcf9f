/** Floods: each is refused within its budget, and what is held meanwhile stays bounded. */
import assert from "node:assert/strict";
import { Fields } from "../../../shared/exchange/fields.ts";
import { FLAG, FRAME_TYPE } from "../../../shared/http2/frame.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../shared/http2/http2_limits.ts";
import {
  block,
  data,
  END,
  frame,
  GET,
  headers,
  join,
  POST,
  rstStream,
  TestServer,
  windowUpdate,
} from "./raw_frames.ts";

const ENHANCE_YOUR_CALM = 0xb;
const {
  resetBurst,
  controlBurst,
  maxPendingControlBytes,
  maxBlockBytes,
  maxConcurrentStreams,
  maxOpenHeadBytes,
} = DEFAULT_HTTP2_LIMITS;

const HEAD = headers(1, POST);
const PRIORITY = frame({ type: FRAME_TYPE.PRIORITY, streamId: 3, payload: [0, 0, 0, 0, 1] });

interface Flood {
  before?: Uint8Array;
  /** The frames of one round. */
  round(index: number): Uint8Array;
  rounds: number;
  /** Refused within so many rounds. */
  limit: number;
}

const id = (index: number) => index * 2 + 1;

const FLOODS: Record<string, Flood> = {
  "rapid reset (CVE-2023-44487)": {
    round: (index) => join(headers(id(index), GET), rstStream(id(index), 8)),
    rounds: 5000,
    limit: resetBurst + 1,
  },
  "made resets by increment 0 (CVE-2025-8671)": {
    round: (index) => join(headers(id(index), GET, END), windowUpdate(id(index), 0)),
    rounds: 2000,
    limit: resetBurst + 1,
  },
  "made resets by window overflow": {
    round: (index) => join(headers(id(index), GET, END), windowUpdate(id(index), 0x7fffffff)),
    rounds: 2000,
    limit: resetBurst + 1,
  },
  "made resets by DATA behind the end": {
    round: (index) => join(headers(id(index), GET, END), data(id(index), [1])),
    rounds: 2000,
    limit: resetBurst + 1,
  },
  "made resets by malformed requests": {
    round: (index) => headers(id(index), [":method", "GET"], END),
    rounds: 2000,
    limit: resetBurst + 1,
  },
  "streams beyond the limit": {
    round: (index) => headers(id(index), GET),
    rounds: 5000,
    limit: maxConcurrentStreams + resetBurst + 1,
  },
  "CONTINUATION without end": {
    before: frame({ type: FRAME_TYPE.HEADERS, streamId: 1, payload: block(GET) }),
    round: () =>
      frame({ type: FRAME_TYPE.CONTINUATION, streamId: 1, payload: [0x00, 0x01, 0x61, 0x01, 0x61] }),
    rounds: 3000,
    limit: DEFAULT_HTTP2_LIMITS.maxContinuationFrames + 1,
  },
  "large CONTINUATION": {
    before: frame({ type: FRAME_TYPE.HEADERS, streamId: 1, payload: block(GET) }),
    round: () => frame({ type: FRAME_TYPE.CONTINUATION, streamId: 1, payload: new Uint8Array(16384) }),
    rounds: 3000,
    limit: maxBlockBytes / 16384 + 1,
  },
  "empty CONTINUATION": {
    before: frame({ type: FRAME_TYPE.HEADERS, streamId: 1, payload: block(GET) }),
    round: () => frame({ type: FRAME_TYPE.CONTINUATION, streamId: 1 }),
    rounds: 3000,
    limit: DEFAULT_HTTP2_LIMITS.maxContinuationFrames + 1,
  },
  "SETTINGS": {
    round: () => frame({ type: FRAME_TYPE.SETTINGS, payload: [0, 4, 0, 1, 0, 0] }),
    rounds: 20_000,
    limit: controlBurst / 10 + 1,
  },
  "SETTINGS acknowledgements": {
    round: () => frame({ type: FRAME_TYPE.SETTINGS, flags: 1 }),
    rounds: 20_000,
    limit: controlBurst / 10 + 1,
  },
  "PING": {
    round: () => frame({ type: FRAME_TYPE.PING, payload: new Uint8Array(8) }),
    rounds: 20_000,
    limit: controlBurst / 5 + 1,
  },
  "PRIORITY": { round: () => PRIORITY, rounds: 20_000, limit: controlBurst + 1 },
  "WINDOW_UPDATE": { before: HEAD, round: () => windowUpdate(1, 1), rounds: 20_000, limit: controlBurst + 1 },
  "empty DATA": { before: HEAD, round: () => data(1, []), rounds: 5000, limit: controlBurst / 5 + 1 },
  "DATA of padding only": {
    before: HEAD,
    round: () => frame({ type: FRAME_TYPE.DATA, flags: FLAG.PADDED, streamId: 1, payload: [3, 0, 0, 0] }),
    rounds: 5000,
    limit: controlBurst / 5 + 1,
  },
  "unknown frames": { round: () => frame({ type: 0x99 }), rounds: 20_000, limit: controlBurst + 1 },
  "GOAWAY": {
    round: () => frame({ type: FRAME_TYPE.GOAWAY, payload: new Uint8Array(8) }),
    rounds: 20_000,
    limit: controlBurst / 10 + 1,
  },
  "RST_STREAM on closed streams": {
    before: join(HEAD, rstStream(1, 8)),
    round: () => rstStream(1, 8),
    rounds: 20_000,
    limit: controlBurst / 2 + 1,
  },
};

for (const [name, flood] of Object.entries(FLOODS)) {
  Deno.test(`Http2Connection refuses a flood: ${name}`, () => {
    const server = new TestServer();
    if (flood.before !== undefined) server.receive(flood.before);
    server.events.length = 0;
    let rounds = 0;
    let largestOutput = 0;
    for (; rounds < flood.rounds && !server.kinds().includes("refused"); rounds++) {
      server.events.length = 0;
      server.receive(flood.round(rounds));
      const { counts } = server.connection;
      largestOutput = Math.max(largestOutput, counts.pendingOutputBytes);
      assert(counts.streams <= maxConcurrentStreams && counts.openHeadBytes <= maxOpenHeadBytes);
    }
    assert(rounds <= flood.limit + 10, `${rounds} rounds`);
    assert(largestOutput <= maxPendingControlBytes + 100, `${largestOutput} bytes of output`);
    assert.equal(server.errorSent(FRAME_TYPE.GOAWAY), ENHANCE_YOUR_CALM);
    server.connection.abandon();
    const { streams, openHeadBytes, heldBytes, unconsumedBytes } = server.connection.counts;
    assert.deepEqual({ streams, openHeadBytes, heldBytes, unconsumedBytes }, {
      streams: 0,
      openHeadBytes: 0,
      heldBytes: 0,
      unconsumedBytes: 0,
    });
  });
}

Deno.test("Http2Connection holds no more answers to control frames than allowed, whatever the budget", () => {
  const server = new TestServer({ limits: { controlBurst: 1e9 } });
  const ping = frame({ type: FRAME_TYPE.PING, payload: new Uint8Array(8) });
  for (let i = 0; i < 10_000 && !server.kinds().includes("refused"); i++) server.receive(ping);
  assert(server.connection.counts.pendingOutputBytes <= maxPendingControlBytes + 100);
  assert(server.kinds().includes("refused"));
});

Deno.test("Http2Connection answers a client that acknowledges every frame of a long stream", () => {
  const server = new TestServer().receive(
    headers(1, GET, END),
    windowUpdate(0, 1 << 24),
    windowUpdate(1, 1 << 24),
  );
  const stream = server.stream;
  server.connection.sendHead(stream, { status: 200, fields: new Fields(), contentLength: null });
  for (let token = 0; token < 20_000; token++) {
    server.connection.sendBody(stream, new Uint8Array(100));
    server.sent();
    server.receive(windowUpdate(0, 100), windowUpdate(1, 100));
    server.events.length = 0;
  }
  assert.equal(server.connection.shouldClose, false);
});

/** Heads of 3,800 bytes in a few encoded ones each: one entry, referenced once by each stream that then stalls. */
Deno.test("Http2Connection bounds the decoded heads of all open streams (CVE-2026-47774)", () => {
  const server = new TestServer();
  const value = new Uint8Array(3800).fill(0x61);
  const length = [0x7f, 0x80 | ((value.length - 127) & 0x7f), (value.length - 127) >> 7];
  // GET, http, / from the static table, the authority as a literal that is not indexed.
  const plain = [0x82, 0x86, 0x84, 0x01, 0x09, ...new TextEncoder().encode("a.example")];
  const entry = Uint8Array.from([...plain, 0x40, 0x01, 0x78, ...length, ...value]);
  server.receive(frame({ type: FRAME_TYPE.HEADERS, flags: FLAG.END_HEADERS, streamId: 1, payload: entry }));
  const references = Uint8Array.from([...plain, ...new Array(15).fill(0xbe)]);
  for (let index = 1; index < 127; index++) {
    server.receive(
      frame({ type: FRAME_TYPE.HEADERS, flags: FLAG.END_HEADERS, streamId: id(index), payload: references }),
    );
  }
  assert(server.kinds().filter((kind) => kind === "request").length > 10);
  assert(server.connection.counts.openHeadBytes <= maxOpenHeadBytes);
  assert(server.sent().some((sent) => sent.type === FRAME_TYPE.RST_STREAM && sent.payload[3] === 7));
});

Deno.test("Http2Connection forgives resets with time", () => {
  const server = new TestServer();
  let index = 0;
  for (let second = 0; second < 200; second++) {
    for (let i = 0; i < 30; i++, index++) server.receive(headers(id(index), GET), rstStream(id(index), 8));
    server.events.length = 0;
    server.sent();
    server.now += 1000;
  }
  assert.equal(server.connection.shouldClose, false);
});
