import assert from "node:assert/strict";
import { EXCHANGE_WINDOW_BYTES } from "../../../shared/exchange/exchange.ts";
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
  OPENING,
  POST,
  rstStream,
  TestServer,
  windowUpdate,
} from "./raw_frames.ts";

const { GOAWAY, RST_STREAM, WINDOW_UPDATE, HEADERS, DATA, PING } = FRAME_TYPE;

function errorOf(server: TestServer): string | null {
  for (const event of server.events) {
    if (event.kind === "refused" || event.kind === "stream_refused") return event.error.code;
    if (event.kind === "closed" && event.error !== null) return event.error.code;
  }
  return null;
}

Deno.test("Http2Connection tells a request, its body and its end, cut at every byte", () => {
  const input = join(headers(1, POST), data(1, [1, 2, 3]), data(1, [4], FLAG.END_STREAM));
  for (let cut = 0; cut <= input.length; cut++) {
    const server = new TestServer();
    server.receive(input.subarray(0, cut)).receive(input.subarray(cut));
    const body = server.events.flatMap((event) => event.kind === "body" ? [...event.bytes] : []);
    assert.deepEqual(body, [1, 2, 3, 4]);
    assert.deepEqual([...new Set(server.kinds())], ["request", "body", "end"]);
  }
});

Deno.test("Http2Connection reads a block over CONTINUATION frames, and nothing between them", () => {
  const bytes = block(GET);
  const head = frame({ type: HEADERS, flags: FLAG.END_STREAM, streamId: 1, payload: bytes.slice(0, 5) });
  const rest = frame({
    type: FRAME_TYPE.CONTINUATION,
    flags: FLAG.END_HEADERS,
    streamId: 1,
    payload: bytes.slice(5),
  });
  assert.deepEqual(new TestServer().receive(head, rest).kinds(), ["request", "end"]);
  assert.equal(new TestServer().receive(head, windowUpdate(0, 1)).errorSent(GOAWAY), 1);
  assert.equal(new TestServer().receive(rest).errorSent(GOAWAY), 1);
});

Deno.test("Http2Connection refuses a body that is not as long as announced, on every way to end", () => {
  const long = [...POST, "content-length", "3"];
  const cases: Record<string, Uint8Array> = {
    "HEADERS with END_STREAM": headers(1, long, END),
    "empty DATA": join(headers(1, long), data(1, [], FLAG.END_STREAM)),
    "short DATA": join(headers(1, long), data(1, [1, 2], FLAG.END_STREAM)),
    "long DATA": join(headers(1, long), data(1, [1, 2, 3, 4])),
    "short and trailers": join(headers(1, long), data(1, [1]), headers(1, ["a", "b"], END)),
    "padded short DATA": join(
      headers(1, long),
      frame({ type: DATA, flags: FLAG.PADDED | FLAG.END_STREAM, streamId: 1, payload: [2, 1, 0, 0] }),
    ),
  };
  for (const [name, input] of Object.entries(cases)) {
    const server = new TestServer().receive(input);
    assert(!server.kinds().includes("end"), name);
    assert.equal(server.errorSent(RST_STREAM), 1, name);
    assert.equal(server.connection.counts.unconsumedBytes, 0, name);
  }
});

Deno.test("Http2Connection tells trailers, and refuses those without an end", () => {
  const server = new TestServer().receive(headers(1, POST), headers(1, ["grpc-status", "0"], END));
  const end = server.events.at(-1);
  assert(end?.kind === "end" && end.trailers?.get("grpc-status") === "0");
  assert.equal(new TestServer().receive(headers(1, POST), headers(1, ["a", "b"])).errorSent(RST_STREAM), 1);
});

Deno.test("Http2Connection credits consumed bytes once they are half a window", () => {
  const server = new TestServer().receive(headers(1, POST));
  const chunk = new Uint8Array(16384);
  for (let i = 0; i < 8; i++) server.receive(data(1, chunk));
  server.connection.consumed(server.stream, EXCHANGE_WINDOW_BYTES / 2 - 1);
  assert.equal(server.sent().length, 0);
  server.connection.consumed(server.stream, 1);
  const [update] = server.sent();
  assert.equal(update?.type, WINDOW_UPDATE);
  assert.deepEqual([...update?.payload ?? []], [0, 2, 0, 0]);
});

Deno.test("Http2Connection refuses DATA beyond the stream's window and gives the connection its bytes back", () => {
  const server = new TestServer().receive(headers(1, POST));
  const chunk = new Uint8Array(16384);
  for (let i = 0; i < 16; i++) server.receive(data(1, chunk));
  assert.equal(server.connection.counts.unconsumedBytes, EXCHANGE_WINDOW_BYTES);
  server.receive(data(1, [1]));
  assert.equal(server.errorSent(RST_STREAM), 3);
  const { unconsumedBytes, receiveWindowBytes, uncreditedBytes } = server.connection.counts;
  assert.equal(unconsumedBytes, 0);
  assert.equal(receiveWindowBytes + uncreditedBytes, DEFAULT_HTTP2_LIMITS.connectionWindowBytes);
});

Deno.test("Http2Connection keeps to the peer's windows and goes on with WINDOW_UPDATE", () => {
  const server = new TestServer().receive(headers(1, GET, END));
  server.answer(new Uint8Array(100_000));
  const bytesIn = (frames: { type: number; payload: Uint8Array }[]) =>
    frames.reduce((sum, sent) => sum + (sent.type === DATA ? sent.payload.length : 0), 0);
  assert.equal(bytesIn(server.sent()), 65535);
  server.receive(windowUpdate(1, 100_000));
  assert.equal(bytesIn(server.sent()), 0);
  server.receive(windowUpdate(0, 10));
  assert.equal(bytesIn(server.sent()), 10);
  server.receive(windowUpdate(0, 100_000));
  const last = server.sent();
  assert.equal(bytesIn(last), 100_000 - 65545);
  assert.equal(last.at(-1)?.flags, FLAG.END_STREAM);
  const reported = server.events.flatMap((event) => event.kind === "sent" ? [event.bytes] : []);
  assert.equal(reported.reduce((sum, bytes) => sum + bytes, 0), 100_000);
  assert.equal(server.events.filter((event) => event.kind === "closed").length, 1);
  assert.equal(server.connection.counts.heldBytes, 0);
});

Deno.test("Http2Connection shares the connection's window among waiting streams, frame by frame", () => {
  const server = new TestServer();
  const streams = [1, 3, 5].map((id) => server.receive(headers(id, GET, END)).stream);
  for (const stream of streams) {
    server.connection.sendHead(stream, { status: 200, fields: new Fields(), contentLength: null });
    server.connection.sendBody(stream, new Uint8Array(60_000));
  }
  server.sent();
  server.receive(windowUpdate(0, 98_304));
  const order = server.sent().filter((sent) => sent.type === DATA).map((sent) => sent.streamId);
  assert.deepEqual([...new Set(order.slice(0, 2))].length, 2, `${order}`);
});

Deno.test("Http2Connection lets a token pass bulk that waits for the socket", () => {
  const server = new TestServer();
  server.receive(windowUpdate(0, 1_000_000), headers(1, GET, END));
  const bulk = server.stream;
  server.receive(headers(3, GET, END));
  const tokens = server.stream;
  for (const stream of [bulk, tokens]) {
    server.connection.sendHead(stream, { status: 200, fields: new Fields(), contentLength: null });
  }
  server.receive(windowUpdate(1, 500_000));
  server.connection.sendBody(bulk, new Uint8Array(64_000));
  server.connection.sendBody(bulk, new Uint8Array(180_000));
  server.connection.sendBody(tokens, new Uint8Array(100));
  const order = server.sent().filter((sent) => sent.type === DATA).map((sent) => sent.streamId);
  assert(order.indexOf(3) < 6, `${order}`);
});

Deno.test("Http2Connection refuses bodies beyond the announced length or the exchange's window", () => {
  const server = new TestServer().receive(headers(1, GET, END));
  const { connection, stream } = server;
  connection.sendHead(stream, { status: 200, fields: new Fields(), contentLength: 10 });
  assert.equal(connection.sendBody(stream, new Uint8Array(11)), false);
  assert.equal(connection.sendBody(stream, new Uint8Array(9)), true);
  assert.equal(connection.sendEnd(stream, null), false);
  server.receive(headers(3, GET, END));
  connection.sendHead(server.stream, { status: 200, fields: new Fields(), contentLength: null });
  assert.equal(connection.sendBody(server.stream, new Uint8Array(EXCHANGE_WINDOW_BYTES + 1)), false);
});

Deno.test("Http2Connection tells a client that was answered early to stop", () => {
  const server = new TestServer().receive(headers(1, POST));
  server.answer(Uint8Array.of(1));
  const frames = server.sent();
  assert.deepEqual(frames.map((sent) => sent.type), [HEADERS, DATA, DATA, RST_STREAM]);
  assert.deepEqual([...frames.at(-1)?.payload ?? []], [0, 0, 0, 0]);
  server.receive(data(1, [1, 2, 3]), headers(1, ["a", "b"], END));
  assert(!server.kinds().includes("body") && !server.connection.shouldClose);
});

Deno.test("Http2Connection tells nothing more of a stream that the driver reset, in the same read too", () => {
  const server = new TestServer();
  server.connection.receive(join(headers(1, POST), data(1, [1]), data(1, [2], FLAG.END_STREAM)), server.now);
  const first = server.connection.nextEvent();
  assert(first?.kind === "request");
  server.connection.reset(first.stream, 8);
  assert.equal(server.connection.nextEvent(), null);
  assert.equal(server.connection.counts.streams, 0);
});

Deno.test("Http2Connection drops what it has read already of a stream that the driver resets", () => {
  const server = new TestServer();
  server.connection.receive(headers(1, GET, END), server.now);
  const first = server.connection.nextEvent();
  assert(first?.kind === "request");
  server.connection.reset(first.stream, 8);
  assert.equal(server.connection.nextEvent(), null);
});

Deno.test("Http2Connection credits padding to the stream and the connection", () => {
  const server = new TestServer().receive(headers(1, POST));
  const padded = frame({
    type: DATA,
    flags: FLAG.PADDED,
    streamId: 1,
    payload: [255, 7, ...new Uint8Array(255)],
  });
  for (let i = 0; i < 600; i++) server.receive(padded);
  const updates = server.sent().filter((sent) => sent.type === WINDOW_UPDATE);
  assert.equal(updates[0]?.streamId, 1);
  const { receiveWindowBytes, uncreditedBytes, unconsumedBytes } = server.connection.counts;
  assert.equal(unconsumedBytes, 600);
  assert.equal(receiveWindowBytes + uncreditedBytes + 600, DEFAULT_HTTP2_LIMITS.connectionWindowBytes);
});

Deno.test("Http2Connection.discard() gives all bytes back once, whatever is reported afterwards", () => {
  const server = new TestServer().receive(headers(1, POST), data(1, new Uint8Array(1000)));
  server.connection.discard(server.stream);
  server.connection.consumed(server.stream, 1000);
  server.receive(data(1, new Uint8Array(500)));
  assert.equal(server.kinds().filter((kind) => kind === "body").length, 1);
  const { receiveWindowBytes, uncreditedBytes, unconsumedBytes } = server.connection.counts;
  assert.equal(unconsumedBytes, 0);
  assert.equal(receiveWindowBytes + uncreditedBytes, DEFAULT_HTTP2_LIMITS.connectionWindowBytes);
});

Deno.test("Http2Connection tells a reset by the client once", () => {
  const server = new TestServer().receive(headers(1, POST), rstStream(1, 8), rstStream(1, 8));
  assert.deepEqual(server.kinds(), ["request", "closed"]);
  assert.equal(errorOf(server), "client_left");
});

Deno.test("Http2Connection treats frames on streams as RFC 9113 §5.1 says", () => {
  const cases: [name: string, input: Uint8Array, type: number, errorCode: number][] = [
    ["DATA on idle", data(1, [1]), GOAWAY, 1],
    ["RST_STREAM on idle", rstStream(1, 8), GOAWAY, 1],
    ["WINDOW_UPDATE on idle", windowUpdate(1, 1), GOAWAY, 1],
    ["even id", headers(2, GET), GOAWAY, 1],
    ["id going back", join(headers(5, GET, END), headers(3, GET, END)), GOAWAY, 1],
    ["DATA behind the end", join(headers(1, GET, END), data(1, [1])), RST_STREAM, 5],
    ["HEADERS behind the end", join(headers(1, GET, END), headers(1, GET, END)), RST_STREAM, 5],
    ["DATA behind RST_STREAM", join(headers(1, GET), rstStream(1, 8), data(1, [1])), GOAWAY, 5],
    ["window beyond 2^31 - 1", join(headers(1, GET, END), windowUpdate(1, 0x7fffffff)), RST_STREAM, 3],
    ["connection window beyond", windowUpdate(0, 0x7fffffff), GOAWAY, 3],
    ["increment 0", join(headers(1, GET, END), windowUpdate(1, 0)), RST_STREAM, 1],
    ["PUSH_PROMISE", frame({ type: 5, flags: 4, streamId: 1, payload: [0, 0, 0, 2] }), GOAWAY, 1],
    ["bad block", frame({ type: HEADERS, flags: 4, streamId: 1, payload: [0x80] }), GOAWAY, 9],
  ];
  for (const [name, input, type, errorCode] of cases) {
    assert.equal(new TestServer().receive(input).errorSent(type), errorCode, name);
  }
});

Deno.test("Http2Connection demands SETTINGS first", () => {
  const server = new TestServer({ isOpened: false });
  server.receive(OPENING.subarray(0, 24), headers(1, GET, END));
  assert.equal(server.errorSent(GOAWAY), 1);
});

Deno.test("Http2Connection answers PING, ignores unknown frames and settings", () => {
  const ping = frame({ type: PING, payload: [1, 2, 3, 4, 5, 6, 7, 8] });
  const unknownSetting = frame({ type: FRAME_TYPE.SETTINGS, payload: [0, 0x99, 0, 0, 0, 1] });
  const frames = new TestServer().receive(ping, frame({ type: 0x77, streamId: 9 }), unknownSetting).sent();
  assert.deepEqual(frames.map((sent) => [sent.type, sent.flags]), [[PING, 1], [FRAME_TYPE.SETTINGS, 1]]);
});

Deno.test("Http2Connection moves the windows of open streams with SETTINGS_INITIAL_WINDOW_SIZE, below zero too", () => {
  const setting = (value: number) =>
    frame({
      type: FRAME_TYPE.SETTINGS,
      payload: [0, 4, ...[24, 16, 8, 0].map((bit) => (value >>> bit) & 255)],
    });
  const server = new TestServer().receive(headers(1, GET, END));
  server.connection.sendHead(server.stream, { status: 200, fields: new Fields(), contentLength: null });
  server.connection.sendBody(server.stream, new Uint8Array(1000));
  server.receive(setting(500));
  server.connection.sendBody(server.stream, new Uint8Array(100));
  assert.equal(server.stream.sendWindow, -500);
  server.sent();
  server.receive(windowUpdate(1, 550));
  const sent = server.sent();
  assert.equal(sent[0]?.payload.length, 50);
});

Deno.test("Http2Connection offers a head above the limit for an answer", () => {
  const large = [...GET, "a", "x".repeat(70_000)];
  const bytes = block(large);
  const pieces = [0, 16384, 32768, 49152, 65536].map((at, index) =>
    frame({
      type: index === 0 ? HEADERS : FRAME_TYPE.CONTINUATION,
      flags: (index === 0 ? FLAG.END_STREAM : 0) | (at + 16384 >= bytes.length ? FLAG.END_HEADERS : 0),
      streamId: 1,
      payload: bytes.slice(at, at + 16384),
    })
  );
  const used = pieces.slice(0, Math.ceil(bytes.length / 16384));
  const server = new TestServer().receive(...used);
  assert.deepEqual(server.kinds(), ["stream_refused"]);
  assert.equal(errorOf(server), "head_too_large");
  assert.equal(
    new TestServer().receive(headers(1, [...GET, ...new Array(200).fill("a")], END)).kinds()[0],
    "request",
  );
  const many = new TestServer().receive(headers(1, [...GET, ...new Array(202).fill("a")], END));
  assert.equal(errorOf(many), "head_too_large");
});

Deno.test("Http2Connection refuses streams beyond the limit without ending the connection", () => {
  const server = new TestServer({ limits: { maxConcurrentStreams: 2 } });
  server.receive(headers(1, GET), headers(3, GET), headers(5, GET));
  assert.equal(server.errorSent(RST_STREAM), 7);
  assert.deepEqual(server.kinds(), ["request", "request"]);
});

Deno.test("Http2Connection.drain() finishes what is under way and then may be closed", () => {
  const server = new TestServer().receive(headers(1, GET, END));
  server.connection.drain();
  assert.deepEqual(server.sent().map((sent) => sent.type), [GOAWAY, PING]);
  server.receive(headers(3, GET, END));
  assert.equal(server.connection.counts.streams, 2);
  server.receive(frame({ type: PING, flags: 1, payload: new Uint8Array(8) }));
  assert.deepEqual([...server.sent()[0]?.payload.subarray(0, 4) ?? []], [0, 0, 0, 3]);
  server.receive(headers(5, GET, END), data(5, []));
  assert.equal(server.connection.counts.streams, 2);
  assert.equal(server.connection.shouldClose, false);
  for (const event of server.events.filter((event) => event.kind === "request")) {
    server.connection.sendHead(event.stream, { status: 200, fields: new Fields(), contentLength: null });
    server.connection.sendEnd(event.stream, null);
  }
  server.sent();
  assert.equal(server.connection.shouldClose, true);
});

Deno.test("Http2Connection.handleTimeout() ends connections that do not begin, or stop within a head", () => {
  const silent = new TestServer({ isOpened: false });
  silent.pass(9_999);
  assert.equal(errorOf(silent), null);
  silent.pass(1);
  assert.equal(errorOf(silent), "request_timeout");
  const partial = new TestServer();
  partial.receive(headers(1, GET, END).subarray(0, 12));
  partial.pass(5_000);
  partial.receive(headers(1, GET, END).subarray(12, 13));
  partial.pass(5_000);
  assert.equal(errorOf(partial), "request_timeout");
});

Deno.test("Http2Connection.handleTimeout() says goodbye to an idle connection, not to one with a stream", () => {
  const idle = new TestServer();
  idle.pass(75_000);
  assert.deepEqual(idle.sent().map((sent) => sent.type), [GOAWAY, PING]);
  idle.pass(1_000);
  assert.equal(idle.connection.shouldClose, true);
  const busy = new TestServer().receive(headers(1, GET, END));
  busy.pass(500_000);
  assert.equal(busy.sent().length, 0);
});

Deno.test("Http2Connection.handleTimeout() refuses a body that trickles, unless the answer has begun or we hold it", () => {
  const slow = new TestServer().receive(headers(1, POST));
  for (let second = 0; second < 30; second++) {
    slow.receive(data(1, [1]));
    slow.pass(1_000);
  }
  assert.equal(errorOf(slow), "request_timeout");
  const talking = new TestServer().receive(headers(1, POST));
  talking.connection.sendHead(talking.stream, { status: 200, fields: new Fields(), contentLength: null });
  talking.pass(100_000);
  assert.equal(errorOf(talking), null);
  const held = new TestServer().receive(headers(1, POST));
  for (let i = 0; i < 16; i++) held.receive(data(1, new Uint8Array(16384)));
  held.pass(100_000);
  assert.equal(errorOf(held), null);
});

Deno.test("Http2Connection.handleTimeout() resets a stream whose client gives no window, whatever it sends", () => {
  const server = new TestServer().receive(headers(1, GET, END));
  server.answer(new Uint8Array(100_000));
  server.sent();
  for (let second = 0; second < 70; second++) {
    server.pass(1_000);
    server.receive(windowUpdate(0, 1));
    server.sent();
  }
  assert.equal(errorOf(server), "client_stalled");
  assert.equal(server.connection.counts.heldBytes, 0);
});

Deno.test("Http2Connection.handleTimeout() ends a connection whose socket takes nothing", () => {
  const server = new TestServer().receive(headers(1, GET, END));
  server.answer(new Uint8Array(1000));
  const chunk = server.connection.takeOutput();
  assert(chunk !== null);
  server.pass(70_000);
  assert.equal(errorOf(server), "client_stalled");
});
