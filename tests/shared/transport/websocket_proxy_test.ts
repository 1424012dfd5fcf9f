/** WebSocket lanes through a reverse proxy as it stands in front of a core: nginx, which ends TLS and begins it anew. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { LaneConnection, LaneListener } from "../../../shared/transport/lane_connection.ts";
import { LaneDialError } from "../../../shared/transport/lane_connection.ts";
import { until } from "../../e2e/support/until.ts";
import { testWithTool } from "../../support/required_tool.ts";
import {
  closeQuietly,
  dialLoopback,
  listenOnLoopback,
  readExactly,
  SERVER_NAME,
  TRUST,
  untilLost,
  writeAll,
} from "./lane_fixture.ts";

const MEGABYTE = 1024 * 1024;

function configuration(
  { directory, port, upstream }: { directory: string; port: number; upstream: string },
): string {
  // A worker of root's would else become a user that cannot read the key.
  const user = Deno.uid() === 0 ? "user root;" : "";
  return `daemon off;
master_process off;
${user}
pid ${directory}/nginx.pid;
error_log stderr crit;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  ssl_certificate ${directory}/certificate.pem;
  ssl_certificate_key ${directory}/key.pem;
  server {
    listen 127.0.0.1:${port} ssl;
    location /lowu/lane {
      proxy_pass https://${upstream};
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_ssl_server_name on;
      proxy_ssl_name ${SERVER_NAME};
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${directory}/ca.pem;
    }
  }
}
`;
}

interface ProxiedSite {
  readonly listener: LaneListener;
  /** Both ends of a new lane through the proxy. */
  connect(): Promise<{ dialled: LaneConnection; accepted: LaneConnection }>;
}

async function withNginx(program: string, run: (site: ProxiedSite) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  const listener = listenOnLoopback("websocket");
  const port = freePort();
  await Deno.writeTextFile(join(directory, "certificate.pem"), TRUST.certificate.certPem);
  await Deno.writeTextFile(join(directory, "key.pem"), TRUST.certificate.keyPem);
  await Deno.writeTextFile(join(directory, "ca.pem"), TRUST.caPem);
  const file = join(directory, "nginx.conf");
  await Deno.writeTextFile(file, configuration({ directory, port, upstream: listener.localAddress }));
  const nginx = new Deno.Command(program, {
    args: ["-p", directory, "-e", "stderr", "-c", file],
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const connect = async () => {
    const accepting = listener.accept();
    const dialled = await until(
      "nginx passes a lane",
      () => dialLoopback("websocket", `127.0.0.1:${port}`).catch(ifNotYet),
    );
    return { dialled, accepted: await accepting ?? assert.fail("closed") };
  };
  try {
    await run({ listener, connect });
  } finally {
    nginx.kill("SIGTERM");
    await nginx.status;
    listener.close();
    await Deno.remove(directory, { recursive: true });
  }
}

/** nginx does not listen yet. */
function ifNotYet(error: unknown): null {
  if (error instanceof LaneDialError && error.failure === "unreachable") return null;
  throw error;
}

function freePort(): number {
  using probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return probe.addr.port;
}

function pattern(length: number, step: number): Uint8Array {
  return new Uint8Array(length).map((_, index) => (index * step + (index >> 8)) & 0xff);
}

testWithTool(
  "nginx",
  "a WebSocket lane through nginx carries bytes both ways and ends each way by itself",
  async (_, program) => {
    await withNginx(program, async ({ connect }) => {
      const { dialled, accepted } = await connect();
      assert.notEqual(accepted.remoteAddress, dialled.localAddress, "nginx is between");
      for (const [near, far] of [[dialled, accepted], [accepted, dialled]] as const) {
        const up = pattern(3 * MEGABYTE, 7);
        const down = pattern(MEGABYTE, 11);
        const sending = Promise.all([writeAll(near, up), writeAll(far, down)]);
        const [gotUp, gotDown] = await Promise.all([
          readExactly(far, up.length),
          readExactly(near, down.length),
        ]);
        await sending;
        assert.ok(gotUp.every((byte, index) => byte === up[index]));
        assert.ok(gotDown.every((byte, index) => byte === down[index]));
      }
      await writeAll(dialled, Uint8Array.of(1, 2, 3));
      await dialled.closeWrite();
      assert.deepEqual([...await readExactly(accepted, 3)], [1, 2, 3]);
      assert.equal(await accepted.read(new Uint8Array(10)), null);
      const rest = pattern(MEGABYTE, 13);
      const sending = writeAll(accepted, rest).then(() => accepted.closeWrite());
      assert.deepEqual(await readExactly(dialled, rest.length), rest);
      assert.equal(await dialled.read(new Uint8Array(10)), null);
      await sending;
      closeQuietly(dialled, accepted);
    });
  },
);

testWithTool(
  "nginx",
  "an end of a WebSocket lane behind nginx learns that the other closed",
  async (_, program) => {
    await withNginx(program, async ({ connect }) => {
      for (const gone of ["dialled", "accepted"] as const) {
        const pair = await connect();
        const left = gone === "dialled" ? pair.accepted : pair.dialled;
        await writeAll(pair[gone], Uint8Array.of(1));
        await readExactly(left, 1);
        const pending = assert.rejects(left.read(new Uint8Array(10)));
        pair[gone].close();
        await pending;
        await untilLost(left);
        closeQuietly(left);
      }
    });
  },
);

testWithTool(
  "nginx",
  "dialLane() through nginx fails while the core behind it is gone",
  async (_, program) => {
    await withNginx(program, async ({ connect, listener }) => {
      const { dialled, accepted } = await connect();
      listener.close();
      await assert.rejects(
        dialLoopback("websocket", dialled.remoteAddress),
        (error) => error instanceof LaneDialError && /status 502/.test(error.message),
      );
      closeQuietly(dialled, accepted);
    });
  },
);
