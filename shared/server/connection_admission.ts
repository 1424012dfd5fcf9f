import { assert } from "../assert/assert.ts";
import { addressGroup } from "./client_address.ts";

export interface AdmissionLimits {
  readonly maxConnections: number;
  /** For each IPv4 address or IPv6 /64. */
  readonly maxConnectionsPerAddress: number;
}

export type AdmissionRefusal = "connection_limit" | "address_limit";

/** Counts open connections, in all and by address. Its map holds at most `maxConnections` entries. */
export class ConnectionAdmission {
  readonly #limits: AdmissionLimits;
  readonly #openByGroup = new Map<string, number>();
  #open = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** Takes a place for a connection from `address` (canonical), or says which limit refuses it. */
  admit(address: string): AdmissionRefusal | null {
    if (this.#open >= this.#limits.maxConnections) return "connection_limit";
    const group = addressGroup(address);
    const openOfGroup = this.#openByGroup.get(group) ?? 0;
    if (openOfGroup >= this.#limits.maxConnectionsPerAddress) return "address_limit";
    this.#openByGroup.set(group, openOfGroup + 1);
    this.#open++;
    return null;
  }

  /** Gives back a place that {@linkcode admit} took for `address`. */
  release(address: string): void {
    const group = addressGroup(address);
    const openOfGroup = this.#openByGroup.get(group) ?? 0;
    assert(openOfGroup > 0, "a connection was released twice");
    if (openOfGroup === 1) this.#openByGroup.delete(group);
    else this.#openByGroup.set(group, openOfGroup - 1);
    this.#open--;
  }
}
