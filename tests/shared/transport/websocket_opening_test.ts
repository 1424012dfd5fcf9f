import assert from "node:assert/strict";
import { LaneDialError } from "../../../shared/transport/lane_connection.ts";
import { dialLane } from "../../../shared/transport/lane_transport.ts";
import { readOpeningHead } from "../../../shared/transport/read_opening_head.ts";
import { LANE_SUBPROTOCOL } from "../../../shared/transport/websocket_lane.ts";
import { writeWhole } from "../../../shared/transport/write_whole.ts";
import { OPCODE } from "../../../shared/websocket/opcode.ts";
import { writeOpeningAnswer } from "../../../shared/websocket/opening_answer.ts";
import type { OpeningHead } from "../../../shared/websocket/opening_head.ts";
import {
  closeQuietly,
  dialLoopback,
  listenOnLoopback,
  readExactly,
  SERVER_NAME,
  TRUST,
} from "./lane_fixture.ts";
import { connectTls, frameBytes, laneRequest, readToEnd, serveByHand } from "./raw_websocket.ts";

const BEAT = new TextEncoder().encode("beat");

for (
  const [name, request, status] of [
    ["another path", laneRequest(["/lowu/lane", "/"]), 404],
    ["the path with a query", laneRequest(["/lowu/lane", "/lowu/lane?x"]), 404],
    ["another method", laneRequest(["GET", "HEAD"]), 404],
    ["no upgrade", laneRequest(["Upgrade: websocket\r\n", ""]), 426],
    ["another subprotocol", laneRequest([LANE_SUBPROTOCOL, "chat"]), 426],
    ["another version", laneRequest(["13", "12"]), 426],
    ["no HTTP", new TextEncoder().encode("\x16\x03\x01 hello\r\n\r\n"), 400],
    ["no host", laneRequest([`Host: ${SERVER_NAME}\r\n`, ""]), 400],
    ["a head without end", new TextEncoder().encode(`GET / HTTP/1.1\r\nx: ${"x".repeat(9_000)}`), 400],
    [
      "frames before it is answered",
      new Uint8Array([...laneRequest(), ...frameBytes(OPCODE.binary, BEAT)]),
      400,
    ],
  ] as const
) {
  Deno.test(`a WebSocket listener answers ${status} to ${name}, and ends`, async () => {
    const listener = listenOnLoopback("websocket");
    const raw = await connectTls(listener.localAddress);
    await writeWhole(raw, request);
    assert.match(await readToEnd(raw), new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\n\r\n$`));
    raw.close();
    const lane = await dialLoopback("websocket", listener.localAddress);
    const accepted = await listener.accept() ?? assert.fail("closed");
    assert.deepEqual({ ...listener.counters, limited: 0 }, {
      ...{ accepted: 1, failed: 1, timedOut: 0, limited: 0, acceptErrors: 0 },
    });
    closeQuietly(lane, accepted, listener);
  });
}

Deno.test("a WebSocket listener takes a peer without ALPN, and a request that comes byte by byte", async () => {
  const listener = listenOnLoopback("websocket");
  const accepting = listener.accept();
  const raw = await connectTls(listener.localAddress, []);
  for (const byte of laneRequest()) await writeWhole(raw, Uint8Array.of(byte));
  assert.match((await readOpeningHead(raw)).head.startLine, /^HTTP\/1\.1 101 /);
  closeQuietly(await accepting ?? assert.fail("closed"), raw, listener);
});

Deno.test("a WebSocket listener ends a peer that dawdles within its request", async () => {
  const listener = listenOnLoopback("websocket", { handshakeTimeoutMs: 200 });
  const raw = await connectTls(listener.localAddress);
  await writeWhole(raw, laneRequest().subarray(0, 50));
  assert.equal(await readToEnd(raw), "");
  assert.equal(listener.counters.timedOut, 1);
  closeQuietly(raw, listener);
});

Deno.test("a WebSocket listener takes no peer that offers another protocol only", async () => {
  const listener = listenOnLoopback("websocket");
  await assert.rejects(connectTls(listener.localAddress, ["h2"]));
  closeQuietly(listener);
});

function answerOf({ fields }: OpeningHead): Uint8Array {
  const key = fields.get("sec-websocket-key") ?? assert.fail("no key");
  return writeOpeningAnswer({ key, protocol: LANE_SUBPROTOCOL });
}

Deno.test("dialLane() names the server and its port in the opening request", async () => {
  let host: string | undefined;
  const peer = serveByHand((head) => {
    host = head.fields.get("host");
    return answerOf(head);
  });
  const lane = await dialLoopback("websocket", peer.address);
  assert.equal(host, `${SERVER_NAME}:${peer.address.split(":")[1]}`);
  closeQuietly(lane, await peer.accepted, peer);
});

Deno.test("dialLane() keeps frames that come in one piece with the answer", async () => {
  const frames = [1, 2, 3].map((byte) =>
    frameBytes(OPCODE.binary, Uint8Array.of(byte, byte), { isMasked: false })
  );
  const peer = serveByHand((head) =>
    new Uint8Array([...answerOf(head), ...frames.flatMap((one) => [...one])])
  );
  const lane = await dialLoopback("websocket", peer.address);
  assert.deepEqual([...await readExactly(lane, 1)], [1]);
  assert.deepEqual([...await readExactly(lane, 5)], [1, 2, 2, 3, 3]);
  closeQuietly(lane, await peer.accepted, peer);
});

for (
  const [name, answer, message] of [
    ["another status", () => "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", /status 502/],
    [
      "an accept value for another key",
      () => text(writeOpeningAnswer({ key: "x", protocol: LANE_SUBPROTOCOL })),
      /another request/,
    ],
    [
      "another subprotocol",
      (head: OpeningHead) => text(answerOf(head)).replace(LANE_SUBPROTOCOL, "x"),
      /subprotocol/,
    ],
    ["no HTTP", () => "SSH-2.0-OpenSSH_9.2\r\n\r\n", /malformed/],
  ] as const
) {
  Deno.test(`dialLane() refuses an answer with ${name}`, async () => {
    const peer = serveByHand((head) => new TextEncoder().encode(answer(head)));
    await assert.rejects(dialLoopback("websocket", peer.address), (error) => {
      assert.ok(error instanceof LaneDialError);
      assert.equal(error.failure, "unreachable");
      assert.match(error.message, message);
      return true;
    });
    const raw = await peer.accepted;
    await untilEnd(raw);
    closeQuietly(raw, peer);
  });
}

Deno.test("dialLane() gives up a peer that never answers the opening request, and closes", async () => {
  const peer = serveByHand(() => new Uint8Array(0));
  const dialling = dialLane({
    transport: "websocket",
    address: peer.address,
    serverName: SERVER_NAME,
    caCertificates: [TRUST.caPem],
    connectTimeoutMs: 300,
  });
  await assert.rejects(dialling, (error) => error instanceof LaneDialError && error.failure === "timeout");
  const raw = await peer.accepted;
  await untilEnd(raw);
  closeQuietly(raw, peer);
});

async function untilEnd(raw: Deno.TlsConn): Promise<void> {
  try {
    await readToEnd(raw);
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.UnexpectedEof)) {
      throw error;
    }
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
