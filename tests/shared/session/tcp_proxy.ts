/** A TCP proxy on loopback that can cut its connections, or swallow what they carry without a word. */
import { closeQuietly } from "../transport/lane_fixture.ts";

interface Carried {
  readonly near: Deno.TcpConn;
  readonly far: Deno.TcpConn;
  /** Nothing passes any more, not even the end of the connection. */
  isSwallowed: boolean;
}

export class TcpProxy {
  /** Where new connections are led, `host:port`. */
  target: string;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #carried = new Set<Carried>();
  readonly #pumps = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  constructor(target: string) {
    this.target = target;
    this.#accepting = this.#accept();
  }

  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Closes every connection. */
  cut(): void {
    for (const { near, far } of this.#carried) closeQuietly(near, far);
    this.#carried.clear();
  }

  /** The connections of now become holes; new ones are carried. */
  swallow(): void {
    for (const carried of this.#carried) carried.isSwallowed = true;
  }

  async close(): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    this.cut();
    await Promise.all(this.#pumps);
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      const pump = this.#carry(near);
      this.#pumps.add(pump);
      void pump.finally(() => this.#pumps.delete(pump));
    }
  }

  async #carry(near: Deno.TcpConn): Promise<void> {
    const port = Number(this.target.split(":")[1]);
    const far = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
    if (far === null) return closeQuietly(near);
    const carried = { near, far, isSwallowed: false };
    this.#carried.add(carried);
    for (const socket of [near, far]) socket.setNoDelay(true);
    await Promise.all([this.#pump(carried, near, far), this.#pump(carried, far, near)]);
    if (carried.isSwallowed) return;
    this.#carried.delete(carried);
    closeQuietly(near, far);
  }

  /** Until the end of `from`, or until one of the two is gone: then both are closed. */
  async #pump(carried: Carried, from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let length = await from.read(buffer); length !== null; length = await from.read(buffer)) {
        for (let sent = 0; sent < length && !carried.isSwallowed;) {
          sent += await to.write(buffer.subarray(sent, length));
        }
      }
      if (!carried.isSwallowed) await to.closeWrite();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!carried.isSwallowed) closeQuietly(from, to);
    }
  }
}
