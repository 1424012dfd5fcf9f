/** Sends version probes to a QUIC port at a steady pace and counts what comes back. */
import type { Clock } from "../../shared/clock/clock.ts";
import type { Address } from "../../shared/config/address.ts";
import { answeredProbe, versionProbe } from "./version_probe.ts";

export interface UdpEchoOptions {
  readonly clock: Clock;
  /** An IP address and a port. */
  readonly to: Address;
  readonly count: number;
  readonly intervalMs: number;
  /** For answers, after the last probe. */
  readonly waitMs: number;
  /** Stop at the first answer. @default false */
  readonly isOneEnough?: boolean;
}

export interface UdpEchoResult {
  readonly sent: number;
  /** Probes with an answer. */
  readonly echoed: number;
  /** Of the first answer; null: none came. */
  readonly firstMs: number | null;
  /** What the operating system said when it would not send; null: it sent all. */
  readonly error: string | null;
}

/** Resolves at the latest `count` intervals and `waitMs` after the call; never rejects for what the network does. */
export async function echoUdp(options: UdpEchoOptions): Promise<UdpEchoResult> {
  const { clock, to, count, intervalMs, waitMs, isOneEnough = false } = options;
  const key = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  const socket = Deno.listenDatagram({
    transport: "udp",
    hostname: to.hostname.includes(":") ? "::" : "0.0.0.0",
    port: 0,
  });
  const sentAt: number[] = [];
  const echoed = new Set<number>();
  const over = Promise.withResolvers<void>();
  let firstMs: number | null = null;
  let error: string | null = null;
  const receiving = receiveAll(socket, (bytes) => {
    const number = answeredProbe(bytes, key);
    const at = number === null ? undefined : sentAt[number];
    if (number === null || at === undefined) return;
    echoed.add(number);
    firstMs ??= clock.now() - at;
    if (isOneEnough || echoed.size === count) over.resolve();
  });
  const send = () => {
    const number = sentAt.length;
    sentAt.push(clock.now());
    socket.send(versionProbe(number, key), { transport: "udp", ...to }).catch((reason) => {
      error ??= reason instanceof Error ? reason.message : String(reason);
    });
    stopTimer = sentAt.length < count ? clock.after(intervalMs, send) : clock.after(waitMs, over.resolve);
  };
  let stopTimer = () => {};
  send();
  await over.promise;
  stopTimer();
  socket.close();
  await receiving;
  return { sent: sentAt.length, echoed: echoed.size, firstMs, error };
}

/** Until the socket is closed. */
async function receiveAll(socket: Deno.DatagramConn, take: (bytes: Uint8Array) => void): Promise<void> {
  const buffer = new Uint8Array(2048);
  try {
    for (;;) take((await socket.receive(buffer))[0]);
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted)) throw error;
  }
}
