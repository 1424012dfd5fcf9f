import assert from "node:assert/strict";
import type { AnswerReceiver, ExchangeHandler } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { DISCARD } from "../../../shared/exchange/refuse.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../../shared/http1/http1_limits.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../shared/http2/http2_limits.ts";
import { createLogger } from "../../../shared/observe/logger.ts";
import { CertificateError } from "../../../shared/server/certificate_store.ts";
import { closeConnection } from "../../../shared/server/close_connection.ts";
import { listen, type Listener, type ListenOptions } from "../../../shared/server/listener.ts";
import { ListenError } from "../../../shared/server/open_listener.ts";
import { readSocketOption, TCP_NODELAY, TCP_USER_TIMEOUT } from "../transport/read_socket_option.ts";
import { TestCertificates } from "./certificate_files.ts";

const log = createLogger({ node: "test", level: "error", write: () => {} });

/** Answers with the path; answers to `/held` end when `release` is called, once all of them have begun. */
class Pages {
  readonly #held: AnswerReceiver[] = [];
  #waiting: (() => void) | null = null;

  readonly handler: ExchangeHandler = (request, answer) => {
    queueMicrotask(() => {
      const body = new TextEncoder().encode(request.path);
      answer.head({ status: 200, fields: new Fields(), contentLength: null });
      answer.body(body);
      if (request.path !== "/held") return answer.end(null);
      this.#held.push(answer);
      this.#waiting?.();
    });
    return DISCARD;
  };

  async release(): Promise<void> {
    if (this.#held.length === 0) await new Promise<void>((resolve) => this.#waiting = resolve);
    for (const answer of this.#held.splice(0)) answer.end(null);
  }
}

function start(change: Partial<ListenOptions> = {}, pages = new Pages()): Promise<Listener> {
  return listen({
    address: "127.0.0.1:0",
    tls: null,
    maxConnections: 100,
    maxConnectionsPerAddress: 100,
    log,
    serve: {
      handler: pages.handler,
      newRequestId: () => crypto.randomUUID(),
      clock: () => performance.now(),
      http1: DEFAULT_HTTP1_LIMITS,
      http2: DEFAULT_HTTP2_LIMITS,
      stallTimeoutMs: 10_000,
    },
    ...change,
  });
}

/** One HTTP/1.1 client connection. */
class Client implements Disposable {
  readonly #connection: Deno.Conn;
  #received = "";

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  static async plain(listener: Listener): Promise<Client> {
    return new Client(await Deno.connect({ hostname: "127.0.0.1", port: listener.port }));
  }

  static async tls(listener: Listener, options: { hostname: string; caCerts: string[] }): Promise<Client> {
    const tcp = await Deno.connect({ hostname: "127.0.0.1", port: listener.port });
    const tls = await Deno.startTls(tcp, options);
    try {
      await tls.handshake();
    } catch (error) {
      tls.close();
      throw error;
    }
    return new Client(tls);
  }

  async send(text: string): Promise<void> {
    await this.#connection.write(new TextEncoder().encode(text));
  }

  /** Reads until `text` has come; what came up to it is taken. */
  async receive(text: string): Promise<string> {
    const buffer = new Uint8Array(4096);
    while (!this.#received.includes(text)) {
      const read = await this.#connection.read(buffer);
      if (read === null) throw new Error(`ended after ${JSON.stringify(this.#received)}`);
      this.#received += new TextDecoder().decode(buffer.subarray(0, read));
    }
    const end = this.#received.indexOf(text) + text.length;
    const taken = this.#received.slice(0, end);
    this.#received = this.#received.slice(end);
    return taken;
  }

  /** Asks for a page and reads the whole answer (chunked). */
  async get(path: string): Promise<string> {
    await this.send(`GET ${path} HTTP/1.1\r\nhost: a.example\r\n\r\n`);
    return await this.receive("0\r\n\r\n");
  }

  /** Resolves when the server has closed the connection. */
  async ended(): Promise<void> {
    const buffer = new Uint8Array(4096);
    try {
      while (await this.#connection.read(buffer) !== null);
    } catch (error) {
      // A server that closes with unread bytes resets.
      if (!(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.UnexpectedEof)) {
        throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    closeConnection(this.#connection);
  }
}

Deno.test("listen() serves HTTP/1.1 and HTTP/2 over TLS as the client chooses", async () => {
  await using certificates = await TestCertificates.create();
  const files = await certificates.write("a", ["127.0.0.1"]);
  const listener = await start({ tls: { certificates: [files] } });
  for (const [http2, protocol] of [[false, "http1"], [true, "h2"]] as const) {
    using client = Deno.createHttpClient({ caCerts: certificates.caCerts, http1: !http2, http2 });
    const response = await fetch(`https://${listener.address}/page?x=1`, { client });
    assert.equal(await response.text(), "/page?x=1");
    assert.equal(listener.counters.connectionsByProtocol[protocol], 1);
  }
  assert.deepEqual(await listener.drain({ graceMs: 5000 }), { forcedConnections: 0 });
  const { counters } = listener;
  assert.deepEqual([counters.acceptedConnections, counters.closedConnections, listener.openConnections], [
    2,
    2,
    0,
  ]);
  assert.deepEqual([counters.startedExchanges, counters.openExchanges], [2, 0]);
  assert.ok(counters.receivedBytes > 0 && counters.sentBytes > 0);
});

Deno.test("listen() serves plain HTTP/1.1", async () => {
  const listener = await start();
  using client = await Client.plain(listener);
  assert.match(await client.get("/a"), /^HTTP\/1\.1 200 [\s\S]*\/a\r\n0\r\n\r\n$/);
  assert.match(await client.get("/b"), /\/b\r\n0\r\n\r\n$/);
  await listener.drain({ graceMs: 5000 });
});

Deno.test("listen() serves HTTP/2 with prior knowledge on a plain address", async () => {
  const listener = await start();
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: listener.port });
  // The preface with empty SETTINGS (RFC 9113 §3.4).
  const preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
  await connection.write(preface);
  const frame = new Uint8Array(9);
  await connection.read(frame);
  assert.deepEqual(
    [frame[3], frame.subarray(5, 9).every((byte) => byte === 0)],
    [4, true],
    "SETTINGS on stream 0",
  );
  assert.deepEqual(listener.counters.connectionsByProtocol, { http1: 0, h2: 1 });
  connection.close();
  await listener.drain({ graceMs: 5000 });
});

Deno.test("listen() has Nagle's algorithm off and dead peers found on what it accepts", async () => {
  await using certificates = await TestCertificates.create();
  const { caCerts } = certificates;
  const tls = { certificates: [await certificates.write("a", ["a.example"])] };
  const secure = await start({ tls });
  using secureClient = await Client.tls(secure, { hostname: "a.example", caCerts });
  await secureClient.get("/");
  const plain = await start();
  using plainClient = await Client.plain(plain);
  await plainClient.get("/");
  for (const { port } of [secure, plain]) {
    assert.deepEqual(readSocketOption(port, TCP_NODELAY), [1]);
    assert.deepEqual(readSocketOption(port, TCP_USER_TIMEOUT), [90_000]);
  }
  for (const client of [secureClient, plainClient]) client[Symbol.dispose]();
  await Promise.all([secure, plain].map((listener) => listener.drain({ graceMs: 5000 })));
});

Deno.test("listen() tells who holds the address, though ports are shared", async () => {
  const first = await start();
  await assert.rejects(start({ address: first.address }), (error) => {
    assert.ok(error instanceof ListenError);
    assert.equal(error.message, `address ${first.address} is in use by deno (pid ${Deno.pid})`);
    return true;
  });
  const second = await start({ address: first.address, isPortShared: true });
  await Promise.all([first, second].map((listener) => listener.drain({ graceMs: 5000 })));
});

Deno.test("listen() says which address it cannot have, and why", async () => {
  await assert.rejects(
    start({ address: "203.0.113.77:0" }),
    /^ListenError: cannot listen on 203\.0\.113\.77:0: /,
  );
  await assert.rejects(start({ address: "8443" }), /^ListenError: "8443" has no host before the port$/);
});

Deno.test("listen() refuses certificates that cannot be used", async () => {
  await using certificates = await TestCertificates.create();
  const files = await certificates.write("a", ["a.example"]);
  await Deno.remove(files.keyFile);
  await assert.rejects(start({ tls: { certificates: [files] } }), CertificateError);
});

Deno.test("Listener drops clients that agree on no protocol in time", async () => {
  await using certificates = await TestCertificates.create();
  const tls = { certificates: [await certificates.write("a", ["127.0.0.1"])] };
  for (
    const [options, begin] of [[{ tls }, "\x16\x03\x01\x02"], [{ tls }, ""], [{ tls: null }, ""], [{
      tls: null,
    }, "PR"]] as const
  ) {
    const listener = await start({ ...options, handshakeTimeoutMs: 50 });
    using client = await Client.plain(listener);
    if (begin !== "") await client.send(begin);
    await client.ended();
    await listener.drain({ graceMs: 5000 });
    assert.deepEqual([listener.counters.handshakeTimeouts, listener.counters.tlsFailures], [1, 0]);
  }
});

Deno.test("Listener counts handshakes that fail and goes on", async () => {
  await using certificates = await TestCertificates.create();
  const listener = await start({ tls: { certificates: [await certificates.write("a", ["a.example"])] } });
  using stranger = await Client.plain(listener);
  await stranger.send("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
  await stranger.ended();
  using client = await Client.tls(listener, { hostname: "a.example", caCerts: certificates.caCerts });
  await client.get("/a");
  client[Symbol.dispose]();
  assert.deepEqual([listener.counters.tlsFailures, listener.counters.handshakeTimeouts], [1, 0]);
  await listener.drain({ graceMs: 5000 });
});

for (
  const [limits, refusal] of [
    [{ maxConnections: 2, maxConnectionsPerAddress: 9 }, "connection_limit"],
    [{ maxConnections: 9, maxConnectionsPerAddress: 2 }, "address_limit"],
  ] as const
) {
  Deno.test(`Listener refuses connections above ${refusal} and takes more when one leaves`, async () => {
    let aConnectionEnded = () => {};
    const listener = await start({ ...limits, connectionEnded: () => aConnectionEnded() });
    const first = await Client.plain(listener);
    await first.get("/");
    using second = await Client.plain(listener);
    await second.get("/");
    using third = await Client.plain(listener);
    await third.ended();
    assert.equal(listener.counters.refusedConnections[refusal], 1);
    assert.equal(listener.openConnections, 2);
    const ended = new Promise<void>((resolve) => aConnectionEnded = resolve);
    first[Symbol.dispose]();
    await ended;
    using fourth = await Client.plain(listener);
    await fourth.get("/");
    await listener.drain({ graceMs: 5000 });
  });
}

Deno.test("Listener chooses among certificates by the name that the client asks for", async () => {
  await using certificates = await TestCertificates.create();
  const { caCerts } = certificates;
  const listener = await start({
    tls: {
      certificates: [
        await certificates.write("first", ["first.example", "127.0.0.1"]),
        await certificates.write("second", ["second.example", "*.second.example"]),
      ],
    },
  });
  for (const hostname of ["first.example", "second.example", "a.second.example", "127.0.0.1"]) {
    using client = await Client.tls(listener, { hostname, caCerts });
    await client.get("/");
  }
  await assert.rejects(Client.tls(listener, { hostname: "third.example", caCerts }));
  await listener.drain({ graceMs: 5000 });
});

Deno.test("Listener replaces its socket when clients have asked for too many names", async () => {
  await using certificates = await TestCertificates.create();
  const { caCerts } = certificates;
  const events: string[] = [];
  const listener = await start({
    maxResolvedNames: 3,
    log: { ...log, info: (event) => void events.push(event) },
    tls: {
      certificates: [
        await certificates.write("first", ["first.example"]),
        await certificates.write("second", ["*.second.example"]),
      ],
    },
  });
  for (const name of ["a", "b", "c", "d", "a"]) {
    using client = await Client.tls(listener, { hostname: `${name}.second.example`, caCerts });
    await client.get("/");
  }
  // The drain waits for the old socket to be closed: nobody listens any more.
  await listener.drain({ graceMs: 5000 });
  assert.deepEqual(events, ["listening", "listener_reopened", "listener_drained"]);
  await assert.rejects(Client.plain(listener), Deno.errors.ConnectionRefused);
});

Deno.test("Listener.reloadCertificates() serves the new one while live connections go on", async () => {
  await using certificates = await TestCertificates.create();
  const { caCerts } = certificates;
  const files = await certificates.write("a", ["old.example"]);
  const listener = await start({ tls: { certificates: [files] } });
  const { port } = listener;
  using live = await Client.tls(listener, { hostname: "old.example", caCerts });
  await live.get("/before");
  assert.deepEqual(await listener.reloadCertificates(), { kind: "unchanged" });

  await certificates.write("a", ["new.example"]);
  assert.equal((await listener.reloadCertificates()).kind, "reloaded");
  assert.deepEqual(listener.certificates.map((one) => one.names), [["new.example"]]);
  await live.get("/after");
  using fresh = await Client.tls(listener, { hostname: "new.example", caCerts });
  await fresh.get("/");
  await assert.rejects(Client.tls(listener, { hostname: "old.example", caCerts }));
  assert.equal(listener.port, port);

  await Deno.writeTextFile(files.keyFile, "junk");
  const failed = await listener.reloadCertificates();
  assert.ok(failed.kind === "failed" && failed.error.message.startsWith(`${files.keyFile}: cannot be used`));
  using kept = await Client.tls(listener, { hostname: "new.example", caCerts });
  await kept.get("/");
  for (const client of [live, fresh, kept]) client[Symbol.dispose]();
  await listener.drain({ graceMs: 5000 });
});

Deno.test("Listener.reloadCertificates() loses no connection while clients keep coming", async () => {
  await using certificates = await TestCertificates.create();
  const { caCerts } = certificates;
  const listener = await start({
    tls: { certificates: [await certificates.write("a", ["a.example"])] },
  });
  let isReloading = true;
  let served = 0;
  const clients = Array.from({ length: 8 }, async () => {
    while (isReloading) {
      using client = await Client.tls(listener, { hostname: "a.example", caCerts });
      await client.get("/");
      served++;
    }
  });
  for (let i = 0; i < 2; i++) {
    await certificates.write("a", ["a.example"]);
    assert.equal((await listener.reloadCertificates()).kind, "reloaded");
  }
  isReloading = false;
  await Promise.all(clients);
  assert.ok(served > 0);
  await listener.drain({ graceMs: 5000 });
});

Deno.test("Listener.drain() lets open exchanges finish and closes the rest", async () => {
  const pages = new Pages();
  const listener = await start({}, pages);
  using idle = await Client.plain(listener);
  await idle.get("/");
  using silent = await Client.plain(listener);
  using busy = await Client.plain(listener);
  await busy.send("GET /held HTTP/1.1\r\nhost: a.example\r\n\r\n");
  await busy.receive("/held");
  const drained = listener.drain({ graceMs: 10_000 });
  await Promise.all([idle.ended(), silent.ended()]);
  await assert.rejects(Client.plain(listener), Deno.errors.ConnectionRefused);
  await pages.release();
  await busy.receive("0\r\n\r\n");
  await busy.ended();
  assert.deepEqual(await drained, { forcedConnections: 0 });
  assert.equal(await listener.drain({ graceMs: 0 }), await drained);
});

Deno.test("Listener.drain() closes what outlives the grace", async () => {
  const listener = await start();
  using busy = await Client.plain(listener);
  await busy.send("GET /held HTTP/1.1\r\nhost: a.example\r\n\r\n");
  await busy.receive("/held");
  assert.deepEqual(await listener.drain({ graceMs: 20 }), { forcedConnections: 1 });
  await busy.ended();
  assert.deepEqual([listener.openConnections, listener.counters.forcedCloses], [0, 1]);
});
