import assert from "node:assert/strict";
import { steerToNewest, stopSteering } from "../../../shared/transport/reuseport_steering.ts";

const CONNECTIONS = 40;

/** How many of the connections dialled now each listener gets. */
async function share(listeners: Deno.TcpListener[], port: number): Promise<number[]> {
  const counts = listeners.map(() => 0);
  let left = CONNECTIONS;
  let allAccepted = () => {};
  const done = new Promise<void>((resolve) => allAccepted = resolve);
  const loops = listeners.map(async (listener, i) => {
    while (left > 0) {
      const connection = await listener.accept().catch(() => null);
      if (connection === null) return;
      connection.close();
      counts[i] = (counts[i] ?? 0) + 1;
      if (--left === 0) allAccepted();
    }
  });
  for (let i = 0; i < CONNECTIONS; i++) (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  await done;
  for (const listener of listeners) listener.close();
  await Promise.all(loops);
  return counts;
}

function open(port: number): Deno.TcpListener {
  return Deno.listen({ hostname: "127.0.0.1", port, reusePort: true });
}

Deno.test("steerToNewest() sends every connection to the second of two listeners", async () => {
  const first = open(0);
  const { port } = first.addr as Deno.NetAddr;
  assert.equal(steerToNewest(port), false, "alone");
  const second = open(port);
  assert.equal(steerToNewest(port), true);
  assert.deepEqual(await share([first, second], port), [0, CONNECTIONS]);
});

Deno.test("stopSteering() lets the hash decide again", async () => {
  const first = open(0);
  const { port } = first.addr as Deno.NetAddr;
  const second = open(port);
  assert.equal(steerToNewest(port), true);
  stopSteering(port);
  // The odds that the hash gives one of them all forty are 2 in 2^40.
  assert.ok((await share([first, second], port)).every((count) => count > 0));
});

Deno.test("steerToNewest() keeps out of a group of more than two", () => {
  const first = open(0);
  const { port } = first.addr as Deno.NetAddr;
  const others = [open(port), open(port)];
  assert.equal(steerToNewest(port), false);
  for (const listener of [first, ...others]) listener.close();
});
