/** A UDP proxy on loopback that drops one in so many packets of one direction, evenly, so that the share is exact. */
export class LossyUdpProxy {
  readonly port: number;
  readonly #socket: Deno.DatagramConn;
  readonly #upstreams = new Map<number, Deno.DatagramConn>();
  readonly #loops: Promise<void>[] = [];
  readonly #target: Deno.NetAddr;
  readonly #dropOneIn: { readonly there: number; readonly back: number };
  #packetsThere = 0;
  #packetsBack = 0;

  constructor(
    options: { target: { hostname: string; port: number }; dropOneIn: { there?: number; back?: number } },
  ) {
    this.#target = { transport: "udp", ...options.target };
    const { there = Infinity, back = Infinity } = options.dropOneIn;
    this.#dropOneIn = { there, back };
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const { addr } = this.#socket;
    this.port = addr.transport === "udp" ? addr.port : 0;
    this.#loops.push(this.#forward());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    for (const upstream of this.#upstreams.values()) upstream.close();
    await Promise.all(this.#loops);
  }

  async #forward(): Promise<void> {
    for await (const [packet, client] of this.#socket) {
      if (client.transport !== "udp") continue;
      if (++this.#packetsThere % this.#dropOneIn.there === 0) continue;
      await this.#upstreamOf(client).send(packet, this.#target);
    }
  }

  #upstreamOf(client: Deno.NetAddr): Deno.DatagramConn {
    const known = this.#upstreams.get(client.port);
    if (known !== undefined) return known;
    const upstream = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    this.#upstreams.set(client.port, upstream);
    this.#loops.push(this.#bringBack(upstream, client));
    return upstream;
  }

  async #bringBack(upstream: Deno.DatagramConn, client: Deno.NetAddr): Promise<void> {
    for await (const [packet] of upstream) {
      if (++this.#packetsBack % this.#dropOneIn.back !== 0) await this.#socket.send(packet, client);
    }
  }
}
