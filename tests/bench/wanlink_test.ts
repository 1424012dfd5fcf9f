/** The emulated link with real packets between its two namespaces. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Child } from "../../bench/harness/child_process.ts";
import type { Place } from "../../bench/harness/place.ts";
import { Workbench } from "../../bench/harness/workbench.ts";
import { EmulatedLink, IPV6_ADDRESSES, whyNoLink } from "../../bench/wanlink/emulated_link.ts";
import { until } from "../e2e/support/until.ts";
import type { EndAnswer, EndCommand, ReceivedDatagram } from "./support/link_end.ts";

const MUST_HAVE_LINK = Deno.env.get("LOWU_REQUIRE_SERVERS") === "1";
const ANSWER_TIMEOUT_MS = 20_000;
const DELAY_MS = 5;

const why = await whyNoLink();
const hasIpv6 = await Deno.stat("/proc/net/if_inet6").then(() => true, () => false);

interface Datagrams {
  readonly count: number;
  /** @default "one" */
  readonly flow?: string;
  /** @default 0 */
  readonly spacingMs?: number;
  /** @default 100 */
  readonly bytes?: number;
  /** @default end B */
  readonly to?: string;
}

/** An open link with a process at each end. */
class LinkTest {
  readonly link: EmulatedLink;
  readonly #a: Child;
  readonly #b: Child;

  private constructor(link: EmulatedLink, { a, b }: { a: Child; b: Child }) {
    this.link = link;
    this.#a = a;
    this.#b = b;
  }

  static async open(bench: Workbench): Promise<LinkTest> {
    const link = await EmulatedLink.open(bench, { delayMs: DELAY_MS, seed: 7 });
    const script = fileURLToPath(new URL("support/link_end.ts", import.meta.url));
    const start = async (place: Place, ipv6: string): Promise<Child> => {
      const args = ["run", "--frozen", "--no-check", "--allow-net", script, ...(hasIpv6 ? [ipv6] : [])];
      const child = bench.start({ name: "end", command: Deno.execPath(), args, place, talk: "lines" });
      await child.nextLine(ANSWER_TIMEOUT_MS);
      return child;
    };
    const ends = { a: await start(link.a, IPV6_ADDRESSES.a), b: await start(link.b, IPV6_ADDRESSES.b) };
    return new LinkTest(link, ends);
  }

  fromA(command: EndCommand): Promise<EndAnswer> {
    return tell(this.#a, command);
  }

  /** Sends datagrams to B and tells those that came once the link has let go of the last one. */
  async sendToB(
    { count, flow = "one", spacingMs = 0, bytes = 100, to = this.link.b.address }: Datagrams,
  ): Promise<readonly ReceivedDatagram[]> {
    await this.#received();
    const before = await this.#settled();
    await this.fromA({ kind: "send", flow, to, count, spacingMs, bytes });
    await until(
      "all datagrams are on the link",
      async () => (await this.link.stats()).aToB.received - before >= count || null,
    );
    await this.#settled();
    return await this.#received();
  }

  /** @returns how many packets have come in from A once none is on its way */
  #settled(): Promise<number> {
    return until("nothing is on the link", async () => {
      const { received, sent, lost, blackedOut, droppedUdp, cut } = (await this.link.stats()).aToB;
      return sent + lost + blackedOut + droppedUdp + cut >= received ? received : null;
    });
  }

  async #received(): Promise<readonly ReceivedDatagram[]> {
    const { received } = await tell(this.#b, { kind: "received" });
    assert.ok(received !== undefined);
    return received;
  }
}

async function tell(end: Child, command: EndCommand): Promise<EndAnswer> {
  await end.send(JSON.stringify(command));
  return JSON.parse(await end.nextLine(ANSWER_TIMEOUT_MS));
}

/** How many times a datagram came later than one that was sent after it. */
function overtaken(datagrams: readonly ReceivedDatagram[]): number {
  return datagrams.filter(({ number }, at) => number < (datagrams[at - 1]?.number ?? 0)).length;
}

function testLink(name: string, test: (on: LinkTest) => Promise<void>): void {
  Deno.test({
    name: why === null ? name : `${name} (skipped: ${why})`,
    ignore: why !== null && !MUST_HAVE_LINK,
    async fn() {
      await using bench = new Workbench();
      await test(await LinkTest.open(bench));
    },
  });
}

testLink("EmulatedLink holds every packet for its delay and loses none unasked", async (on) => {
  const datagrams = await on.sendToB({ count: 200 });
  assert.equal(datagrams.length, 200);
  assert.equal(overtaken(datagrams), 0);
  assert.ok(Math.min(...datagrams.map(({ delayMs }) => delayMs)) >= DELAY_MS - 0.5);
});

testLink("EmulatedLink.setLoss() and setBurstLoss() lose the share that was asked for", async (on) => {
  // In small lots, so that none is lost in a socket's buffer on a busy machine.
  const LOTS = 20;
  const LOT = 200;
  const measure = async () => {
    let received = 0;
    const bursts: number[] = [];
    for (let lot = 0; lot < LOTS; lot++) {
      const datagrams = await on.sendToB({ count: LOT });
      received += datagrams.length;
      const gaps = datagrams.map(({ number }, at) => number - (datagrams[at - 1]?.number ?? -1) - 1);
      bursts.push(...gaps.filter((gap) => gap > 0));
    }
    return {
      share: received / (LOTS * LOT),
      meanBurst: bursts.reduce((sum, gap) => sum + gap, 0) / bursts.length,
    };
  };
  await on.link.setLoss(5);
  const single = await measure();
  assert.ok(Math.abs(single.share - 0.95) < 0.02, `${single.share} came`);
  assert.ok(single.meanBurst < 1.3);

  await on.link.setLoss(0);
  await on.link.setBurstLoss({ badPercent: 1, goodPercent: 20, lossWhileBadPercent: 100 });
  const bursts = await measure();
  assert.ok(Math.abs(bursts.share - 0.952) < 0.03, `${bursts.share} came`);
  assert.ok(bursts.meanBurst > 3);

  await on.link.setBurstLoss(null);
  assert.equal((await on.sendToB({ count: 500 })).length, 500);
});

testLink("EmulatedLink.setJitter() lets packets overtake only where it may", async (on) => {
  const spread = (datagrams: readonly ReceivedDatagram[]): number => {
    const delays = datagrams.map(({ delayMs }) => delayMs);
    return Math.max(...delays) - Math.min(...delays);
  };
  await on.link.setJitter(4, { reorder: true });
  const free = await on.sendToB({ count: 200, spacingMs: 1 });
  assert.equal(free.length, 200);
  assert.ok(overtaken(free) > 20);

  await on.link.setJitter(4, { reorder: false });
  const kept = await on.sendToB({ count: 200, spacingMs: 1 });
  assert.equal(kept.length, 200);
  assert.equal(overtaken(kept), 0);
  assert.ok(spread(kept) > 3, `delays differ by ${spread(kept)} ms`);
});

testLink("EmulatedLink.dropUdp() drops datagrams over IPv4 and IPv6, and lets TCP pass", async (on) => {
  const addresses = [on.link.b.address, ...(hasIpv6 ? [IPV6_ADDRESSES.b] : [])];
  await on.link.dropUdp(true);
  await on.fromA({ kind: "connect", flow: "tcp", to: on.link.b.address });
  for (const to of addresses) {
    assert.equal((await on.sendToB({ count: 10, to, flow: to })).length, 0);
  }
  assert.deepEqual(await on.fromA({ kind: "echo", flow: "tcp", bytes: 10_000 }), {});
  assert.equal((await on.link.stats()).aToB.droppedUdp, 10 * addresses.length);
  await on.link.dropUdp(false);
  for (const to of addresses) {
    assert.equal((await on.sendToB({ count: 10, to, flow: to })).length, 10);
  }
});

testLink("EmulatedLink.blackout() drops everything, then lets everything pass again", async (on) => {
  await on.fromA({ kind: "connect", flow: "tcp", to: on.link.b.address });
  await on.link.blackout(1000);
  assert.equal((await on.sendToB({ count: 20 })).length, 0);
  assert.ok((await on.link.stats()).aToB.blackedOut >= 20);
  assert.deepEqual(await on.fromA({ kind: "echo", flow: "tcp", bytes: 1000 }), {});
  assert.equal((await on.sendToB({ count: 20 })).length, 20);
});

testLink("EmulatedLink.rebind() shows B another port of the same flow", async (on) => {
  const before = await on.sendToB({ count: 3 });
  await on.link.rebind();
  const after = await on.sendToB({ count: 3 });
  assert.equal(after.length, 3);
  assert.notEqual(after[0]?.fromPort, before[0]?.fromPort);
});

testLink("EmulatedLink.cutBusiest() cuts the flow with the most bytes and no other", async (on) => {
  assert.equal(await on.link.cutBusiest({ isReset: false }), null);
  await on.sendToB({ count: 50, flow: "quiet" });
  const [busy] = await on.sendToB({ count: 50, flow: "busy", bytes: 1000 });
  const cut = await on.link.cutBusiest({ isReset: false });
  assert.equal(cut?.flow, `udp ${on.link.a.address}:${busy?.fromPort} ${on.link.b.address}:9000`);
  assert.equal(cut.bytes, 50 * 1028);
  assert.equal((await on.sendToB({ count: 10, flow: "busy" })).length, 0);
  assert.equal((await on.sendToB({ count: 10, flow: "quiet" })).length, 10);
});

testLink("EmulatedLink.cutBusiest() resets a TCP connection at the next packet", async (on) => {
  for (const flow of ["quiet", "busy"]) await on.fromA({ kind: "connect", flow, to: on.link.b.address });
  assert.deepEqual(await on.fromA({ kind: "echo", flow: "quiet", bytes: 100 }), {});
  assert.deepEqual(await on.fromA({ kind: "echo", flow: "busy", bytes: 100_000 }), {});
  const cut = await on.link.cutBusiest({ isReset: true });
  assert.match(cut?.flow ?? "", /^tcp /);
  assert.deepEqual(await on.fromA({ kind: "echo", flow: "busy", bytes: 100 }), { error: "ConnectionReset" });
  assert.deepEqual(await on.fromA({ kind: "echo", flow: "quiet", bytes: 100 }), {});
});
