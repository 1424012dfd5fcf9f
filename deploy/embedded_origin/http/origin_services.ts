import type { EngineDriver } from "../engine/engine_driver.ts";
import type { FaultBoard } from "./fault_board.ts";
import type { FileStore } from "./file_store.ts";
import type { GenerationService } from "./generation_service.ts";
import type { ModelCatalog } from "./model_catalog.ts";
import type { RequestLog } from "./request_log.ts";

/** What the endpoints of one origin share. */
export interface OriginServices {
  readonly seed: number;
  readonly driver: EngineDriver;
  readonly generations: GenerationService;
  readonly models: ModelCatalog;
  readonly files: FileStore;
  readonly requests: RequestLog;
  readonly faults: FaultBoard;
  /** Milliseconds since 1970 at which the engine's clock stood at 0. */
  readonly clockOriginMs: number;
  /** Whole seconds since 1970. */
  epochSeconds(): number;
}
