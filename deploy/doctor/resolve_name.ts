import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Clock } from "../../shared/clock/clock.ts";
import type { NameFacts } from "./facts.ts";

const TIMEOUT_MS = 3_000;

/** Looks a host name up as the tunnel does. Never rejects for what the network does. */
export async function resolveName(hostname: string, clock: Clock): Promise<NameFacts> {
  if (isIP(hostname) !== 0) return { kind: "literal" };
  const startedAt = clock.now();
  const timedOut = Promise.withResolvers<NameFacts>();
  const stopTimer = clock.after(
    TIMEOUT_MS,
    () => timedOut.resolve({ kind: "failed", reason: `no answer in ${TIMEOUT_MS / 1000} s` }),
  );
  const looking = lookup(hostname, { all: true }).then(
    (found): NameFacts => ({
      kind: "resolved",
      ms: clock.now() - startedAt,
      ips: found.map(({ address }) => address),
    }),
    (error): NameFacts => ({ kind: "failed", reason: reasonOf(error) }),
  );
  const facts = await Promise.race([looking, timedOut.promise]);
  stopTimer();
  return facts;
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "ENOTFOUND" || code === "ENODATA") return "there is no such name";
  if (code === "EAI_AGAIN" || code === "ETIMEOUT") return "the name server does not answer";
  return error instanceof Error ? error.message : String(error);
}
