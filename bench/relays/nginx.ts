import { join } from "node:path";
import type { Child } from "../harness/child_process.ts";
import { commandVersion } from "../harness/command_version.ts";
import { descriptorLimit } from "../harness/descriptor_limit.ts";
import { freePort } from "../harness/free_port.ts";
import type { Place } from "../harness/place.ts";
import { type Relay, type RelaySite, stopNodes } from "./relay.ts";
import { SITE_NAME } from "./site_certificates.ts";

/** Two nginx: HTTP/1.1 over TLS with kept connections between them, one worker each, nothing buffered. */
export const NGINX: Relay = {
  name: "nginx",
  link: "HTTP/1.1 over TLS, a connection for each request in flight, kept",
  descriptorsPerStream: 2,
  version: () => commandVersion("nginx", ["-v"], /nginx\/(\S+)/),
  start(site) {
    const corePort = freePort();
    const edgePort = freePort();
    const core = startNginx(site, {
      name: "nginx-core",
      place: site.core,
      port: corePort,
      upstream: `127.0.0.1:${site.originPort}`,
      proxyTo: "http://next",
    });
    const edge = startNginx(site, {
      name: "nginx-edge",
      place: site.edge,
      port: edgePort,
      upstream: `${site.core.address}:${corePort}`,
      proxyTo: "https://next",
    });
    return Promise.resolve({
      target: { hostname: "127.0.0.1", port: edgePort, caPem: site.certificates.caPem, fields: [] },
      nodes: { edge, core },
      stop: () => stopNodes({ edge, core }),
    });
  },
};

/** One node: TLS and HTTP of clients in, HTTP/1.1 out. */
export interface NginxOptions {
  readonly name: string;
  readonly place: Place;
  readonly port: number;
  readonly upstream: string;
  readonly proxyTo: "http://next" | "https://next";
}

export function startNginx(site: RelaySite, options: NginxOptions): Child {
  const directory = site.bench.makeDirectory(options.name);
  const file = join(directory, "nginx.conf");
  Deno.writeTextFileSync(file, configuration(site, { ...options, directory }));
  return site.bench.start({
    name: options.name,
    command: "nginx",
    args: ["-p", directory, "-e", "stderr", "-c", file],
    place: options.place,
    talk: "silent",
  });
}

/** Far more than any bench needs: close to this number nginx drops clients that have not asked yet. */
const MAX_CONNECTIONS = 65_536;

function configuration(
  { certificates }: RelaySite,
  { directory, port, upstream, proxyTo }: NginxOptions & { directory: string },
): string {
  const descriptors = Math.min(MAX_CONNECTIONS, descriptorLimit());
  // A worker of root's would else become a user that cannot read the key.
  const user = Deno.uid() === 0 ? "user root;" : "";
  return `daemon off;
worker_processes 1;
worker_rlimit_nofile ${descriptors};
${user}
pid ${directory}/nginx.pid;
error_log stderr error;
events {
  worker_connections ${MAX_CONNECTIONS};
  multi_accept on;
}
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  tcp_nodelay on;
  keepalive_timeout 3600s;
  keepalive_requests 100000000;
  http2_max_concurrent_streams 128;
  ssl_protocols TLSv1.3;
  ssl_certificate ${certificates.certificateFile};
  ssl_certificate_key ${certificates.keyFile};
  ssl_session_cache shared:tls:10m;
  ssl_buffer_size 4k;
  upstream next {
    server ${upstream};
    keepalive 1024;
    keepalive_requests 100000000;
    keepalive_timeout 3600s;
  }
  server {
    listen ${port} ssl http2 backlog=4096;
    location / {
      proxy_pass ${proxyTo};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_buffer_size 4k;
      proxy_read_timeout 3600s;
      proxy_send_timeout 3600s;
      proxy_ssl_protocols TLSv1.3;
      proxy_ssl_server_name on;
      proxy_ssl_name ${SITE_NAME};
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${certificates.caFile};
      proxy_ssl_session_reuse on;
    }
  }
}
`;
}
