/** A process of its own for the lane tests: listens, echoes what each lane sends, prints its address once. */
import type { LaneConnection, LaneTransport } from "../../../shared/transport/lane_connection.ts";
import { listenLanes } from "../../../shared/transport/lane_transport.ts";

const [transport, address, certPem, keyPem] = Deno.args;
const listener = listenLanes({
  transport: transport as LaneTransport,
  address: address ?? "",
  certificate: { certPem: certPem ?? "", keyPem: keyPem ?? "" },
});
console.log(listener.localAddress);
for (let lane = await listener.accept(); lane !== null; lane = await listener.accept()) void echo(lane);

async function echo(lane: LaneConnection): Promise<void> {
  const buffer = new Uint8Array(65536);
  try {
    for (let length = await lane.read(buffer); length !== null; length = await lane.read(buffer)) {
      for (let sent = 0; sent < length;) sent += await lane.write(buffer.subarray(sent, length));
    }
  } catch (error) {
    console.error(String(error));
  }
}
