/** A UDP proxy on loopback that can drop all that passes, or all of those that it has seen. One socket towards the target for each source address. */

type Socket = Deno.DatagramConn;

export class UdpProxy {
  /** Where datagrams are led, `host:port`. */
  target: string;
  /** Nothing passes, in either direction. */
  isBlocked = false;
  /** Source addresses that were seen. */
  readonly sources = new Set<string>();
  readonly #swallowed = new Set<string>();
  readonly #near: Socket = openSocket();
  readonly #far = new Map<string, Socket>();
  readonly #pumps = new Set<Promise<void>>();

  constructor(target: string) {
    this.target = target;
    this.#pumps.add(this.#takeNear());
  }

  get address(): string {
    return addressOf(this.#near.addr);
  }

  /** Nothing passes any more from or to the sources of now; new ones are carried. */
  swallow(): void {
    for (const source of this.sources) this.#swallowed.add(source);
  }

  async close(): Promise<void> {
    for (const socket of [this.#near, ...this.#far.values()]) socket.close();
    await Promise.all(this.#pumps);
  }

  async #takeNear(): Promise<void> {
    for await (const [datagram, source] of this.#near) {
      this.sources.add(addressOf(source));
      if (this.#passes(addressOf(source))) await send(this.#farOf(source), { datagram, to: this.target });
    }
  }

  #passes(source: string): boolean {
    return !this.isBlocked && !this.#swallowed.has(source);
  }

  #farOf(source: Deno.Addr): Socket {
    const key = `${addressOf(source)} ${this.target}`;
    const known = this.#far.get(key);
    if (known !== undefined) return known;
    const far = openSocket();
    this.#far.set(key, far);
    this.#pumps.add(this.#takeFar(far, addressOf(source)));
    return far;
  }

  async #takeFar(far: Socket, source: string): Promise<void> {
    for await (const [datagram] of far) {
      if (this.#passes(source)) await send(this.#near, { datagram, to: source });
    }
  }
}

function openSocket(): Socket {
  return Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
}

/** A socket that was closed meanwhile, or a port where nobody listens, loses the datagram: that is what UDP is. */
async function send(socket: Socket, { datagram, to }: { datagram: Uint8Array; to: string }): Promise<void> {
  const port = Number(to.split(":")[1]);
  try {
    await socket.send(datagram, { transport: "udp", hostname: "127.0.0.1", port });
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource) && !(error instanceof Deno.errors.ConnectionRefused)) {
      throw error;
    }
  }
}

function addressOf(address: Deno.Addr): string {
  if (address.transport !== "udp") throw new TypeError("not a UDP address");
  return `${address.hostname}:${address.port}`;
}
