/** An edge's and a core's end of one session in one process, over TCP on loopback. */
import { relayExchange } from "../../../edge/session/relayed_exchange.ts";
import { serveStream } from "../../../core/session/served_exchange.ts";
import type { Clock } from "../../../shared/clock/clock.ts";
import type { RequestHead, RequestReceiver } from "../../../shared/exchange/exchange.ts";
import type { StallWatch } from "../../../shared/observe/stall_watch.ts";
import type { LaneDriver, SessionConnection } from "../../../shared/session/lane_driver.ts";
import { SessionDriver } from "../../../shared/session/session_driver.ts";
import type { SessionWatcher } from "../../../shared/session/session_watcher.ts";
import { DEFAULT_REDUNDANCY, type RedundancyOptions } from "../../../shared/tunnel/redundancy.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/tunnel/session_limits.ts";
import { type Appetite, LiveAnswer, LiveHandler } from "../../support/live_exchange.ts";
import { requestHead } from "../../support/recorded_exchange.ts";

export interface JoinedSessionsOptions {
  readonly clock: Clock;
  readonly redundancy?: RedundancyOptions["mode"];
  /** Whether exchanges are watched, and by what. */
  readonly edgeStalls?: StallWatch;
  readonly coreStalls?: StallWatch;
  /** Follows the edge's end. */
  readonly watcher?: SessionWatcher;
}

/** Both ends of one lane. */
export interface JoinedLane {
  readonly edge: LaneDriver;
  readonly core: LaneDriver;
  /** From now on nothing comes across, in either direction, and nobody is told. */
  swallow(): void;
}

export class JoinedSessions implements AsyncDisposable {
  readonly origin = new LiveHandler();
  readonly edge: SessionDriver;
  readonly core: SessionDriver;
  readonly #stalls: StallWatch | null;

  constructor(options: JoinedSessionsOptions) {
    const { coreStalls, watcher } = options;
    this.#stalls = options.edgeStalls ?? null;
    this.core = this.#driver("core", options, {
      accept: (stream, head) =>
        serveStream(stream, head, {
          handler: this.origin.handler,
          watched: coreStalls === undefined ? null : { stalls: coreStalls, driver: this.core },
        }),
    });
    this.edge = this.#driver("edge", options, {
      accept: () => {},
      onLaneClosed: (lane) => watcher?.laneClosed(this.edge, lane),
      onNotice: (notice) => watcher?.noticed(this.edge, notice),
    });
    watcher?.follow(this.edge, { peer: "sz-1" });
  }

  /** @param transport the name that the lane goes by; it is TCP in any case */
  async join(transport = "tls"): Promise<JoinedLane> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const [dialled, accepted] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
      listener.accept(),
    ]);
    listener.close();
    const connections = [dialled, accepted].map((socket) => new Connection(socket, transport));
    const [edge, core] = [this.edge, this.core].map((driver, end) => {
      const connection = connections[end];
      const lane = connection === undefined ? null : driver.addLane(connection, new Uint8Array(0));
      if (lane === null) throw new Error("the session takes no lane");
      return lane;
    });
    if (edge === undefined || core === undefined) throw new Error("unreachable");
    return {
      edge,
      core,
      swallow: () => {
        for (const connection of connections) connection.isHole = true;
      },
    };
  }

  /** Starts an exchange at the edge. */
  ask(
    { head = {}, appetite = "eager" }: { head?: Partial<RequestHead>; appetite?: Appetite } = {},
  ): { request: RequestReceiver; answer: LiveAnswer } {
    const answer = new LiveAnswer(appetite);
    const request = relayExchange(this.edge, requestHead(head), answer, { stalls: this.#stalls });
    if (request === null) throw new Error("the session takes no exchange");
    answer.request = request;
    return { request, answer };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const driver of [this.edge, this.core]) driver.close();
    await Promise.resolve();
    for (const driver of [this.edge, this.core]) {
      for (const lane of [...driver.lanes]) lane.fail(new Error("the test is over"));
    }
    await Promise.all([this.edge.gone, this.core.gone]);
  }

  #driver(
    role: "edge" | "core",
    { clock, redundancy = "off" }: JoinedSessionsOptions,
    calls:
      & Pick<ConstructorParameters<typeof SessionDriver>[0], "accept">
      & Partial<Pick<ConstructorParameters<typeof SessionDriver>[0], "onLaneClosed" | "onNotice">>,
  ): SessionDriver {
    return new SessionDriver({
      role,
      limits: DEFAULT_SESSION_LIMITS,
      redundancy: { ...DEFAULT_REDUNDANCY, mode: redundancy },
      clock,
      onRoom: () => {},
      onLaneClosed: () => {},
      onGoaway: () => {},
      onNotice: () => {},
      onFault: (cause) => {
        throw cause;
      },
      onEnded: () => {},
      ...calls,
    });
  }
}

class Connection implements SessionConnection {
  readonly transport: string;
  readonly datagrams = null;
  isHole = false;
  readonly #socket: Deno.TcpConn;

  constructor(socket: Deno.TcpConn, transport: string) {
    socket.setNoDelay(true);
    this.#socket = socket;
    this.transport = transport;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#socket.read(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.isHole ? Promise.resolve(bytes.length) : this.#socket.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#socket.closeWrite();
  }

  close(): void {
    this.#socket.close();
  }
}
