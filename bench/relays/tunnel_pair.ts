/**
 * Peers that carry TCP connections and know nothing of HTTP: an nginx in front of their edge ends the clients' TLS and
 * keeps connections to the tunnel, as the other pairs' edges do; the tunnel's far end calls the origin.
 */
import { join } from "node:path";
import type { Child } from "../harness/child_process.ts";
import { freePort } from "../harness/free_port.ts";
import { NGINX, startNginx } from "./nginx.ts";
import { peerProgram, peerVersion } from "./peer_program.ts";
import type { Relay, RelaySite, RunningRelay } from "./relay.ts";

/** Ports and addresses of one tunnel that is started. */
export interface TunnelPorts {
  /** Where the tunnel takes TCP connections, on loopback beside the edge. */
  readonly entryPort: number;
  /** Where one end of the tunnel takes the other's lanes. */
  readonly tunnelPort: number;
}

/** One end of a tunnel: a program with one configuration file. */
export interface TunnelEnd {
  readonly program: string;
  /** Before the configuration's name. */
  readonly args: readonly string[];
  readonly fileName: string;
  configuration(site: RelaySite, ports: TunnelPorts): string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface TunnelOptions {
  readonly name: string;
  readonly link: string;
  readonly edge: TunnelEnd;
  readonly core: TunnelEnd;
  readonly version: { readonly args: readonly string[]; readonly pattern: RegExp };
}

/** A relay made of nginx for clients and a tunnel; both programs are one worker or thread. */
export function tunnelPair({ name, link, edge, core, version }: TunnelOptions): Relay {
  return {
    name,
    link: `${link}; nginx in front of the edge ends TLS`,
    descriptorsPerStream: 4,
    async version() {
      if (await NGINX.version() === null) return null;
      return await peerVersion([edge.program, core.program], version.args, version.pattern);
    },
    start(site): Promise<RunningRelay> {
      const ports = { entryPort: freePort(), tunnelPort: freePort() };
      const clientPort = freePort();
      const coreNode = startEnd(site, core, { ...ports, name: `${name} core`, place: site.core });
      const edgeNode = startEnd(site, edge, { ...ports, name: `${name} edge`, place: site.edge });
      const front = startNginx(site, {
        name: `${name} front`,
        place: site.edge,
        port: clientPort,
        upstream: `127.0.0.1:${ports.entryPort}`,
        proxyTo: "http://next",
      });
      return Promise.resolve({
        target: { hostname: "127.0.0.1", port: clientPort, caPem: site.certificates.caPem, fields: [] },
        nodes: { edge: edgeNode, core: coreNode },
        async stop() {
          for (const node of [front, edgeNode, coreNode]) await node.stop();
        },
      });
    },
  };
}

function startEnd(
  site: RelaySite,
  end: TunnelEnd,
  { name, place, ...ports }: TunnelPorts & { name: string; place: RelaySite["edge"] },
): Child {
  const directory = site.bench.makeDirectory(name);
  const file = join(directory, end.fileName);
  Deno.writeTextFileSync(file, end.configuration(site, ports));
  return site.bench.start({
    name,
    command: peerProgram(end.program),
    args: [...end.args, file],
    place,
    talk: "silent",
    env: { HOME: directory, GOMAXPROCS: "1", ...end.env },
  });
}
