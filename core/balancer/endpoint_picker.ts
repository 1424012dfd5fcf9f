import type { OriginEndpoint } from "../origin/origin_client.ts";
import type { Origin } from "../routing/route_table.ts";

/** Chooses which model server of an origin answers. */
export interface EndpointPicker {
  /** An endpoint that is not among `tried`, or null when none is left. */
  pick(origin: Origin, tried: readonly OriginEndpoint[]): OriginEndpoint | null;
}

/** Each endpoint in turn, for each origin on its own. */
export class RoundRobinPicker implements EndpointPicker {
  /** By origin: bounded by the configured origins, and gone with them. */
  readonly #turns = new WeakMap<Origin, number>();

  pick(origin: Origin, tried: readonly OriginEndpoint[]): OriginEndpoint | null {
    const count = origin.endpoints.length;
    const start = this.#turns.get(origin) ?? 0;
    for (let step = 0; step < count; step++) {
      const endpoint = origin.endpoints[(start + step) % count];
      if (endpoint === undefined || tried.includes(endpoint)) continue;
      this.#turns.set(origin, (start + step + 1) % count);
      return endpoint;
    }
    return null;
  }
}
