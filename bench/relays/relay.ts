import type { Child } from "../harness/child_process.ts";
import type { Place } from "../harness/place.ts";
import type { Workbench } from "../harness/workbench.ts";
import type { SiteCertificates } from "./site_certificates.ts";

/** Where a pair of relay nodes stands: client and edge at one place, core and origin at the other. */
export interface RelaySite {
  readonly bench: Workbench;
  readonly edge: Place;
  readonly core: Place;
  /** Port of the origin at the core's place, plain HTTP/1.1. */
  readonly originPort: number;
  readonly certificates: SiteCertificates;
}

/** What a client calls. */
export interface RelayTarget {
  readonly hostname: string;
  readonly port: number;
  /** What the client must trust; null: plain HTTP/1.1. */
  readonly caPem: string | null;
  /** Fields that every request needs. */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

export interface RunningRelay {
  readonly target: RelayTarget;
  /** Null where there is nothing between client and origin. */
  readonly nodes: { readonly edge: Child; readonly core: Child } | null;
  stop(): Promise<void>;
}

/** Something that stands between client and origin as an edge and a core. */
export interface Relay {
  /** As `--only` and the tables name it. */
  readonly name: string;
  /** What runs between its edge and its core. */
  readonly link: string;
  /** Sockets that one of its nodes holds for a stream of a client with a connection of its own. */
  readonly descriptorsPerStream: number;
  /** Null: it is not installed here. */
  version(): Promise<string | null>;
  start(site: RelaySite): Promise<RunningRelay>;
}

/** Which of `relays` can be measured here, and why the others cannot. */
export interface Selection {
  readonly relays: readonly { readonly relay: Relay; readonly version: string }[];
  readonly notRun: readonly { readonly name: string; readonly reason: string }[];
}

/** The usual ending of a relay: its nodes, edge first. */
export async function stopNodes({ edge, core }: { edge: Child; core: Child }): Promise<void> {
  await edge.stop();
  await core.stop();
}
