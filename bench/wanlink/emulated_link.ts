/**
 * A wide-area link between two network namespaces of this machine: `wanlink.c` holds each packet for the one-way
 * delay and drops some at random. The kernel's own emulator is not in every kernel; this needs only TUN devices.
 */
import { join } from "node:path";
import type { Child } from "../harness/child_process.ts";
import { commandVersion } from "../harness/command_version.ts";
import { type Place, THIS_MACHINE } from "../harness/place.ts";
import type { Workbench } from "../harness/workbench.ts";

export interface LinkOptions {
  readonly delayMs: number;
  /** Repeats the same losses. */
  readonly seed: number;
}

/** Losses in bursts (Gilbert): each direction is good or bad, and may change with each packet. */
export interface BurstLoss {
  /** Percent chance to turn bad. */
  readonly badPercent: number;
  /** Percent chance to turn good again: 100 over it packets are the mean length of a burst. */
  readonly goodPercent: number;
  readonly lossWhileBadPercent: number;
}

/** What one direction of the link has done with packets since it was opened. */
export interface LinkCounters {
  /** Came in. */
  readonly received: number;
  readonly receivedBytes: number;
  /** Went out at the other end. */
  readonly sent: number;
  readonly sentBytes: number;
  /** By chance, in bursts or not. */
  readonly lost: number;
  /** Within a blackout. */
  readonly blackedOut: number;
  readonly droppedUdp: number;
  /** Of flows that were cut. */
  readonly cut: number;
  /** How much later than due packets went out: what the emulation itself adds. */
  readonly meanLateUs: number;
  readonly maxLateUs: number;
}

export interface LinkStats {
  readonly aToB: LinkCounters;
  readonly bToA: LinkCounters;
}

/** A flow that was cut, as `udp 10.77.0.1:40000 10.77.0.2:7443`, end A first. */
export interface CutFlow {
  readonly flow: string;
  /** What it carried within the second before, both ways, IP headers included. */
  readonly bytes: number;
}

const A_ADDRESS = "10.77.0.1";
const B_ADDRESS = "10.77.0.2";
/** The same ends over IPv6, where the kernel has it. */
export const IPV6_ADDRESSES = { a: "fd77::1", b: "fd77::2" } as const;
const CONGESTION_CONTROL = "/proc/sys/net/ipv4/tcp_congestion_control";
const ANSWER_TIMEOUT_MS = 5000;

/** Why no link can be emulated here; null if it can. */
export async function whyNoLink(): Promise<string | null> {
  if (Deno.build.os !== "linux") return "an emulated link needs Linux";
  if (Deno.uid() !== 0) return "an emulated link needs root (network namespaces and TUN devices)";
  if (await commandVersion("gcc", ["--version"], /(\S+)\n/) === null) return "gcc is not installed";
  if (await commandVersion("ip", ["-V"], /(\S+)\n/) === null) return "ip (iproute2) is not installed";
  try {
    await Deno.stat("/dev/net/tun");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return "/dev/net/tun is missing";
  }
  return null;
}

/** Every setting holds for both directions and is in force when its promise resolves. */
export class EmulatedLink {
  readonly a: Place;
  readonly b: Place;
  /** Of the TCP connections at both ends. */
  readonly congestionControl: string;
  readonly #process: Child;
  /** Answers come in the order of the commands. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(ends: { a: Place; b: Place }, congestionControl: string, process: Child) {
    this.a = ends.a;
    this.b = ends.b;
    this.congestionControl = congestionControl;
    this.#process = process;
  }

  /** Makes two namespaces and the link between them; all of it ends with the workbench. */
  static async open(bench: Workbench, { delayMs, seed }: LinkOptions): Promise<EmulatedLink> {
    const program = await compile(bench);
    const a = await makeNamespace(bench, "a", A_ADDRESS);
    const b = await makeNamespace(bench, "b", B_ADDRESS);
    const args = ["-A", a.namespace, "-B", b.namespace, "-a", A_ADDRESS, "-b", B_ADDRESS];
    const process = bench.start({
      name: "wanlink",
      command: program,
      args: [...args, "-d", String(delayMs), "-s", String(seed)],
      place: THIS_MACHINE,
      talk: "lines",
    });
    await process.nextLine(ANSWER_TIMEOUT_MS);
    const congestionControl = await runIn(a, "cat", [CONGESTION_CONTROL]);
    return new EmulatedLink({ a, b }, congestionControl.trim(), process);
  }

  /** Percent of packets that are lost, each by its own chance; beside losses in bursts. */
  async setLoss(percent: number): Promise<void> {
    await this.#command(`loss ${percent}`);
  }

  /** @param burst null: off */
  async setBurstLoss(burst: BurstLoss | null): Promise<void> {
    if (burst === null) return void await this.#command("burst off");
    const { badPercent, goodPercent, lossWhileBadPercent } = burst;
    await this.#command(`burst ${badPercent},${goodPercent},${lossWhileBadPercent}`);
  }

  /**
   * Lets the delay vary by up to `ms` both ways; 0: not at all. With `reorder` each packet has a delay of its own, else
   * the delay sways as that of a queue does, at most half as fast as time goes.
   */
  async setJitter(ms: number, { reorder }: { reorder: boolean }): Promise<void> {
    await this.#command(`order ${reorder ? "free" : "keep"}`);
    await this.#command(`jitter ${ms}`);
  }

  /** Whether every packet of UDP is dropped, over IPv4 and IPv6. */
  async dropUdp(isDropped: boolean): Promise<void> {
    await this.#command(`udp ${isDropped ? "drop" : "pass"}`);
  }

  /** Drops everything for that long from now on; resolves when it has begun. */
  async blackout(ms: number): Promise<void> {
    await this.#command(`blink ${ms}`);
  }

  /** From now on A's UDP ports from 20000 on are others for B, as when a NAT forgets its bindings. */
  async rebind(): Promise<void> {
    await this.#command("rebind");
  }

  /**
   * Cuts, for good, the one TCP connection or UDP flow that carried the most bytes within the last second: its packets
   * vanish, or `isReset`: whoever sends over its TCP connection is answered with a RST.
   * @returns null if there was no flow
   */
  async cutBusiest({ isReset }: { isReset: boolean }): Promise<CutFlow | null> {
    const { flow, bytes } = await this.#command(isReset ? "reset busiest" : "kill busiest");
    return typeof flow === "string" && flow !== "" ? { flow, bytes: Number(bytes) } : null;
  }

  async stats(): Promise<LinkStats> {
    const { a2b, b2a } = await this.#command("stats");
    return { aToB: countersOf(a2b), bToA: countersOf(b2a) };
  }

  #command(line: string): Promise<Record<string, unknown>> {
    const ask = async (): Promise<Record<string, unknown>> => {
      await this.#process.send(line);
      const answer: Record<string, unknown> = JSON.parse(await this.#process.nextLine(ANSWER_TIMEOUT_MS));
      if ("error" in answer) throw new TypeError(`wanlink does not know: ${line}`);
      return answer;
    };
    const answer = this.#last.then(ask);
    // Whoever gave the command gets its failure; the next one is tried all the same.
    this.#last = answer.catch(() => {});
    return answer;
  }
}

function countersOf(counters: unknown): LinkCounters {
  const of = (name: string): number => {
    const value = (counters as Record<string, unknown> | undefined)?.[name];
    if (typeof value !== "number") throw new TypeError(`wanlink does not tell ${name}`);
    return value;
  };
  return {
    received: of("rx"),
    receivedBytes: of("rx_bytes"),
    sent: of("tx"),
    sentBytes: of("tx_bytes"),
    lost: of("lost"),
    blackedOut: of("down"),
    droppedUdp: of("udp_dropped"),
    cut: of("killed"),
    meanLateUs: of("late_avg_us"),
    maxLateUs: of("late_max_us"),
  };
}

async function compile(bench: Workbench): Promise<string> {
  const directory = new URL("./", import.meta.url).pathname;
  const sources = Array.from(Deno.readDirSync(directory), ({ name }) => name)
    .filter((name) => name.endsWith(".c")).map((name) => join(directory, name));
  const program = join(bench.directory, "wanlink");
  await run("gcc", ["-O2", "-Wall", "-Wextra", "-pthread", "-o", program, ...sources]);
  return program;
}

async function makeNamespace(
  bench: Workbench,
  end: string,
  address: string,
): Promise<Place & { namespace: string }> {
  // Tests of one process open links side by side.
  const namespace = `lowu-bench-${crypto.randomUUID().slice(0, 8)}-${end}`;
  await run("ip", ["netns", "add", namespace]);
  bench.onEnd(async () => void await run("ip", ["netns", "del", namespace]));
  const place = { namespace, address };
  await preferBbr(place);
  return place;
}

/** All relays get what the kernel has: BBR, if it is there. */
async function preferBbr(place: Place): Promise<void> {
  const available = await runIn(place, "cat", ["/proc/sys/net/ipv4/tcp_available_congestion_control"]);
  if (!available.split(/\s/).includes("bbr")) return;
  await runIn(place, "sh", ["-c", `echo bbr > ${CONGESTION_CONTROL}`]);
}

function runIn(place: Place, command: string, args: readonly string[]): Promise<string> {
  return run("ip", ["netns", "exec", place.namespace ?? "", command, ...args]);
}

/** @returns what it prints @throws {Error} if it fails */
async function run(command: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args], stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${decoder.decode(stderr).trim()}`);
  return decoder.decode(stdout);
}
