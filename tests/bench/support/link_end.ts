/**
 * One end of a link under test: takes datagrams and echoes TCP on PORT, sends what it is told to. Commands come as one
 * line of JSON each; each is answered by one line.
 */

export const PORT = 9000;

export type EndCommand =
  /** Sends numbered datagrams from a socket of its own for each `flow`; answered when all were handed over. */
  | {
    readonly kind: "send";
    readonly flow: string;
    readonly to: string;
    readonly count: number;
    readonly spacingMs: number;
    readonly bytes: number;
  }
  /** Tells the datagrams that came since it was last asked, all that the kernel has. */
  | { readonly kind: "received" }
  | { readonly kind: "connect"; readonly flow: string; readonly to: string }
  /** Sends bytes over a connection and waits for all of them to come back. */
  | { readonly kind: "echo"; readonly flow: string; readonly bytes: number };

export interface ReceivedDatagram {
  readonly number: number;
  readonly delayMs: number;
  readonly fromPort: number;
}

export interface EndAnswer {
  readonly received?: readonly ReceivedDatagram[];
  /** Name of the error that ended a connection. */
  readonly error?: string;
}

/** Datagrams without a pause, so that the receiver's kernel has room for them. */
const AT_ONCE = 50;
/** A datagram of an end to itself: what came before it has been read. */
const MARK = 0xffff_ffff;

function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

class LinkEnd {
  readonly #sockets = new Map<string, Deno.DatagramConn>();
  readonly #connections = new Map<string, Deno.TcpConn>();
  /** Sockets that take datagrams, by their address. */
  readonly #takers = new Map<string, { socket: Deno.DatagramConn; marked: () => void }>();
  #received: ReceivedDatagram[] = [];

  async receive(hostname: string): Promise<void> {
    const taker = {
      socket: Deno.listenDatagram({ transport: "udp", hostname, port: PORT }),
      marked: () => {},
    };
    this.#takers.set(hostname, taker);
    for await (const [bytes, from] of taker.socket) {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const number = view.getUint32(0);
      if (number === MARK) taker.marked();
      else if (from.transport === "udp") {
        this.#received.push({ number, delayMs: epochMs() - view.getFloat64(4), fromPort: from.port });
      }
    }
  }

  async #readAll(): Promise<void> {
    for (const [hostname, taker] of this.#takers) {
      const { promise, resolve } = Promise.withResolvers<void>();
      taker.marked = resolve;
      const own = hostname === "0.0.0.0" ? "127.0.0.1" : hostname;
      await taker.socket.send(new Uint8Array(4).fill(0xff), { transport: "udp", hostname: own, port: PORT });
      await promise;
    }
  }

  async obey(command: EndCommand): Promise<EndAnswer> {
    switch (command.kind) {
      case "send":
        await this.#send(command);
        return {};
      case "received": {
        await this.#readAll();
        const received = this.#received;
        this.#received = [];
        return { received };
      }
      case "connect":
        this.#connections.set(command.flow, await Deno.connect({ hostname: command.to, port: PORT }));
        return {};
      case "echo":
        return await this.#echo(command);
    }
  }

  async #send(command: Extract<EndCommand, { kind: "send" }>): Promise<void> {
    const { flow, to, count, spacingMs } = command;
    let socket = this.#sockets.get(flow);
    if (socket === undefined) {
      socket = Deno.listenDatagram({
        transport: "udp",
        hostname: to.includes(":") ? "::" : "0.0.0.0",
        port: 0,
      });
      this.#sockets.set(flow, socket);
    }
    const view = new DataView(new ArrayBuffer(command.bytes));
    for (let number = 0; number < count; number++) {
      view.setUint32(0, number);
      view.setFloat64(4, epochMs());
      await socket.send(new Uint8Array(view.buffer), { transport: "udp", hostname: to, port: PORT });
      if (spacingMs > 0 || number % AT_ONCE === 0) {
        await new Promise((resolve) => setTimeout(resolve, spacingMs));
      }
    }
  }

  async #echo({ flow, bytes }: Extract<EndCommand, { kind: "echo" }>): Promise<EndAnswer> {
    const connection = this.#connections.get(flow);
    if (connection === undefined) throw new TypeError(`no connection ${flow}`);
    const buffer = new Uint8Array(16 * 1024);
    try {
      for (let written = 0; written < bytes;) {
        written += await connection.write(new Uint8Array(bytes - written));
      }
      for (let read = 0; read < bytes;) read += (await connection.read(buffer)) ?? NaN;
      return {};
    } catch (error) {
      return { error: error instanceof Error ? error.name : String(error) };
    }
  }
}

async function echoAll(): Promise<void> {
  for await (const connection of Deno.listen({ hostname: "0.0.0.0", port: PORT })) {
    // A connection that is cut on purpose ends with an error.
    connection.readable.pipeTo(connection.writable).catch((error) => console.error(String(error)));
  }
}

async function main(): Promise<void> {
  const end = new LinkEnd();
  void end.receive("0.0.0.0");
  if (Deno.args[0] !== undefined) void end.receive(Deno.args[0]);
  void echoAll();
  console.log("{}");
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) console.log(JSON.stringify(await end.obey(JSON.parse(line))));
  }
  Deno.exit(0);
}

if (import.meta.main) await main();
