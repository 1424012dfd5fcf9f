import { createAuthority, issueCertificate } from "../../../shared/pki/certificate_authority.ts";
import type {
  LaneCertificate,
  LaneConnection,
  LaneListener,
  LaneTransport,
  ListenLanesOptions,
} from "../../../shared/transport/lane_connection.ts";
import { dialLane, listenLanes } from "../../../shared/transport/lane_transport.ts";

export const SERVER_NAME = "core.test";
export const TRANSPORTS: readonly LaneTransport[] = ["quic", "tls", "websocket"];

export interface TestTrust {
  readonly certificate: LaneCertificate;
  readonly caPem: string;
}

/** A new authority and a certificate by it, for {@linkcode SERVER_NAME} and whatever a client dials on loopback. */
export async function createTrust(): Promise<TestTrust> {
  const authority = await createAuthority({ name: "lane test", days: 1 });
  const issued = await issueCertificate(authority, { names: [SERVER_NAME, "127.0.0.1"], days: 1 });
  return {
    certificate: { certPem: issued.certificatePem, keyPem: issued.keyPem },
    caPem: authority.certificatePem,
  };
}

export const TRUST = await createTrust();

export function listenOnLoopback(
  transport: LaneTransport,
  limits: ListenLanesOptions["limits"] = {},
): LaneListener {
  return listenLanes({ transport, address: "127.0.0.1:0", certificate: TRUST.certificate, limits });
}

export function dialLoopback(transport: LaneTransport, address: string): Promise<LaneConnection> {
  return dialLane({
    transport,
    address,
    serverName: SERVER_NAME,
    caCertificates: [TRUST.caPem],
    connectTimeoutMs: 5_000,
  });
}

export interface LanePair {
  readonly dialled: LaneConnection;
  readonly accepted: LaneConnection;
  readonly listener: LaneListener;
}

/** Two ends of one lane; the dialled end has written one byte and the accepted end has read it. */
export async function connectPair(transport: LaneTransport): Promise<LanePair> {
  const listener = listenOnLoopback(transport);
  const accepting = listener.accept();
  const dialled = await dialLoopback(transport, listener.localAddress);
  await dialled.write(new Uint8Array([1]));
  const accepted = await accepting;
  if (accepted === null) throw new Error("the listener closed");
  await accepted.read(new Uint8Array(1));
  return { dialled, accepted, listener };
}

/** The other end may have taken the connection down already. */
export function closeQuietly(...closables: { close(): void }[]): void {
  for (const closable of closables) {
    try {
      closable.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

export async function writeAll(lane: LaneConnection, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await lane.write(bytes.subarray(sent));
}

/** Exactly `length` bytes. */
export async function readExactly(lane: LaneConnection, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const count = await lane.read(bytes.subarray(filled));
    if (count === null) throw new Error(`end of stream after ${filled} of ${length} bytes`);
    filled += count;
  }
  return bytes;
}

/** Resolves when the lane is lost, however the transport shows it: true if by a rejection. */
export async function untilLost(lane: LaneConnection): Promise<void> {
  const buffer = new Uint8Array(1024);
  try {
    while ((await lane.read(buffer)) !== null);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
