import { join } from "node:path";
import type { Child } from "../harness/child_process.ts";
import { commandVersion } from "../harness/command_version.ts";
import { freePort } from "../harness/free_port.ts";
import type { Place } from "../harness/place.ts";
import { type Relay, type RelaySite, stopNodes } from "./relay.ts";
import { SITE_NAME } from "./site_certificates.ts";

/** Two Caddy: HTTP/2 over TLS between them, `flush_interval -1`. */
export const CADDY: Relay = {
  name: "Caddy",
  link: "HTTP/2 over TLS",
  descriptorsPerStream: 2,
  version: () => commandVersion("caddy", ["version"], /^v?(\S+)/),
  start(site) {
    const { caFile, caPem } = site.certificates;
    const corePort = freePort();
    const edgePort = freePort();
    const core = startNode(site, {
      name: "caddy-core",
      place: site.core,
      port: corePort,
      proxy: `reverse_proxy http://127.0.0.1:${site.originPort} {
    flush_interval -1
    transport http {
      versions 1.1
      keepalive_idle_conns_per_host 1024
    }
  }`,
    });
    const edge = startNode(site, {
      name: "caddy-edge",
      place: site.edge,
      port: edgePort,
      proxy: `reverse_proxy https://${site.core.address}:${corePort} {
    flush_interval -1
    header_up Host ${SITE_NAME}
    transport http {
      tls
      tls_server_name ${SITE_NAME}
      tls_trusted_ca_certs ${caFile}
      versions 2
    }
  }`,
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
  readonly port: number;
  readonly proxy: string;
}

function startNode({ bench, certificates }: RelaySite, { name, place, port, proxy }: NodeOptions): Child {
  const directory = bench.makeDirectory(name);
  const file = join(directory, "Caddyfile");
  Deno.writeTextFileSync(
    file,
    `{
  admin off
  auto_https off
  log {
    level ERROR
  }
  servers {
    protocols h1 h2
  }
}
https://:${port} {
  tls ${certificates.certificateFile} ${certificates.keyFile}
  ${proxy}
}
`,
  );
  return bench.start({
    name,
    command: "caddy",
    args: ["run", "--adapter", "caddyfile", "--config", file],
    place,
    talk: "silent",
    env: { HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory, GOMAXPROCS: "1" },
  });
}
