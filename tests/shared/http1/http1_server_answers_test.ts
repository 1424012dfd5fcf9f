import assert from "node:assert/strict";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../../shared/http1/http1_limits.ts";
import { Http1ServerCodec, type Http1ServerEvent } from "../../../shared/http1/http1_server_codec.ts";
import { bytesOf, takeText } from "./transcript.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

function serving(text: string): Http1ServerCodec {
  const codec = new Http1ServerCodec(DEFAULT_HTTP1_LIMITS, 0);
  codec.receive(bytesOf(text), 0);
  return codec;
}

function kinds(codec: Http1ServerCodec): string[] {
  return events(codec).map((event) => event.kind);
}

function events(codec: Http1ServerCodec): Http1ServerEvent[] {
  const all: Http1ServerEvent[] = [];
  for (let event = codec.nextEvent(); event !== null; event = codec.nextEvent()) all.push(event);
  return all;
}

interface Answer {
  status?: number;
  contentLength?: number | null;
  fields?: string[];
  body?: string;
  trailers?: Fields | null;
}

function answer(codec: Http1ServerCodec, options: Answer = {}): string {
  const { status = 200, contentLength = 0, fields = [], body = "", trailers = null } = options;
  codec.sendHead({ status, contentLength, fields: new Fields(fields) });
  codec.sendBody(bytesOf(body));
  codec.sendEnd(trailers);
  return takeText(codec);
}

Deno.test("sendHead() frames by length, by chunks, and by closing for HTTP/1.0", () => {
  const known = serving(GET);
  kinds(known);
  assert.equal(
    answer(known, { contentLength: 2, body: "hi" }),
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
  );
  assert.equal(known.shouldClose, false);

  const unknown = serving(GET);
  kinds(unknown);
  const trailers = new Fields(["grpc-status", "0", "content-length", "5", "transfer-encoding", "x"]);
  assert.equal(
    answer(unknown, { contentLength: null, body: "0123456789abcdefg", trailers }),
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11\r\n0123456789abcdefg\r\n0\r\ngrpc-status: 0\r\n\r\n",
  );
  assert.equal(unknown.shouldClose, false);

  const old = serving("GET / HTTP/1.0\r\n\r\n");
  kinds(old);
  assert.equal(
    answer(old, { contentLength: null, body: "hi" }),
    "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhi",
  );
  assert.equal(old.shouldClose, true);
});

Deno.test("sendHead() leaves framing and connection fields of the exchange out", () => {
  const codec = serving(GET);
  kinds(codec);
  const fields = [
    "content-length",
    "9",
    "transfer-encoding",
    "chunked",
    "connection",
    "x",
    "keep-alive",
    "5",
    "x",
    "\x80",
  ];
  assert.equal(answer(codec, { fields }), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: \x80\r\n\r\n");
});

Deno.test("sendBody() drops the body of answers to HEAD, 204 and 304", () => {
  const head = serving("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  kinds(head);
  assert.equal(
    answer(head, { contentLength: 5, body: "hello" }),
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
  );
  const unknown = serving("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  kinds(unknown);
  assert.equal(answer(unknown, { contentLength: null }), "HTTP/1.1 200 OK\r\n\r\n");
  const empty = serving(GET);
  kinds(empty);
  assert.equal(answer(empty, { status: 204 }), "HTTP/1.1 204 No Content\r\n\r\n");
  const same = serving(GET);
  kinds(same);
  const head304 = "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n";
  assert.equal(answer(same, { status: 304, contentLength: 7 }), head304);
});

Deno.test("sendBody() and sendEnd() assert the announced length", () => {
  const codec = serving(GET);
  kinds(codec);
  codec.sendHead({ status: 200, contentLength: 3, fields: new Fields() });
  assert.throws(() => codec.sendBody(bytesOf("four")), /longer/);
  codec.sendBody(bytesOf("fo"));
  assert.throws(() => codec.sendEnd(null), /shorter/);
});

Deno.test("sendHead() never writes a line end that a field brings", () => {
  for (
    const field of [["x", "a\r\nb: c"], ["x", "a\nb"], ["x\r\n", "a"], ["x", "a\0"], ["x", "\u0100"], [
      "",
      "a",
    ]]
  ) {
    const codec = serving(GET);
    kinds(codec);
    assert.throws(
      () => codec.sendHead({ status: 200, contentLength: 0, fields: new Fields(field) }),
      /malformed field/,
    );
    assert.equal(codec.takeOutput(), null);
  }
});

Deno.test("sendBody() cuts a large piece into chunks that a decoder puts together", () => {
  const codec = serving(GET);
  kinds(codec);
  const text = answer(codec, { contentLength: null, body: "x".repeat(200_000) });
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  assert.equal(body.replace(/[^x]/g, "").length, 200_000);
  assert.ok(body.startsWith("fff8\r\nxxx"));
  assert.ok(body.endsWith("x\r\n0\r\n\r\n"));
});

Deno.test("sendBreak() leaves chunks without a last one and closes", () => {
  const codec = serving(GET);
  kinds(codec);
  codec.sendHead({ status: 200, contentLength: null, fields: new Fields() });
  codec.sendBody(bytesOf("a"));
  codec.sendBreak();
  assert.ok(takeText(codec).endsWith("\r\n\r\n1\r\na\r\n"));
  assert.equal(codec.shouldClose, true);
  codec.receive(bytesOf(GET), 1);
  assert.deepEqual(kinds(codec), []);
});

Deno.test("nextEvent() gives a pipelined request only after the answer before it", () => {
  const codec = serving(GET + GET + GET);
  assert.deepEqual(kinds(codec), ["request", "end"]);
  assert.equal(codec.isReadingAllowed, false);
  assert.throws(() => codec.receive(bytesOf("x"), 1), /not allowed/);
  answer(codec);
  assert.deepEqual(kinds(codec), ["request", "end"]);
  assert.equal(codec.isReadingAllowed, false);
  answer(codec);
  assert.deepEqual(kinds(codec), ["request", "end"]);
  assert.equal(codec.isReadingAllowed, true);
});

Deno.test("nextEvent() keeps a copy of what is pipelined", () => {
  const codec = new Http1ServerCodec(DEFAULT_HTTP1_LIMITS, 0);
  const lent = bytesOf(GET + "GET /2 HTTP/1.1\r\nHost: b\r\n\r\nGET /3");
  codec.receive(lent, 0);
  kinds(codec);
  lent.fill(0xaa);
  answer(codec);
  const [request] = events(codec);
  assert.ok(request?.kind === "request" && request.head.path === "/2" && request.head.authority === "b");
  answer(codec);
  assert.deepEqual(events(codec), []);
  assert.equal(codec.isReadingAllowed, true);
  codec.receive(bytesOf(" HTTP/1.1\r\nHost: c\r\n\r\n"), 0);
  const [last] = events(codec);
  assert.ok(last?.kind === "request" && last.head.path === "/3");
});

Deno.test("nextEvent() gives no request behind one that closes", () => {
  const codec = serving("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n" + GET);
  assert.deepEqual(kinds(codec), ["request", "end"]);
  assert.equal(codec.isReadingAllowed, true);
  assert.match(answer(codec), /\r\nconnection: close\r\n/);
  assert.deepEqual(kinds(codec), []);
  assert.equal(codec.shouldClose, true);
});

Deno.test("sendEnd() before the request's end drains up to the limit, then goes on", () => {
  const codec = serving("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc");
  assert.deepEqual(kinds(codec), ["request", "body"]);
  answer(codec);
  assert.equal(codec.shouldClose, false);
  codec.receive(bytesOf("GET /smuggled HTTP/1.1\r\n".padEnd(997) + GET), 1);
  const [request, end] = events(codec);
  assert.ok(request?.kind === "request" && request.head.method === "GET" && request.head.path === "/");
  assert.equal(end?.kind, "end");
});

Deno.test("sendEnd() before the request's end closes if more must come than is drained", () => {
  const known = serving("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\nabc");
  kinds(known);
  answer(known);
  assert.equal(known.shouldClose, true);

  const unknown = serving("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  kinds(unknown);
  answer(unknown);
  let count = 0;
  for (; !unknown.shouldClose && count < 100; count++) {
    unknown.receive(bytesOf(`1000\r\n${"x".repeat(4096)}\r\n`), 1);
    assert.deepEqual(kinds(unknown), []);
  }
  assert.equal(count, 64);
});

Deno.test("nextEvent() stays silent about a body that breaks while it is drained", () => {
  const codec = serving("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  kinds(codec);
  answer(codec);
  codec.receive(bytesOf("zz\r\n"), 1);
  assert.deepEqual(kinds(codec), []);
  assert.equal(codec.shouldClose, true);
});

const EXPECTING = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";

Deno.test("sendContinue() answers an expectation once", () => {
  const codec = serving(EXPECTING);
  const [request] = events(codec);
  assert.ok(
    request?.kind === "request" && request.head.expectsContinue && !request.head.fields.has("expect"),
  );
  codec.sendContinue();
  codec.sendContinue();
  codec.sendInformational({ status: 100, contentLength: 0, fields: new Fields() });
  codec.sendInformational({ status: 103, contentLength: null, fields: new Fields(["link", "</a>"]) });
  assert.equal(
    takeText(codec),
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
  );
  codec.receive(bytesOf("ab"), 1);
  assert.deepEqual(kinds(codec), ["body", "end"]);
  assert.doesNotMatch(answer(codec), /close/);
});

Deno.test("sendHead() closes when the client still waits for 100 Continue", () => {
  const codec = serving(EXPECTING);
  kinds(codec);
  assert.match(answer(codec, { status: 401 }), /^HTTP\/1.1 401 Unauthorized\r\n.*connection: close\r\n/s);
  assert.equal(codec.shouldClose, true);
  codec.receive(bytesOf(GET), 1);
  assert.deepEqual(kinds(codec), []);
});

Deno.test("sendInformational() sends nothing to HTTP/1.0, nor does an expectation count there", () => {
  const codec = serving("POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  const [request] = events(codec);
  assert.ok(request?.kind === "request" && !request.head.expectsContinue && request.head.authority === "");
  codec.sendContinue();
  codec.sendInformational({ status: 103, contentLength: null, fields: new Fields() });
  assert.equal(codec.takeOutput(), null);
});

Deno.test("receiveEnd() tells once that the client left, in every state", () => {
  const partial = "GET / HTTP/1.1\r\nHo";
  const inBody = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab";
  for (const text of ["", partial, GET, inBody, GET + partial, EXPECTING]) {
    const codec = new Http1ServerCodec(DEFAULT_HTTP1_LIMITS, 0);
    codec.receive(bytesOf(text), 0);
    codec.receiveEnd(0);
    const seen = kinds(codec);
    assert.equal(seen.filter((kind) => kind === "left").length, 1, JSON.stringify(text));
    assert.equal(seen.at(-1), "left");
    const isOwed = seen.includes("request");
    assert.equal(codec.shouldClose, !isOwed);
    if (isOwed) codec.sendBreak();
    assert.equal(codec.shouldClose, true);
    assert.deepEqual(kinds(codec), []);
  }
});

Deno.test("refused lets the driver answer, whatever the request before it was", () => {
  const codec = serving("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/9\r\n\r\n");
  kinds(codec);
  answer(codec);
  const [refused] = events(codec);
  assert.ok(refused?.kind === "refused" && refused.error instanceof RelayError);
  assert.equal(refused.error.source, "downstream");
  assert.equal(codec.shouldClose, false);
  codec.receive(bytesOf("more"), 1);
  assert.deepEqual(kinds(codec), []);
  assert.match(
    answer(codec, { status: 400, contentLength: 3, body: "bad" }),
    /connection: close\r\n\r\nbad$/,
  );
  assert.equal(codec.shouldClose, true);
});

Deno.test("refused while an answer is under way leaves it to sendBreak()", () => {
  const codec = serving("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  kinds(codec);
  codec.sendHead({ status: 200, contentLength: null, fields: new Fields() });
  codec.receive(bytesOf("oops"), 1);
  assert.deepEqual(kinds(codec), ["refused"]);
  assert.equal(codec.shouldClose, false);
  codec.sendBreak();
  assert.equal(codec.shouldClose, true);
});

Deno.test("drain() closes an idle connection at once and others after their exchange", () => {
  const idle = serving(GET);
  kinds(idle);
  answer(idle);
  idle.drain();
  assert.equal(idle.shouldClose, true);

  const busy = serving(GET + GET);
  kinds(busy);
  busy.drain();
  assert.equal(busy.shouldClose, false);
  assert.match(answer(busy), /connection: close/);
  assert.deepEqual(kinds(busy), []);
  assert.equal(busy.shouldClose, true);

  const halfway = serving("GET / HT");
  kinds(halfway);
  halfway.drain();
  assert.equal(halfway.shouldClose, false);
  halfway.receive(bytesOf("TP/1.1\r\nHost: a\r\n\r\n"), 1);
  assert.deepEqual(kinds(halfway), ["request", "end"]);
  assert.match(answer(halfway), /connection: close/);
});
