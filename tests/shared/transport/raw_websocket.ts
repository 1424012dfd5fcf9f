/** The other end of a WebSocket lane, written by hand: TLS, bytes, and frames as a test wants them. */
import assert from "node:assert/strict";
import type { LaneConnection, LaneListener } from "../../../shared/transport/lane_connection.ts";
import { readOpeningHead } from "../../../shared/transport/read_opening_head.ts";
import { LANE_PATH, LANE_SUBPROTOCOL } from "../../../shared/transport/websocket_lane.ts";
import { writeWhole } from "../../../shared/transport/write_whole.ts";
import { FrameReader, type WebSocketEvent } from "../../../shared/websocket/frame_reader.ts";
import { writeFrame } from "../../../shared/websocket/frame_writer.ts";
import type { OpeningHead } from "../../../shared/websocket/opening_head.ts";
import { writeOpeningRequest } from "../../../shared/websocket/opening_request.ts";
import type { Opcode } from "../../../shared/websocket/opcode.ts";
import { SERVER_NAME, TRUST } from "./lane_fixture.ts";

export const OPENING_KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK_KEY = Uint8Array.of(1, 2, 3, 4);

export function parseHostPort(address: string): { hostname: string; port: number } {
  const [hostname = "", port = ""] = address.split(":");
  return { hostname, port: Number(port) };
}

export async function connectTls(address: string, alpnProtocols = ["http/1.1"]): Promise<Deno.TlsConn> {
  const tcp = await Deno.connect(parseHostPort(address));
  tcp.setNoDelay(true);
  const tls = await Deno.startTls(tcp, { hostname: SERVER_NAME, caCerts: [TRUST.caPem], alpnProtocols });
  await tls.handshake();
  return tls;
}

/** The request of a lane, with each `[from, to]` replaced. */
export function laneRequest(...changes: [from: string, to: string][]): Uint8Array {
  const request = writeOpeningRequest({
    authority: SERVER_NAME,
    path: LANE_PATH,
    key: OPENING_KEY,
    protocol: LANE_SUBPROTOCOL,
  });
  let text = new TextDecoder().decode(request);
  for (const [from, to] of changes) {
    assert.ok(text.includes(from));
    text = text.replace(from, to);
  }
  return new TextEncoder().encode(text);
}

/** A client by hand and the lane that the listener made of it. */
export async function openByHand(
  listener: LaneListener,
): Promise<{ raw: Deno.TlsConn; lane: LaneConnection }> {
  const accepting = listener.accept();
  const raw = await connectTls(listener.localAddress);
  await writeWhole(raw, laneRequest());
  assert.match((await readOpeningHead(raw)).head.startLine, /^HTTP\/1\.1 101 /);
  return { raw, lane: await accepting ?? assert.fail("the listener closed") };
}

/** Listens with the lane's certificate; `answer` makes what is sent to the opening request. */
export function serveByHand(
  answer: (head: OpeningHead) => Uint8Array,
): { address: string; accepted: Promise<Deno.TlsConn>; close(): void } {
  const { certPem: cert, keyPem: key } = TRUST.certificate;
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key, alpnProtocols: ["http/1.1"] });
  const accept = async () => {
    const connection = await listener.accept();
    await writeWhole(connection, answer((await readOpeningHead(connection)).head));
    return connection;
  };
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    accepted: accept(),
    close: () => listener.close(),
  };
}

export function frameBytes(
  opcode: Opcode,
  payload: Uint8Array,
  { isFinal = true, isMasked = true }: { isFinal?: boolean; isMasked?: boolean } = {},
): Uint8Array {
  const target = new Uint8Array(payload.length + 14);
  return target.subarray(
    0,
    writeFrame(target, { opcode, isFinal, maskKey: isMasked ? MASK_KEY : null, payload }),
  );
}

/** The events of all frames that come until `isEnough`. */
export async function readEvents(
  raw: Deno.TlsConn,
  { role, isEnough }: { role: "client" | "server"; isEnough: (events: readonly WebSocketEvent[]) => boolean },
): Promise<WebSocketEvent[]> {
  const reader = new FrameReader({ role, maxMessageBytes: 1_000_000 });
  const events: WebSocketEvent[] = [];
  const buffer = new Uint8Array(65_536);
  while (!isEnough(events)) {
    const length = await raw.read(buffer);
    if (length === null) throw new Error(`the end after ${JSON.stringify(events)}`);
    reader.receive(buffer.slice(0, length));
    for (let event = reader.nextEvent(); event !== null; event = reader.nextEvent()) events.push(event);
  }
  return events;
}

/** All that comes until the end, as text. */
export async function readToEnd(raw: Deno.TlsConn): Promise<string> {
  const buffer = new Uint8Array(4096);
  let text = "";
  for (let length = await raw.read(buffer); length !== null; length = await raw.read(buffer)) {
    text += new TextDecoder().decode(buffer.subarray(0, length));
  }
  return text;
}
