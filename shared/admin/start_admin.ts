import { DEFAULT_HTTP1_LIMITS } from "../http1/http1_limits.ts";
import { DEFAULT_HTTP2_LIMITS } from "../http2/http2_limits.ts";
import type { Logger } from "../observe/logger.ts";
import { listen, type Listener } from "../server/listener.ts";
import { type AdminAppOptions, createAdminApp } from "./admin_app.ts";
import { fetchHandler } from "./fetch_handler.ts";

export interface AdminOptions extends AdminAppOptions {
  /** `host:port`, plain HTTP: to be reached by operators alone. */
  readonly address: string;
  readonly log: Logger;
}

const MAX_CONNECTIONS = 256;
const STALL_TIMEOUT_MS = 30_000;

/**
 * Serves the admin pages; the caller drains the listener.
 * @throws {ListenError} if the address cannot be listened on
 */
export function startAdmin(options: AdminOptions): Promise<Listener> {
  return listen({
    address: options.address,
    tls: null,
    maxConnections: MAX_CONNECTIONS,
    maxConnectionsPerAddress: MAX_CONNECTIONS,
    log: options.log,
    serve: {
      handler: fetchHandler(createAdminApp(options).fetch),
      newRequestId: () => crypto.randomUUID(),
      clock: () => performance.now(),
      http1: DEFAULT_HTTP1_LIMITS,
      http2: DEFAULT_HTTP2_LIMITS,
      stallTimeoutMs: STALL_TIMEOUT_MS,
    },
  });
}
