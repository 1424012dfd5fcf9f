import { loadEdgeConfig } from "../shared/config/load_config.ts";
import { runNode } from "../shared/node/run_node.ts";
import { startEdge } from "./start_edge.ts";

await runNode(async (file) => await startEdge(await loadEdgeConfig(file)));
