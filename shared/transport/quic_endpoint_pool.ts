/**
 * UDP endpoints for dialling. Deno frees an endpoint's socket only by garbage collection, so a new endpoint for each
 * dial would pile up descriptors while an edge cannot reach its core; one endpoint for all would keep every lane on
 * one source port, which a middlebox may be stalling. So: a ring of a few, each used again as late as possible.
 *
 * An endpoint keeps TLS session tickets, and a resumed session does not look at the certificate again: endpoints are
 * therefore shared only between dials that trust the same authorities.
 */

/** Free endpoints kept for each trust. */
const KEPT_ENDPOINTS = 8;
/** Sets of authorities remembered; a change of configuration makes a new one. */
const MAX_TRUSTS = 4;

export class QuicEndpointPool {
  readonly #freeByTrust = new Map<string, Deno.QuicEndpoint[]>();

  /** An endpoint for peers of that address family, for the caller alone until it is given back. */
  take(trust: string, bindAddress: "0.0.0.0" | "::"): Deno.QuicEndpoint {
    const free = this.#freeByTrust.get(keyOf(trust, bindAddress));
    const oldest = free !== undefined && free.length >= KEPT_ENDPOINTS ? free.shift() : undefined;
    return oldest ?? new Deno.QuicEndpoint({ hostname: bindAddress, port: 0 });
  }

  /** The endpoint's connection is closed. */
  giveBack(endpoint: Deno.QuicEndpoint, trust: string, bindAddress: "0.0.0.0" | "::"): void {
    const key = keyOf(trust, bindAddress);
    const free = this.#freeByTrust.get(key) ?? [];
    if (free.length < KEPT_ENDPOINTS) free.push(endpoint);
    else endpoint.close();
    this.#freeByTrust.set(key, free);
    const [oldestKey] = this.#freeByTrust.keys();
    if (this.#freeByTrust.size > MAX_TRUSTS && oldestKey !== undefined) this.#freeByTrust.delete(oldestKey);
  }
}

function keyOf(trust: string, bindAddress: string): string {
  return `${bindAddress}\n${trust}`;
}
