import type { Clock } from "../../shared/clock/clock.ts";
import type { ExchangeHandler } from "../../shared/exchange/exchange.ts";
import { Engine } from "./engine/engine.ts";
import { EngineDriver } from "./engine/engine_driver.ts";
import { DEFAULT_ENGINE_OPTIONS, type EngineOptions } from "./engine/engine_options.ts";
import { FaultBoard } from "./http/fault_board.ts";
import { FileStore } from "./http/file_store.ts";
import { GenerationService } from "./http/generation_service.ts";
import { injectFaults } from "./http/inject_faults.ts";
import { ModelCatalog } from "./http/model_catalog.ts";
import { originRoutes } from "./http/origin_routes.ts";
import type { OriginServices } from "./http/origin_services.ts";
import { recordRequests } from "./http/record_requests.ts";
import { RequestLog } from "./http/request_log.ts";

export interface EmbeddedOriginOptions {
  /** All texts, vectors, pictures and ids follow from it. @default 1 */
  readonly seed?: number;
  /** Names of the one model. @default ["lowu-demo"] */
  readonly models?: readonly string[];
  readonly engine?: Partial<EngineOptions>;
}

/** An imitated model server without sockets: its handler and what it is made of. */
export interface EmbeddedOrigin {
  readonly handler: ExchangeHandler;
  readonly services: OriginServices;
  /** Gives no tokens any more. */
  close(): void;
}

export interface EmbeddedOriginWorld {
  readonly clock: Clock;
  /** Milliseconds since 1970 at which `clock` stood at 0. */
  readonly clockOriginMs: number;
  /** Closes the connection of the exchange with this id. */
  cutConnection(exchangeId: string): void;
}

export function createEmbeddedOrigin(
  options: EmbeddedOriginOptions,
  world: EmbeddedOriginWorld,
): EmbeddedOrigin {
  const engineOptions: EngineOptions = { ...DEFAULT_ENGINE_OPTIONS, ...options.engine };
  const seed = options.seed ?? 1;
  const epochMs = () => world.clockOriginMs + world.clock.now();
  const epochSeconds = () => Math.floor(epochMs() / 1000);
  const driver = new EngineDriver(new Engine(engineOptions), world.clock);
  const services: OriginServices = {
    seed,
    driver,
    generations: new GenerationService(driver, seed),
    models: new ModelCatalog(options.models ?? ["lowu-demo"], {
      createdSeconds: epochSeconds(),
      maxModelTokens: engineOptions.kvTokens,
    }),
    files: new FileStore(),
    requests: new RequestLog(),
    faults: new FaultBoard(),
    clockOriginMs: world.clockOriginMs,
    epochSeconds,
  };
  const faulty = injectFaults(originRoutes(services), {
    board: services.faults,
    clock: world.clock,
    cutConnection: world.cutConnection,
  });
  const handler = recordRequests(faulty, { log: services.requests, epochMs });
  return { handler, services, close: () => driver.close() };
}
