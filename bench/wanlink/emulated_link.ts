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

const A_ADDRESS = "10.77.0.1";
const B_ADDRESS = "10.77.0.2";
const CONGESTION_CONTROL = "/proc/sys/net/ipv4/tcp_congestion_control";
const READY_TIMEOUT_MS = 5000;

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

export class EmulatedLink {
  readonly a: Place;
  readonly b: Place;
  /** Of the TCP connections at both ends. */
  readonly congestionControl: string;
  readonly #process: Child;

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
      args: [...args, "-4", "-d", String(delayMs), "-s", String(seed)],
      place: THIS_MACHINE,
      talk: "lines",
    });
    await waitForLine(process, '"ready"');
    const congestionControl = await runIn(a, "cat", [CONGESTION_CONTROL]);
    return new EmulatedLink({ a, b }, congestionControl.trim(), process);
  }

  /** Percent of packets that are lost from now on, in each direction. */
  async setLoss(percent: number): Promise<void> {
    await this.#process.send(`loss ${percent}`);
  }
}

async function compile(bench: Workbench): Promise<string> {
  const source = new URL("wanlink.c", import.meta.url).pathname;
  const program = join(bench.directory, "wanlink");
  await run("gcc", ["-O2", "-Wall", "-Wextra", "-pthread", "-o", program, source]);
  return program;
}

async function makeNamespace(
  bench: Workbench,
  end: string,
  address: string,
): Promise<Place & { namespace: string }> {
  const namespace = `lowu-bench-${Deno.pid}-${end}`;
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

/** wanlink says on standard error that it is ready. */
async function waitForLine(process: Child, text: string): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!process.logTail().includes(text)) {
    if (performance.now() > deadline) throw new Error(`${process.name} is not ready\n${process.logTail()}`);
    await Promise.race([process.ended(), new Promise((resolve) => setTimeout(resolve, 10))]);
  }
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
