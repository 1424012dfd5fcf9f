import assert from "node:assert/strict";
import { closeQuietly, connectPair, readExactly, TRANSPORTS, writeAll } from "./lane_fixture.ts";

for (const transport of TRANSPORTS) {
  Deno.test(`LaneConnection.closeWrite() lets what was written arrive, and the other direction goes on: ${transport}`, async () => {
    const { dialled, accepted, listener } = await connectPair(transport);
    for (const [near, far] of [[dialled, accepted], [accepted, dialled]] as const) {
      const sending = writeAll(near, new Uint8Array(3_000_000).fill(7)).then(() => near.closeWrite());
      const received = await readExactly(far, 3_000_000);
      assert.ok(received.every((byte) => byte === 7));
      assert.equal(await far.read(new Uint8Array(10)), null);
      await sending;
    }
    closeQuietly(dialled, accepted, listener);
  });
}
