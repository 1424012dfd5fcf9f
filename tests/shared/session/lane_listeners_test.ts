import assert from "node:assert/strict";
import type { Address } from "../../../shared/config/address.ts";
import { ListenError } from "../../../shared/server/open_listener.ts";
import { LaneListeners } from "../../../shared/session/lane_listeners.ts";
import type {
  LaneConnection,
  LaneListener,
  LaneTransport,
} from "../../../shared/transport/lane_connection.ts";
import { eventually } from "../../support/eventually.ts";
import { LogLines } from "../../support/log_lines.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import {
  closeQuietly,
  createTrust,
  dialLoopback,
  readExactly,
  TRUST,
  untilLost,
  writeAll,
} from "../transport/lane_fixture.ts";

class Fixture implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly lines = new LogLines("core");
  readonly lanes: LaneConnection[] = [];
  readonly listeners: LaneListeners;

  constructor(...listeners: readonly (readonly [LaneTransport, number])[]) {
    this.listeners = new LaneListeners({
      listeners: listeners.map(([transport, port]) => ({ transport, address: at(port) })),
      certificate: TRUST.certificate,
      limits: {},
      clock: this.clock,
      log: this.lines.log,
      serve: (listener) => this.#serve(listener),
    });
  }

  get transports(): string[] {
    return this.listeners.open.map(({ transport }) => transport);
  }

  /** The address of the only listener of that transport. */
  addressOf(transport: LaneTransport): string {
    return this.listeners.open.find((listener) => listener.transport === transport)?.localAddress ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listeners.close();
    closeQuietly(...this.lanes);
  }

  async #serve(listener: LaneListener): Promise<void> {
    for (let lane = await listener.accept(); lane !== null; lane = await listener.accept()) {
      this.lanes.push(lane);
    }
  }
}

function at(port: number): Address {
  return { hostname: "127.0.0.1", port };
}

function portOf(address: string): number {
  return Number(address.split(":")[1]);
}

/** A port that was closed is free some turns of the event loop later. */
async function successorOn(...listeners: readonly (readonly [LaneTransport, number])[]): Promise<Fixture> {
  let successor: Fixture | null = null;
  await eventually(() => {
    try {
      successor = new Fixture(...listeners);
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
    }
    return successor !== null;
  });
  return successor ?? assert.fail("unreachable");
}

/** Holds a UDP port as another process would. */
function holdUdpPort(): { port: number; close(): void } {
  const socket = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  return { port: (socket.addr as Deno.NetAddr).port, close: () => socket.close() };
}

Deno.test("LaneListeners starts without a UDP port that is taken and gets it when it is free", async () => {
  const predecessor = holdUdpPort();
  await using fixture = new Fixture(["tls", 0], ["quic", predecessor.port]);
  assert.deepEqual(fixture.transports, ["tls"]);
  assert.equal(fixture.lines.of("tunnel_port_taken").length, 1);
  assert.match(fixture.listeners.problems.join(), /another process still holds 127\.0\.0\.1:\d+ \(UDP\)/);
  fixture.clock.advance(5_000);
  assert.deepEqual(fixture.transports, ["tls"]);
  predecessor.close();
  fixture.clock.advance(1_000);
  assert.deepEqual(fixture.transports.toSorted(), ["quic", "tls"]);
  assert.deepEqual(fixture.listeners.problems, []);
  assert.equal(fixture.clock.pendingTimers, 0, "nobody asks any more");
  const lane = await dialLoopback("quic", fixture.addressOf("quic"));
  await writeAll(lane, new Uint8Array([1]));
  await eventually(() => fixture.lanes.length === 1);
  closeQuietly(lane);
});

Deno.test("LaneListeners does not start with none of its ports, nor without a TCP port", async () => {
  const udp = holdUdpPort();
  assert.throws(() => new Fixture(["quic", udp.port]), ListenError);
  const tcp = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = tcp.addr;
  assert.throws(
    () => new Fixture(["quic", 0], ["tls", port]),
    (error: Error) =>
      error instanceof ListenError && error.message.includes(`127.0.0.1:${port} is in use by`),
  );
  tcp.close();
  udp.close();
  await using again = new Fixture(["tls", port]);
  assert.deepEqual(again.transports, ["tls"]);
});

Deno.test("LaneListeners that drains leaves its TCP ports to a successor, and its lanes live on", async () => {
  await using old = new Fixture(["quic", 0], ["tls", 0], ["websocket", 0]);
  const addresses = [old.addressOf("tls"), old.addressOf("websocket")] as const;
  const lanes = await Promise.all([
    dialLoopback("tls", addresses[0]),
    dialLoopback("websocket", addresses[1]),
  ]);
  for (const lane of lanes) await writeAll(lane, new Uint8Array([1]));
  await eventually(() => old.lanes.length === 2);
  old.listeners.drain();
  await using successor = await successorOn(["tls", portOf(addresses[0])], [
    "websocket",
    portOf(addresses[1]),
  ]);
  for (const lane of old.lanes) assert.deepEqual([...await readExactly(lane, 1)], [1]);
  const resumed = await dialLoopback("quic", old.addressOf("quic"));
  await writeAll(resumed, new Uint8Array([1]));
  await eventually(() => old.lanes.length === 3);
  const next = await dialLoopback("tls", addresses[0]);
  await writeAll(next, new Uint8Array([1]));
  await eventually(() => successor.lanes.length === 1);
  closeQuietly(...lanes, resumed, next);
});

Deno.test("LaneListeners without QUIC keeps its ports while it drains, for lanes that resume", async () => {
  await using old = new Fixture(["tls", 0]);
  const address = old.addressOf("tls");
  old.listeners.drain();
  assert.throws(() => new Fixture(["tls", portOf(address)]), ListenError);
  const lane = await dialLoopback("tls", address);
  await writeAll(lane, new Uint8Array([1]));
  await eventually(() => old.lanes.length === 1);
  await old.listeners.close();
  await using _successor = await successorOn(["tls", portOf(address)]);
  closeQuietly(...old.lanes);
  await untilLost(lane);
  closeQuietly(lane);
});

Deno.test("LaneListeners shows a new certificate on every port, a late one included", async () => {
  const predecessor = holdUdpPort();
  await using fixture = new Fixture(["tls", 0], ["quic", predecessor.port]);
  const next = await createTrust();
  await fixture.listeners.replaceCertificate(next.certificate);
  predecessor.close();
  fixture.clock.advance(1_000);
  for (const transport of ["tls", "quic"] as const) {
    await assert.rejects(dialLoopback(transport, fixture.addressOf(transport)), /certificate/i);
  }
});
