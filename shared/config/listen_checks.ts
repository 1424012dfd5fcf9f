import { type Address, formatAddress, isWildcard } from "./address.ts";
import type { ProblemSink } from "./key_file_checks.ts";

/** Something that a node listens on. */
export interface ListenOption {
  /** The option's path. */
  readonly path: string;
  readonly protocol: "tcp" | "udp";
  /** Undefined if the option itself has a problem. */
  readonly address: Address | undefined;
}

/** Reports each address that an earlier one takes away. */
export function checkListenAddresses(options: readonly ListenOption[], sink: ProblemSink): void {
  options.forEach((later, index) => {
    const earlier = options.slice(0, index).find((other) => clash(other, later));
    if (earlier === undefined || earlier.address === undefined) return;
    const first = `${earlier.path} in line ${sink.lineOf(earlier.path)}`;
    sink.report(
      later.path,
      `clashes with ${first}, which listens on ${later.protocol} port ${earlier.address.port}`,
      {
        found: later.address === undefined ? null : formatAddress(later.address),
        allowed: "another port, or another address of this machine",
      },
    );
  });
}

function clash(left: ListenOption, right: ListenOption): boolean {
  if (left.address === undefined || right.address === undefined || left.protocol !== right.protocol) {
    return false;
  }
  if (left.address.port !== right.address.port || left.address.port === 0) return false;
  const [one, other] = [left.address.hostname, right.address.hostname];
  return one === other || isWildcard(one) || isWildcard(other);
}
