import { loadCoreConfig } from "../shared/config/load_config.ts";
import { runNode } from "../shared/node/run_node.ts";
import { startCore } from "./start_core.ts";

await runNode(async (file) => await startCore(await loadCoreConfig(file)));
