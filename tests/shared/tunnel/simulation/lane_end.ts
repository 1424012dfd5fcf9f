import type { Lane } from "../../../../shared/tunnel/lane.ts";

/** One end of a connection as its node sees it. */
export interface LaneEnd {
  lane: Lane;
  received(bytes: Uint8Array): void;
  receivedDatagram(bytes: Uint8Array): void;
  closed(): void;
}
