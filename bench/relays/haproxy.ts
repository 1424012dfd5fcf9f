import { join } from "node:path";
import type { Child } from "../harness/child_process.ts";
import { commandVersion } from "../harness/command_version.ts";
import { freePort } from "../harness/free_port.ts";
import type { Place } from "../harness/place.ts";
import { type Relay, type RelaySite, stopNodes } from "./relay.ts";
import { SITE_NAME } from "./site_certificates.ts";

/** Two HAProxy: HTTP/2 over TLS between them, one thread each, `option http-no-delay`. */
export const HAPROXY: Relay = {
  name: "HAProxy",
  link: "HTTP/2 over TLS",
  descriptorsPerStream: 2,
  version: () => commandVersion("haproxy", ["-v"], /version (\S+)/),
  start(site) {
    const { bundleFile, caFile, caPem } = site.certificates;
    const corePort = freePort();
    const edgePort = freePort();
    const core = startNode(site, {
      name: "haproxy-core",
      place: site.core,
      bind: `:${corePort} ssl crt ${bundleFile} alpn h2,http/1.1`,
      server: `127.0.0.1:${site.originPort}`,
    });
    const edge = startNode(site, {
      name: "haproxy-edge",
      place: site.edge,
      bind: `:${edgePort} ssl crt ${bundleFile} alpn h2,http/1.1`,
      server: `${site.core.address}:${corePort} ssl alpn h2 verify required ca-file ${caFile} ` +
        `sni str(${SITE_NAME}) verifyhost ${SITE_NAME}`,
    });
    return Promise.resolve({
      target: { hostname: "127.0.0.1", port: edgePort, caPem, fields: [] },
      nodes: { edge, core },
      stop: () => stopNodes({ edge, core }),
    });
  },
};

interface NodeOptions {
  readonly name: string;
  readonly place: Place;
  readonly bind: string;
  readonly server: string;
}

function startNode(site: RelaySite, { name, place, bind, server }: NodeOptions): Child {
  const file = join(site.bench.makeDirectory(name), "haproxy.cfg");
  Deno.writeTextFileSync(
    file,
    `global
  nbthread 1
  maxconn 8192
  ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
  mode http
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
  timeout http-keep-alive 3600s
frontend clients
  bind ${bind}
  default_backend next
backend next
  server next ${server}
`,
  );
  return site.bench.start({
    name,
    command: "haproxy",
    args: ["-db", "-q", "-f", file],
    place,
    talk: "silent",
  });
}
