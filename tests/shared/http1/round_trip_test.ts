import assert from "node:assert/strict";
import fc from "fast-check";
import type { RequestHead } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { Http1ClientCodec } from "../../../shared/http1/http1_client_codec.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../../shared/http1/http1_limits.ts";
import { Http1ServerCodec } from "../../../shared/http1/http1_server_codec.ts";
import { textOf } from "./transcript.ts";

const TOKEN = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9a-z-]{1,20}$/);
/** Prefixed, so that no name is one of the connection's or forbidden as a trailer. */
const NAME = TOKEN.map((token) => `x-t${token}`);
const VALUE = fc.stringMatching(/^([!-~\x80-\xff]([\t -~\x80-\xff]{0,30}[!-~\x80-\xff])?)?$/);
const FLAT = fc.array(fc.tuple(NAME, VALUE), { maxLength: 8 }).map((fields) => fields.flat());
const BODY = fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 6 });

interface Message {
  flat: string[];
  body: Uint8Array[];
  isLengthKnown: boolean;
  trailers: string[];
}
const MESSAGE: fc.Arbitrary<Message> = fc.record({
  flat: FLAT,
  body: BODY,
  isLengthKnown: fc.boolean(),
  trailers: FLAT,
});
const EXCHANGE = fc.record({
  method: fc.oneof(fc.constantFrom("GET", "POST", "DELETE"), TOKEN.map((token) => `X${token}`)),
  path: fc.stringMatching(/^\/[!"$-~]{0,40}$/),
  authority: fc.constantFrom("a", "api.example.com:8443", "[::1]:80"),
  request: MESSAGE,
  status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
  answer: MESSAGE,
});

/** What a receiver saw of a message, in the same form as what was sent. */
interface Seen {
  flat: string[];
  body: string;
  contentLength: number | null;
  trailers: string[];
  isEnded: boolean;
}

function lengthOf(message: Message): number {
  return message.body.reduce((sum, piece) => sum + piece.length, 0);
}

function expected(message: Message): Seen {
  return {
    flat: message.flat,
    body: message.body.map(textOf).join(""),
    contentLength: message.isLengthKnown ? lengthOf(message) : null,
    trailers: message.isLengthKnown ? [] : message.trailers,
    isEnded: true,
  };
}

function unseen(): Seen {
  return { flat: [], body: "", contentLength: -1, trailers: [], isEnded: false };
}

function flatOf(fields: Fields | null): string[] {
  return fields === null ? [] : [...fields].flat();
}

/** Carries all output of one codec to another in pieces of changing size. */
function carry(
  from: Http1ClientCodec | Http1ServerCodec,
  to: { receive(bytes: Uint8Array): void },
  sizes: number[],
): void {
  let turn = 0;
  for (let chunk = from.takeOutput(); chunk !== null; chunk = from.takeOutput()) {
    for (let at = 0; at < chunk.length;) {
      const size = sizes[turn++ % sizes.length] ?? 1;
      to.receive(chunk.slice(at, at + size));
      at += size;
    }
    from.outputWritten(chunk);
  }
}

function exchange(
  { client, server }: { client: Http1ClientCodec; server: Http1ServerCodec },
  spec: typeof EXCHANGE extends fc.Arbitrary<infer T> ? T : never,
  sizes: number[],
): { request: Seen; answer: Seen } {
  const { method, path, authority, request, answer, status } = spec;
  const seen = { request: unseen(), answer: unseen() };
  const head: RequestHead = {
    context: { id: "1", kind: "client", clientAddress: "192.0.2.1", protocol: "internal" },
    ...{ method, path, authority, scheme: "http", fields: new Fields(request.flat.slice()) },
    contentLength: request.isLengthKnown ? lengthOf(request) : null,
  };
  client.sendRequest(head);
  for (const piece of request.body) client.sendBody(piece);
  client.sendEnd(new Fields(request.trailers));
  carry(client, {
    receive(bytes) {
      server.receive(bytes, 0);
      for (let event = server.nextEvent(); event !== null; event = server.nextEvent()) {
        if (event.kind === "request") {
          assert.deepEqual([event.head.method, event.head.path, event.head.authority], [
            method,
            path,
            authority,
          ]);
          seen.request.flat = flatOf(event.head.fields);
          seen.request.contentLength = event.head.contentLength;
        } else if (event.kind === "body") seen.request.body += textOf(event.bytes);
        else if (event.kind === "end") {
          seen.request.trailers = flatOf(event.trailers);
          seen.request.isEnded = true;
        } else assert.fail(event.kind);
      }
    },
  }, sizes);
  server.sendHead({
    status,
    fields: new Fields(answer.flat.slice()),
    contentLength: answer.isLengthKnown ? lengthOf(answer) : null,
  });
  for (const piece of answer.body) server.sendBody(piece);
  server.sendEnd(new Fields(answer.trailers));
  carry(server, {
    receive(bytes) {
      client.receive(bytes, 0);
      for (let event = client.nextEvent(); event !== null; event = client.nextEvent()) {
        if (event.kind === "head") {
          assert.equal(event.head.status, status);
          seen.answer.flat = flatOf(event.head.fields);
          seen.answer.contentLength = event.head.contentLength;
        } else if (event.kind === "body") seen.answer.body += textOf(event.bytes);
        else if (event.kind === "end") {
          seen.answer.trailers = flatOf(event.trailers);
          seen.answer.isEnded = true;
        } else assert.fail(event.kind);
      }
    },
  }, sizes);
  return seen;
}

Deno.test("Http1ClientCodec and Http1ServerCodec carry any exchanges over one connection unchanged", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(EXCHANGE, { minLength: 1, maxLength: 3 }), sizes, (specs, pieceSizes) => {
      const client = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
      const server = new Http1ServerCodec(DEFAULT_HTTP1_LIMITS, 0);
      for (const spec of specs) {
        const seen = exchange({ client, server }, spec, pieceSizes);
        assert.deepEqual(seen.request, expected(spec.request));
        assert.deepEqual(seen.answer, expected(spec.answer));
        assert.equal(client.isReusable, true);
        assert.equal(server.shouldClose, false);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("sendBreak() after any part of an answer never looks complete to the client", () => {
  fc.assert(
    fc.property(MESSAGE, fc.nat(), (message, at) => {
      const client = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
      const server = new Http1ServerCodec(DEFAULT_HTTP1_LIMITS, 0);
      const kinds: string[] = [];
      client.sendRequest({
        context: { id: "1", kind: "client", clientAddress: "192.0.2.1", protocol: "internal" },
        ...{ method: "GET", path: "/", authority: "a", scheme: "http", contentLength: 0 },
        fields: new Fields(),
      });
      client.sendEnd(null);
      carry(client, { receive: (bytes) => server.receive(bytes, 0) }, [1e6]);
      while (server.nextEvent() !== null);
      const sent = at % (message.body.length + 1);
      const length = lengthOf(message) + (message.isLengthKnown ? 1 : 0);
      server.sendHead({
        status: 200,
        fields: new Fields(message.flat.slice()),
        contentLength: message.isLengthKnown ? length : null,
      });
      for (const piece of message.body.slice(0, sent)) server.sendBody(piece);
      server.sendBreak();
      carry(server, {
        receive(bytes) {
          client.receive(bytes, 0);
          for (let event = client.nextEvent(); event !== null; event = client.nextEvent()) {
            kinds.push(event.kind);
          }
        },
      }, [7]);
      client.receiveEnd(0);
      for (let event = client.nextEvent(); event !== null; event = client.nextEvent()) kinds.push(event.kind);
      assert.equal(kinds.at(-1), "broken");
      assert.ok(!kinds.includes("end"));
      assert.equal(server.shouldClose, true);
    }),
    { numRuns: 100 },
  );
});
