/**
 * All cores of an edge: keeps a link to each, asks each at intervals how long an exchange takes, and gives every new
 * exchange to one. Nothing of a request has left the edge while cores are tried in turn: what a core did not take, another
 * gets.
 */
import type { Readiness } from "../../shared/admin/admin_app.ts";
import type { Clock } from "../../shared/clock/clock.ts";
import type { AnswerReceiver, RequestHead, RequestReceiver } from "../../shared/exchange/exchange.ts";
import type { TunnelGateSource } from "../../shared/observe/tunnel_gate_metrics.ts";
import type { CoreLink } from "./core_link.ts";
import { CorePicker, type PickableCore } from "./core_picker.ts";
import { CoreProbe } from "./probe_core.ts";

/** What a link tells its fleet. */
export interface LinkEvents {
  onUp(): void;
  onRoom(): void;
}

export interface FleetCoreOptions {
  readonly weight: number;
  newLink(events: LinkEvents): CoreLink;
}

export interface CoreFleetOptions {
  readonly cores: readonly FleetCoreOptions[];
  readonly clock: Clock;
  readonly probeIntervalMs: number;
  newRequestId(): string;
  /** A core is up (again) or has room (again): requests that wait may be let in. */
  onOpening(): void;
  /** An exchange of a client was given to a core. */
  onPicked(request: RequestHead, link: CoreLink): void;
}

interface FleetCore extends PickableCore {
  readonly link: CoreLink;
  readonly probe: CoreProbe;
}

export class CoreFleet {
  readonly #options: CoreFleetOptions;
  readonly #cores: readonly FleetCore[];
  readonly #picker: CorePicker<FleetCore>;

  constructor(options: CoreFleetOptions) {
    this.#options = options;
    this.#cores = options.cores.map((core) => this.#newCore(core));
    this.#picker = new CorePicker(this.#cores);
  }

  get links(): readonly CoreLink[] {
    return this.#cores.map(({ link }) => link);
  }

  /** @throws {TypeError} if there is no core of that name */
  linkTo(coreName: string): CoreLink {
    const link = this.links.find(({ name }) => name === coreName);
    if (link === undefined) throw new TypeError(`there is no core ${coreName}`);
    return link;
  }

  /** Begins to dial and to probe. */
  start(): void {
    for (const { link, probe } of this.#cores) {
      link.start();
      probe.probe();
    }
  }

  /** Gives an exchange to a core; null if none takes it now. */
  open(request: RequestHead, answer: AnswerReceiver): RequestReceiver | null {
    const tried = new Set<FleetCore>();
    for (let core = this.#picker.pick(); core !== null; core = this.#picker.pick(tried)) {
      const opened = core.link.open(request, answer);
      if (opened !== null) {
        this.#options.onPicked(request, core.link);
        return opened;
      }
      tried.add(core);
    }
    return null;
  }

  /** Ready while any core answers probes. */
  get readiness(): Readiness {
    if (this.#cores.some(({ isUp, probe }) => isUp && probe.roundTripMs !== null)) {
      return { ready: true, reasons: [] };
    }
    if (this.#cores.some(({ isUp }) => isUp)) {
      return { ready: false, reasons: ["no probe has come back through the tunnel"] };
    }
    const reason = this.#cores.length > 1
      ? "the tunnels to all cores are down"
      : "the tunnel to the core is down";
    return { ready: false, reasons: [reason] };
  }

  /** For the metrics: one reading for each core. */
  get gateSource(): TunnelGateSource {
    return {
      laneDials: () => this.links.flatMap(({ dials }) => dials.read()),
      udp: () =>
        this.links.flatMap(({ name, isUdpBlocked }) =>
          isUdpBlocked === null ? [] : [{ peer: name, isBlocked: isUdpBlocked }]
        ),
      probes: () =>
        this.#cores.map(({ link, probe }) => ({ peer: link.name, roundTripMs: probe.roundTripMs })),
    };
  }

  /** Opens no more streams; resolves when the live ones have ended or `signal` fires; then everything is closed. */
  async drain(signal: AbortSignal): Promise<void> {
    for (const { probe } of this.#cores) probe.stop();
    await Promise.all(this.links.map((link) => link.drain(signal)));
  }

  #newCore({ weight, newLink }: FleetCoreOptions): FleetCore {
    const { clock, probeIntervalMs: intervalMs, newRequestId, onOpening } = this.#options;
    const link = newLink({
      onUp: () => {
        onOpening();
        probe.probe();
      },
      onRoom: onOpening,
    });
    const probe: CoreProbe = new CoreProbe({
      clock,
      intervalMs,
      newRequestId,
      open: (request, answer) => link.open(request, answer),
      onResult: (roundTripMs) => this.#picker.probed(core, roundTripMs),
    });
    const core: FleetCore = {
      weight,
      link,
      probe,
      get isUp() {
        return link.isUp;
      },
      get isHeard() {
        return link.isHeard;
      },
    };
    return core;
  }
}
