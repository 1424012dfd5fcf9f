import assert from "node:assert/strict";
import { relayExchange } from "../../../edge/session/relayed_exchange.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { encodeAnswerHead, encodeRequestHead } from "../../../shared/exchange/head_codec.ts";
import { SessionDriver, type SessionDriverOptions } from "../../../shared/session/session_driver.ts";
import type { StreamOwner } from "../../../shared/session/stream_owner.ts";
import { STREAM_DATA } from "../../../shared/tunnel/frame_type.ts";
import { DEFAULT_REDUNDANCY } from "../../../shared/tunnel/redundancy.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/tunnel/session_limits.ts";
import type { SessionStream } from "../../../shared/tunnel/session_stream.ts";
import { LiveAnswer, LiveHandler } from "../../support/live_exchange.ts";
import { answerHead, requestHead } from "../../support/recorded_exchange.ts";
import { closeQuietly, connectPair, TRANSPORTS, untilLost, writeAll } from "../transport/lane_fixture.ts";
import { eventually } from "../../support/eventually.ts";
import { TunnelPair } from "./tunnel_pair.ts";

const NOTHING = new Uint8Array(0);

class RecordingOwner implements StreamOwner {
  readonly calls: string[] = [];
  onInformational = () => void this.calls.push("informational");
  onHead = () => void this.calls.push("head");
  onData = () => void this.calls.push("data");
  onEnd = () => void this.calls.push("end");
  onReset = ({ by, code }: { by: string; code: number }) => void this.calls.push(`reset ${by} ${code}`);
  onSent = () => void this.calls.push("sent");
  onFault = () => void this.calls.push("fault");
}

function driver(role: "edge" | "core", options: Partial<SessionDriverOptions> = {}) {
  const calls: string[] = [];
  const session = new SessionDriver({
    role,
    limits: { ...DEFAULT_SESSION_LIMITS, maxLanes: 1 },
    redundancy: DEFAULT_REDUNDANCY,
    clock: SYSTEM_CLOCK,
    accept: (stream) => void (stream.owner = new RecordingOwner()),
    onRoom: () => void calls.push("room"),
    onLaneClosed: () => void calls.push("lane closed"),
    onGoaway: () => void calls.push("goaway"),
    onNotice: ({ kind }) => void calls.push(kind),
    onFault: (cause) => void calls.push(`fault ${cause}`),
    onEnded: (end) => void calls.push(`${end.kind} ${"by" in end ? `${end.by} ${end.code}` : ""}`.trim()),
    ...options,
  });
  return { session, calls };
}

for (const transport of TRANSPORTS) {
  Deno.test(`a session ends at both ends at once, and knows by whom: ${transport}`, async () => {
    const { dialled, accepted, listener } = await connectPair(transport);
    const [edge, core] = [driver("edge"), driver("core")];
    edge.session.addLane(dialled, NOTHING);
    core.session.addLane(accepted, NOTHING);
    const owner = new RecordingOwner();
    edge.session.openStream(NOTHING, owner);
    await eventually(() => core.session.streamCount === 1);
    core.session.close();
    await Promise.all([edge.session.gone, core.session.gone]);
    assert.deepEqual(owner.calls, ["reset tunnel_lost 0"]);
    assert.deepEqual(edge.calls, ["closed peer 0", "lane closed"]);
    assert.deepEqual(core.calls, ["closed local 0", "lane closed"]);
    listener.close();
  });
}

Deno.test("a peer that breaks the protocol is told so, and the session is over", async () => {
  const { dialled, accepted, listener } = await connectPair("tls");
  const core = driver("core");
  core.session.addLane(accepted, NOTHING);
  // DATA of a stream that has no head, and more behind it that nobody wants.
  await writeAll(dialled, Uint8Array.of(STREAM_DATA, 3, 1, 0, 7));
  void writeAll(dialled, new Uint8Array(1_000_000)).catch(() => {});
  const read = new Uint8Array(1000);
  let text = "";
  for (let length = await dialled.read(read); length !== null; length = await dialled.read(read)) {
    text += String.fromCharCode(...read.subarray(0, length));
  }
  closeQuietly(dialled);
  await core.session.gone;
  assert.deepEqual(core.calls, ["error", "lane closed"]);
  assert.equal(text.slice(-3), "\x23\x01\x06", "CLOSE, stream_order");
  listener.close();
});

Deno.test("SessionDriver.addLane() closes what the session does not take", async () => {
  const first = await connectPair("tls");
  const second = await connectPair("tls");
  const core = driver("core");
  assert.ok(core.session.addLane(first.accepted, NOTHING) !== null);
  assert.equal(core.session.addLane(second.accepted, NOTHING), null);
  await untilLost(second.dialled);
  core.session.close();
  closeQuietly(first.dialled, second.dialled, first.listener, second.listener);
  await core.session.gone;
  const third = await connectPair("tls");
  assert.equal(core.session.addLane(third.accepted, NOTHING), null);
  await untilLost(third.dialled);
  closeQuietly(third.dialled, third.listener);
});

Deno.test("an edge that gets a malformed head or trailers ends the exchange on both sides", async () => {
  const { dialled, accepted, listener } = await connectPair("tls");
  const streams: SessionStream<StreamOwner>[] = [];
  const served: RecordingOwner[] = [];
  const [edge, core] = [
    driver("edge"),
    driver("core", {
      accept(stream) {
        const owner = new RecordingOwner();
        stream.owner = owner;
        served.push(owner);
        streams.push(stream);
      },
    }),
  ];
  edge.session.addLane(dialled, NOTHING);
  core.session.addLane(accepted, NOTHING);
  const garbage = Uint8Array.of(0xff, 1, 2);
  const answers: ((stream: SessionStream<StreamOwner>) => void)[] = [
    (stream) => stream.sendInformational(garbage),
    (stream) => stream.sendHead(garbage),
    (stream) => {
      stream.sendHead(encodeAnswerHead(answerHead()));
      stream.sendEnd(garbage);
    },
  ];
  for (const [index, send] of answers.entries()) {
    const answer = new LiveAnswer();
    relayExchange(edge.session, requestHead(), answer) ?? assert.fail("not opened");
    await eventually(() => streams.length > index);
    send(streams[index] ?? assert.fail("no stream"));
    await answer.until("abort internal_error");
    await eventually(() => served[index]?.calls.at(-1) === "reset peer 43");
    assert.equal(edge.session.streamCount, 0);
  }
  core.session.close();
  await Promise.all([edge.session.gone, core.session.gone]);
  listener.close();
});

Deno.test("a core that gets a malformed head or trailers ends the exchange on both sides", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const [headless, broken] = [new RecordingOwner(), new RecordingOwner()];
  pair.edgeSession.openStream(Uint8Array.of(0xff, 1, 2), headless);
  await eventually(() => headless.calls.length > 0);
  const stream = pair.edgeSession.openStream(encodeRequestHead(requestHead()), broken);
  stream?.sendEnd(Uint8Array.of(0xff, 1, 2));
  await eventually(() => broken.calls.length > 0);
  assert.deepEqual([headless.calls, broken.calls], [["reset peer 43"], ["reset peer 43"]]);
  const served = await inner.request(0);
  assert.deepEqual(served.calls, ["abort internal_error"]);
  assert.equal(pair.coreLog.of("tunnel_fault").length, 2);
  await pair.untilNothingIsKept();
});

Deno.test("a session that breaks its own assertions ends, and its process does not", async () => {
  const { dialled, accepted, listener } = await connectPair("tls");
  const [edge, core] = [driver("edge"), driver("core")];
  edge.session.addLane(dialled, NOTHING);
  const lane = core.session.addLane(accepted, NOTHING) ?? assert.fail("no lane");
  const owner = new RecordingOwner();
  edge.session.openStream(NOTHING, owner);
  await eventually(() => core.session.streamCount === 1);
  // Stands for an assertion that fails within the session.
  lane.lane.takeOutput = () => {
    throw new TypeError("a bug");
  };
  core.session.goaway();
  await eventually(() => core.calls.some((call) => call.startsWith("fault")));
  await eventually(() => core.calls.includes("closed local 0"));
  edge.session.close();
  await Promise.all([edge.session.gone, core.session.gone]);
  listener.close();
});
