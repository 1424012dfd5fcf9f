import type { RequestHead } from "../../shared/exchange/exchange.ts";
import { Fields } from "../../shared/exchange/fields.ts";
import type { LoadJob } from "./load_job.ts";

/** The request of a job: always the same. */
export interface LoadRequest {
  readonly head: RequestHead;
  readonly body: Uint8Array;
}

/** @param path in place of the job's own */
export function loadRequest({ target, method, path, body }: LoadJob): LoadRequest {
  const bytes = new TextEncoder().encode(body);
  const fields = new Fields(target.fields.flat());
  fields.append("user-agent", "OpenAI/JS 6.0.0");
  fields.append("accept", "text/event-stream, application/json");
  if (bytes.length > 0) fields.append("content-type", "application/json");
  const { hostname, port, caPem } = target;
  return {
    head: {
      context: { id: "load", kind: "client", clientAddress: "127.0.0.1", protocol: "internal" },
      method,
      scheme: caPem === null ? "http" : "https",
      authority: `${hostname}:${port}`,
      path,
      fields,
      contentLength: bytes.length,
    },
    body: bytes,
  };
}
