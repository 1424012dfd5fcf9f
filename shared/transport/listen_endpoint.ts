import type { Clock } from "../clock/clock.ts";
import type { Address } from "../config/address.ts";
import type { LaneCertificate, LaneListenerLimits } from "./lane_connection.ts";

/** `ListenLanesOptions`, parsed and complete. */
export interface ListenEndpoint {
  readonly address: Address;
  readonly certificate: LaneCertificate;
  readonly limits: LaneListenerLimits;
  readonly clock: Clock;
}
