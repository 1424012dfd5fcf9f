import type { Relay } from "./relay.ts";

/** Nothing between client and origin: what remains is the cost of both. Only where both stand at one place. */
export const DIRECT: Relay = {
  name: "direct",
  link: "none",
  descriptorsPerStream: 1,
  version: () => Promise.resolve("plain HTTP/1.1"),
  start: ({ core, originPort }) =>
    Promise.resolve({
      target: { hostname: core.address, port: originPort, caPem: null, fields: [] },
      nodes: null,
      stop: () => Promise.resolve(),
    }),
};
