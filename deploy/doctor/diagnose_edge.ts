/** Facts in, findings out: all judgement of the doctor, without any I/O. */
import { parseAddress } from "../../shared/config/address.ts";
import { diagnoseConnection } from "./diagnose_connection.ts";
import { diagnoseListener, diagnoseMachine } from "./diagnose_machine.ts";
import { diagnosePath } from "./diagnose_path.ts";
import type { AddressFacts, CoreFacts, EdgeFacts } from "./facts.ts";
import { about, type Finding, type Verdict } from "./finding.ts";
import { diagnoseFallBack, recommend, type Recommendation } from "./recommend.ts";

export interface Diagnosis {
  /** The worst of all findings. */
  readonly verdict: Verdict;
  /** Those with the same subject stand together. */
  readonly findings: readonly Finding[];
  /** One for each core. */
  readonly recommendations: readonly Recommendation[];
}

export function diagnoseEdge(facts: EdgeFacts): Diagnosis {
  const findings = [
    ...about("machine", diagnoseMachine(facts)),
    ...about("reverse", facts.listeners.map(diagnoseListener)),
    ...facts.cores.flatMap((core) => diagnoseCore(core, facts)),
  ];
  return {
    verdict: worstOf(findings),
    findings,
    recommendations: facts.cores.map((core) => recommend(core, facts.redundancyMode)),
  };
}

function diagnoseCore(core: CoreFacts, facts: EdgeFacts): Finding[] {
  const ofAddresses = core.addresses.flatMap((address) =>
    about(`core ${core.name}: ${address.transport} ${address.address}`, [
      ...diagnoseConnection(address, {
        edge: facts.edge,
        edgeKeyFile: facts.edgeKeyFile,
        serverName: core.serverName,
        now: facts.startedAt,
        isHostUp: isHostUp(address, core),
      }),
      ...address.path === null ? [] : diagnosePath(address.path, {
        redundancyMode: facts.redundancyMode,
        interfaces: facts.machine.interfaces,
      }),
    ])
  );
  return [...ofAddresses, ...about(`core ${core.name}`, [diagnoseFallBack(core)])];
}

/** A refused connection is an answer as well. */
function isHostUp({ address }: AddressFacts, { addresses }: CoreFacts): boolean {
  return addresses.some((other) =>
    hostOf(other.address) === hostOf(address) &&
    other.reach.some(({ protocol, kind }) =>
      protocol === "tcp" && (kind === "answered" || kind === "refused")
    )
  );
}

function hostOf(address: string): string {
  const parsed = parseAddress(address, { minPort: 0 });
  return "wrong" in parsed ? address : parsed.hostname;
}

function worstOf(findings: readonly Finding[]): Verdict {
  if (findings.some(({ verdict }) => verdict === "bad")) return "bad";
  return findings.some(({ verdict }) => verdict === "warn") ? "warn" : "ok";
}
