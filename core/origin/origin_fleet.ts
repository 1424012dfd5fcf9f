/** The configured origins, each with its endpoints and the connections to them. */
import type { Clock } from "../../shared/clock/clock.ts";
import type { CoreConfig } from "../../shared/config/core_schema.ts";
import type { ExchangeHandler } from "../../shared/exchange/exchange.ts";
import type { OriginReading } from "../../shared/observe/origin_metrics.ts";
import type { Origin } from "../routing/route_table.ts";
import { OriginClient, type OriginEndpoint } from "./origin_client.ts";

export interface FleetOptions {
  readonly clock: Clock;
  /** Told of each read from any endpoint. */
  onRead(bytes: number): void;
}

interface Member {
  readonly origin: Origin;
  readonly client: OriginClient;
}

export class OriginFleet {
  readonly #members: ReadonlyMap<string, Member>;
  readonly #handlers = new Map<OriginEndpoint, ExchangeHandler>();

  /** Reads the origins' certificate files; rejects if one cannot be read. */
  static async create(origins: CoreConfig["origins"], options: FleetOptions): Promise<OriginFleet> {
    const members = await Promise.all(origins.map((origin) => createMember(origin, options)));
    return new OriginFleet(members);
  }

  private constructor(members: readonly Member[]) {
    this.#members = new Map(members.map((member) => [member.origin.name, member]));
    for (const { origin, client } of members) {
      for (const endpoint of origin.endpoints) this.#handlers.set(endpoint, client.exchange(endpoint));
    }
  }

  /** The origin of that name, or undefined. */
  get(name: string): Origin | undefined {
    return this.#members.get(name)?.origin;
  }

  /** The way to an endpoint of one of the origins. */
  dispatch(endpoint: OriginEndpoint): ExchangeHandler {
    const handler = this.#handlers.get(endpoint);
    if (handler === undefined) throw new TypeError(`${endpoint.name} is no endpoint of this fleet`);
    return handler;
  }

  readings(): OriginReading[] {
    return [...this.#members.values()].map(({ origin, client }) => ({
      origin: origin.name,
      endpoint: "all",
      openConnections: client.openConnections,
    }));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ client }) => client.close()));
  }
}

async function createMember(
  config: CoreConfig["origins"][number],
  { clock, onRead }: FleetOptions,
): Promise<Member> {
  const caCertificates = config.caFile === null ? [] : [await Deno.readTextFile(config.caFile)];
  const { connectTimeoutMs, headTimeoutMs, idleTimeoutMs } = config;
  const client = new OriginClient({
    connectTimeoutMs,
    headTimeoutMs,
    idleTimeoutMs,
    maxIdleConnections: config.maxIdleConnections,
    idleConnectionTimeoutMs: config.idleConnectionTimeoutMs,
    maxConnections: config.maxConnections,
    caCertificates,
    onRead,
  }, clock);
  const endpoints = config.endpoints.map(({ url }) => ({ url, name: url.host }));
  return { origin: { name: config.name, endpoints, apiKey: config.apiKey }, client };
}
