/** Our lanes against the runtime's own WebSocket, at both ends. */
import assert from "node:assert/strict";
import { LANE_PATH, LANE_SUBPROTOCOL } from "../../../shared/transport/websocket_lane.ts";
import {
  closeQuietly,
  dialLoopback,
  listenOnLoopback,
  readExactly,
  TRUST,
  untilLost,
  writeAll,
} from "./lane_fixture.ts";

const BYTES = new Uint8Array(300_000).map((_, index) => (index * 7 + (index >> 8)) & 0xff);

Deno.test("a dialled WebSocket lane speaks with the runtime's server", async () => {
  const { certPem: cert, keyPem: key } = TRUST.certificate;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, cert, key, onListen() {} }, (request) => {
    assert.equal(new URL(request.url).pathname, LANE_PATH);
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: LANE_SUBPROTOCOL });
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  });
  const lane = await dialLoopback("websocket", `127.0.0.1:${server.addr.port}`);
  const echoed = readExactly(lane, BYTES.length);
  await writeAll(lane, BYTES);
  assert.deepEqual(await echoed, BYTES);
  // It answers our close frame with its own.
  await lane.closeWrite();
  assert.equal(await lane.read(new Uint8Array(10)), null);
  lane.close();
  await server.shutdown();
});

Deno.test("a WebSocket listener speaks with the runtime's client", async () => {
  const listener = listenOnLoopback("websocket");
  using client = Deno.createHttpClient({ caCerts: [TRUST.caPem] });
  const accepting = listener.accept();
  const socket = new WebSocket(`wss://${listener.localAddress}${LANE_PATH}`, {
    protocols: [LANE_SUBPROTOCOL],
    client,
  });
  socket.binaryType = "arraybuffer";
  const received: ArrayBuffer[] = [];
  let receivedBytes = 0;
  const done = new Promise<void>((resolve, reject) => {
    socket.onmessage = ({ data }) => {
      received.push(data);
      receivedBytes += data.byteLength;
      if (receivedBytes >= BYTES.length) resolve();
    };
    socket.onerror = () => reject(new Error("the client failed"));
  });
  const lane = await accepting ?? assert.fail("closed");
  await writeAll(lane, BYTES);
  await done;
  assert.equal(receivedBytes, BYTES.length);
  assert.deepEqual(new Uint8Array(await new Blob(received).arrayBuffer()), BYTES);
  socket.send(BYTES);
  assert.deepEqual(await readExactly(lane, BYTES.length), BYTES);
  const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
  await lane.closeWrite();
  await untilLost(lane);
  assert.equal((await closed).code, 1000);
  closeQuietly(lane, listener);
});
