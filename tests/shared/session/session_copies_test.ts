/** Two session drivers over real QUIC lanes: what datagrams bring when the stream beside them does not. */
import assert from "node:assert/strict";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import type { SessionConnection } from "../../../shared/session/lane_driver.ts";
import { SessionDriver, type SessionNotice } from "../../../shared/session/session_driver.ts";
import type { StreamOwner } from "../../../shared/session/stream_owner.ts";
import type { LaneDatagrams } from "../../../shared/transport/lane_datagrams.ts";
import { DEFAULT_REDUNDANCY, type RedundancyOptions } from "../../../shared/tunnel/redundancy.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/tunnel/session_limits.ts";
import { eventually } from "../../support/eventually.ts";
import { connectPair } from "../transport/lane_fixture.ts";

const NOTHING = new Uint8Array(0);

/** A connection whose stream can be held back while its datagrams go on. */
class HeldConnection implements SessionConnection {
  readonly #inner: SessionConnection;
  #released = Promise.withResolvers<void>();

  constructor(inner: SessionConnection) {
    this.#inner = inner;
    this.#released.resolve();
  }

  get transport(): string {
    return this.#inner.transport;
  }

  get datagrams(): LaneDatagrams | null {
    return this.#inner.datagrams;
  }

  hold(): void {
    this.#released = Promise.withResolvers();
  }

  release(): void {
    this.#released.resolve();
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#inner.read(buffer);
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.#released.promise;
    return this.#inner.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#inner.closeWrite();
  }

  close(): void {
    this.release();
    this.#inner.close();
  }
}

class RecordingOwner implements StreamOwner {
  readonly calls: string[] = [];
  onInformational = () => void this.calls.push("informational");
  onHead = (head: Uint8Array) => void this.calls.push(`head ${new TextDecoder().decode(head)}`);
  onData = (bytes: Uint8Array) => void this.calls.push(`data ${new TextDecoder().decode(bytes)}`);
  onEnd = () => void this.calls.push("end");
  onReset = ({ by, code }: { by: string; code: number }) => void this.calls.push(`reset ${by} ${code}`);
  onSent = () => void this.calls.push("sent");
  onFault = () => void this.calls.push("fault");
}

interface End {
  readonly driver: SessionDriver;
  readonly accepted: RecordingOwner[];
  readonly notices: SessionNotice[];
}

function makeEnd(role: "edge" | "core", mode: RedundancyOptions["mode"]): End {
  const accepted: RecordingOwner[] = [];
  const notices: SessionNotice[] = [];
  const driver = new SessionDriver({
    role,
    limits: DEFAULT_SESSION_LIMITS,
    redundancy: { ...DEFAULT_REDUNDANCY, mode },
    clock: SYSTEM_CLOCK,
    accept: (stream) => {
      const owner = new RecordingOwner();
      stream.owner = owner;
      accepted.push(owner);
    },
    onRoom: () => {},
    onLaneClosed: () => {},
    onGoaway: () => {},
    onNotice: (notice) => notices.push(notice),
    onFault: (cause) => {
      throw cause;
    },
    onEnded: () => {},
  });
  return { driver, accepted, notices };
}

async function makePair(mode: RedundancyOptions["mode"]) {
  const { dialled, accepted, listener } = await connectPair("quic");
  const [edge, core] = [makeEnd("edge", mode), makeEnd("core", mode)];
  const connection = new HeldConnection(dialled);
  const lane = edge.driver.addLane(connection, NOTHING) ?? assert.fail("no lane");
  core.driver.addLane(accepted, NOTHING) ?? assert.fail("no lane");
  return {
    edge,
    core,
    connection,
    lane,
    end: async () => {
      connection.release();
      for (const { driver } of [edge, core]) driver.close();
      await Promise.all([edge.driver.gone, core.driver.gone]);
      listener.close();
    },
  };
}

const encoder = new TextEncoder();

Deno.test("SessionDriver delivers small frames by datagrams while the stream of their lane stands still", async () => {
  const { edge, core, connection, lane, end } = await makePair("always");
  await eventually(() => edge.driver.session.copiesPerFrame > 0 && lane.lane.roundTripMs !== null);
  connection.hold();
  const stream = edge.driver.openStream(encoder.encode("head"), new RecordingOwner()) ?? assert.fail();
  await eventually(() => core.accepted.length === 1);
  for (const token of ["a", "b", "c"]) {
    stream.sendData(encoder.encode(token));
    await eventually(() => core.accepted[0]?.calls.at(-1) === `data ${token}`);
  }
  assert.ok(edge.driver.session.retainedBytes > 0, "the stream has brought nothing");
  assert.ok(lane.datagramsSent >= 4);
  connection.release();
  await eventually(() => edge.driver.session.retainedBytes === 0);
  assert.deepEqual(core.accepted[0]?.calls, ["data a", "data b", "data c"]);
  await end();
});

Deno.test("SessionDriver with redundancy off sends small frames on the stream only", async () => {
  const { edge, core, end } = await makePair("off");
  const stream = edge.driver.openStream(encoder.encode("head"), new RecordingOwner()) ?? assert.fail();
  for (let i = 0; i < 20; i++) stream.sendData(encoder.encode("x"));
  await eventually(() => core.accepted[0]?.calls.length === 20);
  assert.equal(edge.driver.session.stats.copiesSent, 0);
  assert.equal(core.driver.session.stats.copiesReceived, 0);
  await end();
});

Deno.test("LaneDriver.retire() moves what its lane carries, closes it, and loses nothing", async () => {
  const { edge, core, lane, end } = await makePair("off");
  const second = await connectPair("tls");
  const other = edge.driver.addLane(second.dialled, NOTHING) ?? assert.fail("no lane");
  core.driver.addLane(second.accepted, NOTHING) ?? assert.fail("no lane");
  const stream = edge.driver.openStream(encoder.encode("head"), new RecordingOwner()) ?? assert.fail();
  stream.sendData(encoder.encode("before"));
  lane.retire();
  stream.sendData(encoder.encode("after"));
  await eventually(() => core.accepted[0]?.calls.join("").endsWith("after") ?? false);
  assert.equal(core.accepted[0]?.calls.join("").replaceAll("data ", ""), "beforeafter");
  assert.deepEqual([...edge.driver.lanes], [other]);
  await eventually(() => core.driver.laneCount === 1);
  const carriers = edge.notices.filter((notice) => notice.kind === "carrier");
  assert.deepEqual(
    carriers.map(({ log, cause, transport }) => [log, cause, transport]),
    [["tokens", "closed", "tls"], ["bulk", "closed", "tls"]],
  );
  assert.equal(lane.lane.stalls, 0);
  await end();
  second.listener.close();
});
