/**
 * Takes lanes that cores dial, for cores that nobody can connect to: lets each core prove itself, then gives the lane to
 * the link of that core, which begins the ordinary handshake as on a lane that the edge has dialled.
 */
import type { Clock } from "../../shared/clock/clock.ts";
import { dialledByName } from "../../shared/handshake/handshake_names.ts";
import type { HandshakeTally } from "../../shared/handshake/handshake_tally.ts";
import type { PeerKeys } from "../../shared/handshake/peer_keys.ts";
import { performEdgeKnock } from "../../shared/handshake/perform_edge_knock.ts";
import { RefusalLog } from "../../shared/handshake/refusal_log.ts";
import { describeError, type Logger } from "../../shared/observe/logger.ts";
import type { LaneConnection, LaneListener } from "../../shared/transport/lane_connection.ts";

/** This edge's end of its relation to one core. */
export interface ReverseLink {
  /**
   * Takes a connection whose core has proved itself: HELLO is due from this side, and bears `serverName`. The connection
   * is the link's to close.
   */
  acceptLane(connection: LaneConnection, options: { readonly serverName: string }): Promise<void>;
}

export interface ReverseListenerOptions {
  readonly edgeName: string;
  /** The cores that may dial this edge. */
  readonly keys: PeerKeys;
  /** The names in the edge's certificate. */
  serverNames(): ReadonlySet<string>;
  readonly tally: HandshakeTally;
  readonly clock: Clock;
  readonly log: Logger;
  /** Wall clock, ms since 1970, for the validity of keys. */
  wallClock(): number;
  /** The link to a core of {@linkcode ReverseListenerOptions.keys}. */
  linkTo(coreName: string): ReverseLink;
}

export class ReverseListener {
  readonly #options: ReverseListenerOptions;
  readonly #refusals: RefusalLog;
  readonly #stop = new AbortController();
  /** Lanes whose core has not proved itself yet. */
  readonly #welcomes = new Set<Promise<void>>();

  constructor(options: ReverseListenerOptions) {
    this.#options = options;
    this.#refusals = new RefusalLog(options);
  }

  /** Takes lanes from `listener` until it closes. */
  async serve(listener: LaneListener): Promise<void> {
    for (
      let connection = await listener.accept();
      connection !== null;
      connection = await listener.accept()
    ) {
      const welcome = this.#welcome(connection);
      this.#welcomes.add(welcome);
      void welcome.finally(() => this.#welcomes.delete(welcome));
    }
  }

  /** Ends knocks that are under way; lanes live on. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#welcomes);
  }

  /** Never rejects. */
  async #welcome(connection: LaneConnection): Promise<void> {
    const { edgeName, keys, tally, clock, log } = this.#options;
    const { remoteAddress, transport } = connection;
    try {
      const result = await performEdgeKnock(connection, {
        edgeName,
        serverNames: this.#options.serverNames(),
        keys,
        tally,
        clock,
        wallClock: () => this.#options.wallClock(),
        signal: this.#stop.signal,
      });
      if (result.kind === "refused") {
        return this.#refusals.refused({ reason: result.reason, edge: null, remoteAddress });
      }
      const { coreName } = result;
      log.info("core_knocked", { core: coreName, transport, remoteAddress });
      await this.#options.linkTo(coreName).acceptLane(connection, { serverName: dialledByName(coreName) });
    } catch (error) {
      log.error("tunnel_fault", { reason: describeError(error), remoteAddress });
    }
  }
}
