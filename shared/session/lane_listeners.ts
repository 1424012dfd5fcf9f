/**
 * Where a node takes lanes that others dial.
 *
 * A node that drains gives its TCP ports to its successor at once, if it has a QUIC one: lanes live on without their
 * listener, and what must be resumed meanwhile still finds the old process over QUIC. A UDP port cannot be handed over so:
 * all lanes of a QUIC listener share its socket. So the successor starts without that port and asks for it every second
 * until its predecessor has let go. A node without QUIC keeps its ports until it has drained, and one that gets none
 * of its ports does not start.
 */
import type { Clock } from "../clock/clock.ts";
import { type Address, formatAddress } from "../config/address.ts";
import type { Logger } from "../observe/logger.ts";
import { listenError } from "../server/open_listener.ts";
import type {
  LaneCertificate,
  LaneListener,
  LaneListenerLimits,
  LaneTransport,
} from "../transport/lane_connection.ts";
import { listenLanes } from "../transport/lane_transport.ts";

const RETRY_MS = 1_000;

export interface LaneListenersOptions {
  readonly listeners: readonly { readonly address: Address; readonly transport: LaneTransport }[];
  readonly certificate: LaneCertificate;
  readonly limits: Partial<LaneListenerLimits>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes lanes from a listener until it closes; called once for each. */
  serve(listener: LaneListener): Promise<void>;
}

/** A configured listener; null: its port is taken. */
interface Slot {
  readonly address: Address;
  readonly transport: LaneTransport;
  listener: LaneListener | null;
}

export class LaneListeners {
  readonly #options: LaneListenersOptions;
  readonly #slots: readonly Slot[];
  readonly #serving: Promise<void>[] = [];
  #certificate: LaneCertificate;
  #stopRetry = () => {};
  #isClosed = false;

  /** @throws {ListenError} if a port cannot be taken, except for UDP ports that are in use while others are free */
  constructor(options: LaneListenersOptions) {
    this.#options = options;
    this.#certificate = options.certificate;
    this.#slots = options.listeners.map((listener) => ({ ...listener, listener: null }));
    try {
      this.#openAll();
    } catch (error) {
      void this.close();
      throw error;
    }
    for (const { address, transport } of this.#lacking()) {
      options.log.warn("tunnel_port_taken", {
        address: formatAddress(address),
        transport,
        advice: "asked for again every second, for a predecessor that still drains",
      });
    }
    this.#retryLater();
  }

  /** Those that are open. */
  get open(): readonly LaneListener[] {
    return this.#slots.map(({ listener }) => listener).filter((listener) => listener !== null);
  }

  /** By order of the configuration, with the ports that were taken. */
  get addresses(): readonly string[] {
    return this.#slots.map(({ address, listener }) => listener?.localAddress ?? formatAddress(address));
  }

  /** What is lacking, in words for an operator. */
  get problems(): readonly string[] {
    return this.#lacking().map(({ address }) =>
      `another process still holds ${formatAddress(address)} (UDP)`
    );
  }

  /** Shows `certificate` to the peers that come from now on. */
  async replaceCertificate(certificate: LaneCertificate): Promise<void> {
    for (const listener of this.open) await listener.replaceCertificate(certificate);
    this.#certificate = certificate;
  }

  /** Lets go of what a successor can take over without loss; lanes live on. */
  drain(): void {
    this.#stopRetry();
    const { open } = this;
    if (!open.some(({ transport }) => transport === "quic")) return;
    for (const listener of open) if (listener.transport !== "quic") listener.close();
  }

  /** Accepts no more lanes; those that were accepted live on. Resolves when nothing is being accepted. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopRetry();
    for (const listener of this.open) listener.close();
    await Promise.all(this.#serving);
  }

  #lacking(): Slot[] {
    return this.#slots.filter(({ listener }) => listener === null);
  }

  #openAll(): void {
    let taken: Error | null = null;
    for (const slot of this.#slots) {
      try {
        this.#open(slot);
      } catch (error) {
        const failure = listenError(slot.address, error, slot.transport === "quic" ? "udp" : "tcp");
        if (slot.transport !== "quic" || !(error instanceof Deno.errors.AddrInUse)) throw failure;
        taken ??= failure;
      }
    }
    if (taken !== null && this.open.length === 0) throw taken;
  }

  #open(slot: Slot): void {
    const { limits, log } = this.#options;
    const { transport } = slot;
    const address = formatAddress(slot.address);
    const listener = listenLanes({ address, transport, certificate: this.#certificate, limits });
    slot.listener = listener;
    if (listener.warning !== null) log.warn("lane_listener", { reason: listener.warning });
    log.info("tunnel_listening", { address: listener.localAddress, transport });
    this.#serving.push(this.#options.serve(listener));
  }

  #retryLater(): void {
    if (this.#isClosed || this.#lacking().length === 0) return;
    this.#stopRetry = this.#options.clock.after(RETRY_MS, () => this.#retry());
  }

  #retry(): void {
    for (const slot of this.#lacking()) {
      try {
        this.#open(slot);
      } catch (error) {
        if (error instanceof Deno.errors.AddrInUse) continue;
        this.#options.log.error("tunnel_port_taken", {
          reason: listenError(slot.address, error, "udp").message,
        });
      }
    }
    this.#retryLater();
  }
}
