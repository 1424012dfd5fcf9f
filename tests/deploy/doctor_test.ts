import assert from "node:assert/strict";
import { join } from "node:path";
import type { Diagnosis } from "../../deploy/doctor/diagnose_edge.ts";
import type { AddressFacts, EdgeFacts } from "../../deploy/doctor/facts.ts";
import type { Check, Verdict } from "../../deploy/doctor/finding.ts";
import { createEdgeKeyPair } from "../../shared/pki/edge_key.ts";
import { createAuthority } from "../../shared/pki/certificate_authority.ts";
import { LIBC_PATHS } from "../../shared/transport/libc.ts";
import { type ConfigFile, editConfig, freeAddresses, Relay } from "../e2e/support/relay.ts";
import { until } from "../e2e/support/until.ts";
import { LossyUdpProxy } from "./doctor/lossy_udp_proxy.ts";
import { runDeploy } from "./run_deploy.ts";

/** What the task gives it. */
const PERMISSIONS = [
  "--allow-net",
  "--allow-read",
  "--allow-env",
  "--allow-sys=networkInterfaces",
  `--allow-ffi=${LIBC_PATHS.join(",")}`,
];
/** Much more than a run takes; less than anything that hangs. */
const MAX_RUN_MS = 60_000;

interface Ports {
  /** QUIC and TLS. */
  readonly both: number;
  /** TLS alone. */
  readonly tls: number;
  readonly websocket: number;
  /** Nobody. */
  readonly free: number;
}

type JsonReport = Diagnosis & { readonly facts: EdgeFacts };

/** A core in a process of its own, and configurations of edges to examine. */
class Practice {
  readonly #relay: Relay;
  readonly ports: Ports;

  private constructor(relay: Relay, ports: Ports) {
    this.#relay = relay;
    this.ports = ports;
  }

  static async open(): Promise<Practice> {
    const [both, tls, websocket, free] = freeAddresses().map(({ port }) => port);
    assert.ok(both !== undefined && tls !== undefined && websocket !== undefined && free !== undefined);
    const relay = await Relay.prepare({
      origins: [],
      urls: [new URL("http://127.0.0.1:9")],
      core(config) {
        const at = (port: number, transport: string) => ({ address: `127.0.0.1:${port}`, transport });
        config.tunnel.listeners = [
          at(both, "quic"),
          at(both, "tls"),
          at(tls, "tls"),
          at(websocket, "websocket"),
        ];
      },
    });
    relay.startNode("core");
    await until("the core listens", async () => {
      const answer = await relay.admin("core", "/healthz");
      await answer?.body?.cancel();
      return answer?.ok === true ? true : null;
    });
    return new Practice(relay, { both, tls, websocket, free });
  }

  get directory(): string {
    return this.#relay.directory;
  }

  /** Writes a variant of the edge's configuration. */
  async patient(name: string, addresses: readonly string[], edit: (config: ConfigFile) => void = () => {}) {
    const file = join(this.directory, `${name}.yaml`);
    await Deno.copyFile(join(this.directory, "edge.yaml"), file);
    await editConfig(file, (config) => {
      config.tunnel.connect_timeout_ms = 2000;
      config.tunnel.cores[0].addresses = addresses.map((text) => {
        const [transport, port] = text.split(" ");
        return { address: `127.0.0.1:${port}`, transport };
      });
      edit(config);
    });
    return file;
  }

  async examine(file: string): Promise<{ code: number; report: JsonReport }> {
    const startedAt = performance.now();
    const args = ["--config", file, "--seconds", "1", "--json"];
    const { code, stdout, stderr } = await runDeploy("doctor.ts", { args, permissions: PERMISSIONS });
    assert.ok(performance.now() - startedAt < MAX_RUN_MS);
    assert.ok(stdout.startsWith("{"), stderr);
    return { code, report: JSON.parse(stdout) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#relay.stop();
  }
}

function verdictOf({ findings }: JsonReport, subject: RegExp, check: Check): [Verdict, string] {
  const found = findings.find((finding) => subject.test(finding.subject) && finding.check === check);
  assert.ok(
    found !== undefined,
    `nothing about ${check} of ${subject}: ${JSON.stringify(findings, null, 1)}`,
  );
  return [found.verdict, `${found.text} ${found.advice ?? ""}`];
}

function addressOf({ facts }: JsonReport, index: number): AddressFacts {
  const address = facts.cores[0]?.addresses[index];
  assert.ok(address !== undefined);
  return address;
}

Deno.test("doctor", async (context) => {
  await using practice = await Practice.open();
  const { both, tls, websocket, free } = practice.ports;

  await context.step("finds a healthy core well over every transport", async () => {
    const file = await practice.patient("healthy", [`quic ${both}`, `tls ${both}`, `websocket ${websocket}`]);
    const { code, report } = await practice.examine(file);
    assert.equal(code, 0, JSON.stringify(report.findings, null, 1));
    for (const [index, transport] of ["quic", "tls", "websocket"].entries()) {
      const { lane, path, certificate } = addressOf(report, index);
      assert.equal(lane.kind, "accepted", transport);
      assert.ok(path !== null && path.cutBy === null);
      assert.equal(path.roundTrip.answered, path.roundTrip.sent);
      assert.ok(path.clock !== null && Math.abs(path.clock.aheadMs) <= path.clock.errorMs + 1);
      assert.equal(certificate === null, transport === "quic");
    }
    const { loss, packetBytes } = addressOf(report, 0).path ?? {};
    assert.ok(loss !== undefined && loss !== null && loss.echoed > 0.9 * loss.sent);
    assert.ok(loss.thereShare !== null && loss.thereShare < 0.05);
    assert.ok(typeof packetBytes === "number" && packetBytes >= 1200);
    assert.equal(addressOf(report, 1).path?.loss, null);
    assert.equal(report.recommendations[0]?.order, "fits");
  });

  await context.step("tells apart which way packets are lost", async () => {
    for (const [direction, dropOneIn] of [["there", { there: 10 }], ["back", { back: 10 }]] as const) {
      await using proxy = new LossyUdpProxy({ target: { hostname: "127.0.0.1", port: both }, dropOneIn });
      const file = await practice.patient(`lossy-${direction}`, [`quic ${proxy.port}`]);
      const { code, report } = await practice.examine(file);
      assert.equal(code, 0);
      const { loss } = addressOf(report, 0).path ?? {};
      assert.ok(loss !== undefined && loss !== null && loss.thereShare !== null);
      const roundTrip = 1 - loss.echoed / loss.sent;
      const seen = `${direction}: ${loss.echoed} of ${loss.sent} echoed, ${loss.thereShare} lost there`;
      assert.ok(roundTrip > 0.02 && roundTrip < 0.3, seen);
      // Each tenth packet is dropped, and datagrams are only some of them.
      if (direction === "there") assert.ok(loss.thereShare > 0 && loss.thereShare < 0.3, seen);
      else assert.ok(loss.thereShare < 0.02, seen);
      assert.equal(verdictOf(report, /quic/, "loss")[0], "warn");
    }
  });

  await context.step("knows a core that is down, and a wrong port", async () => {
    const { code, report } = await practice.examine(
      await practice.patient("down", [`quic ${free}`, `tls ${free}`, `websocket ${free}`]),
    );
    assert.equal(code, 1);
    assert.match(verdictOf(report, /quic/, "udp").join(), /^bad,no answer from UDP port \d+, though/);
    assert.match(verdictOf(report, /tls/, "tcp").join(), /^bad,.*nothing listens there/);
    assert.match(verdictOf(report, /websocket/, "tcp").join(), /^bad,.*nothing listens there/);
    assert.equal(report.recommendations[0]?.best, null);
  });

  await context.step("knows a core without UDP, and takes TLS", async () => {
    const { code, report } = await practice.examine(
      await practice.patient("no-udp", [`quic ${tls}`, `tls ${tls}`]),
    );
    assert.equal(code, 1);
    assert.match(verdictOf(report, /quic/, "udp").join(), /^bad,.*though the machine answers over TCP/);
    assert.equal(verdictOf(report, /tls/, "round trip")[0], "ok");
    assert.equal(report.recommendations[0]?.best?.transport, "tls");
  });

  await context.step("knows an authority that is not the core's", async () => {
    const authority = await createAuthority({ name: "Another", days: 1 });
    await Deno.writeTextFile(join(practice.directory, "other-ca.pem"), authority.certificatePem);
    const { code, report } = await practice.examine(
      await practice.patient(
        "wrong-ca",
        [`quic ${both}`, `tls ${both}`, `websocket ${websocket}`],
        (config) => {
          config.tunnel.ca_file = "other-ca.pem";
        },
      ),
    );
    assert.equal(code, 1);
    for (const transport of [/quic/, /tls/, /websocket/]) {
      assert.match(
        verdictOf(report, transport, "certificate").join(),
        /^bad,signed by an authority.*ca_file/,
      );
    }
  });

  await context.step("knows a certificate of another name", async () => {
    const { code, report } = await practice.examine(
      await practice.patient("wrong-name", [`quic ${both}`, `tls ${both}`], (config) => {
        config.tunnel.cores[0].server_name = "other.example";
      }),
    );
    assert.equal(code, 1);
    for (const transport of [/quic/, /tls/]) {
      assert.match(
        verdictOf(report, transport, "certificate").join(),
        /^bad,not for other\.example; it bears .*localhost/,
      );
    }
  });

  await context.step("knows that the core does not know the edge", async () => {
    const { privateKeyPem } = await createEdgeKeyPair();
    await Deno.writeTextFile(join(practice.directory, "other-identity-key.pem"), privateKeyPem);
    const { code, report } = await practice.examine(
      await practice.patient(
        "unknown",
        [`quic ${both}`, `tls ${both}`, `websocket ${websocket}`],
        (config) => {
          config.tunnel.edge_key_file = "other-identity-key.pem";
        },
      ),
    );
    assert.equal(code, 1);
    for (const transport of [/quic/, /tls/, /websocket/]) {
      assert.match(verdictOf(report, transport, "handshake").join(), /^bad,the core turns this edge away/);
    }
  });

  await context.step("knows a port that speaks another protocol", async () => {
    const { code, report } = await practice.examine(
      await practice.patient("mixed-up", [`tls ${websocket}`, `websocket ${tls}`]),
    );
    assert.equal(code, 1);
    for (const transport of [/tls/, /websocket/]) {
      assert.match(verdictOf(report, transport, "handshake").join(), /^bad,.*does not speak Lowu/);
    }
  });

  await context.step("tries the ports of reverse listeners", async () => {
    const { code, report } = await practice.examine(
      await practice.patient("reverse", [`tls ${both}`], (config) => {
        const at = (address: string, transport: string) => ({ address, transport });
        config.tunnel.reverse = {
          listeners: [
            at(`127.0.0.1:${both}`, "quic"),
            at(`127.0.0.1:${free}`, "tls"),
            at("192.0.2.77:7444", "tls"),
          ],
          certificate_file: "edge-certificate.pem",
          key_file: "edge-key.pem",
          cores: [{
            name: "sz-2",
            public_key: "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
          }],
        };
      }),
    );
    assert.equal(code, 1);
    assert.deepEqual(report.facts.listeners.map(({ outcome }) => outcome), ["in_use", "free", "not_local"]);
  });

  await context.step("writes for people, and no key", async () => {
    const file = await practice.patient("text", [`tls ${both}`]);
    const args = ["--config", file, "--seconds", "1"];
    const { code, stdout } = await runDeploy("doctor.ts", { args, permissions: PERMISSIONS });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^core core-1: tls 127\.0\.0\.1:\d+$/m);
    assert.match(stdout, /^ {2}ok {4}round trip {3}p50 .* exchanges$/m);
    assert.match(stdout, /^(?:ok|warn): \d+ ok, \d+ warn, 0 bad$/m);
    const key = await Deno.readTextFile(join(practice.directory, "edge-identity-key.pem"));
    for (const line of key.split("\n").filter((one) => one !== "" && !one.startsWith("-"))) {
      assert.ok(!stdout.includes(line));
    }
  });
});

Deno.test("doctor() ends with 2 for a configuration that is wrong, a core's, and a wrong command line", async () => {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(file, "node: edge\nname: hk-1\n");
  const broken = await runDeploy("doctor.ts", { args: ["--config", file], permissions: PERMISSIONS });
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, new RegExp(`^${file}:\\d+:\\d+: `));
  await Deno.writeTextFile(file, "node: core\n");
  const core = await runDeploy("doctor.ts", { args: ["--config", file], permissions: PERMISSIONS });
  assert.equal(core.code, 2);
  await Deno.remove(file);
  for (
    const args of [[], ["--konfig", "x"], ["--config", "x", "--seconds", "0"], ["--config", "x", "stray"]]
  ) {
    const { code, stderr } = await runDeploy("doctor.ts", { args, permissions: PERMISSIONS });
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, /Usage: deno task doctor --config FILE/);
  }
});
