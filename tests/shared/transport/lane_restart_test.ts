import assert from "node:assert/strict";
import type { LaneTransport } from "../../../shared/transport/lane_connection.ts";
import {
  closeQuietly,
  dialLoopback,
  readExactly,
  TRANSPORTS,
  TRUST,
  untilLost,
  writeAll,
} from "./lane_fixture.ts";

async function startPeer(transport: LaneTransport, address: string) {
  const { certPem, keyPem } = TRUST.certificate;
  const script = new URL("./lane_echo_peer.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--frozen", script, transport, address, certPem, keyPem],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  const stop = async (signal: Deno.Signal) => {
    child.kill(signal);
    await child.status;
    await reader.cancel();
  };
  return { address: (value ?? "").trim(), stop };
}

for (const transport of TRANSPORTS) {
  Deno.test(`a lane notices that the peer's process died, and a new one reaches its successor: ${transport}`, async () => {
    const first = await startPeer(transport, "127.0.0.1:0");
    const lane = await dialLoopback(transport, first.address);
    await writeAll(lane, new Uint8Array([1, 2, 3]));
    assert.deepEqual([...await readExactly(lane, 3)], [1, 2, 3]);
    await first.stop("SIGKILL");
    // TCP tells at once, QUIC by its idle time-out.
    await untilLost(lane);
    const second = await startPeer(transport, first.address);
    assert.equal(second.address, first.address);
    const next = await dialLoopback(transport, second.address);
    await writeAll(next, new Uint8Array([4]));
    assert.deepEqual([...await readExactly(next, 1)], [4]);
    closeQuietly(lane, next);
    await second.stop("SIGTERM");
  });
}
