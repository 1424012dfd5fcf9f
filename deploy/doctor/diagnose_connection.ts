/** What is to be said about getting a lane to an address: name, port, certificate, handshake. Pure. */
import { parseAddress } from "../../shared/config/address.ts";
import { durationText, msText } from "./amount_text.ts";
import type { AddressFacts, CertificateFacts, LaneFacts, ReachFacts } from "./facts.ts";
import { bad, type Check, type Judgement, ok, warn } from "./finding.ts";
import { shellQuote } from "../shell_quote.ts";

const DAY_MS = 86_400_000;
const EXPIRES_SOON_MS = 21 * DAY_MS;
/** How the TLS library and the WebSocket's opening say that the peer wants something else. */
const OTHER_PROGRAM =
  /application ?protocol|known protocol|corrupt message|the peer (?:speaks|upgrades)|answers the upgrade|status line/i;

/** What else is known that helps to understand one address. */
export interface ConnectionContext {
  readonly edge: string;
  readonly edgeKeyFile: string;
  /** Of the core. */
  readonly serverName: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The machine behind the address answered over TCP, on whichever port. */
  readonly isHostUp: boolean;
}

export function diagnoseConnection(facts: AddressFacts, context: ConnectionContext): Judgement[] {
  const isReached = facts.reach.some(({ kind }) => kind === "answered") || hasConnected(facts.lane);
  return [
    diagnoseName(facts),
    diagnoseReach(facts, context),
    isReached ? diagnoseCertificate(facts, context) : null,
    isReached ? diagnoseHandshake(facts.lane, context) : null,
  ].filter((judgement) => judgement !== null);
}

/** The transport's own handshake came to its end. */
export function hasConnected(lane: LaneFacts): boolean {
  return lane.kind === "accepted" || lane.kind === "rejected";
}

function diagnoseName({ name, address }: AddressFacts): Judgement | null {
  switch (name.kind) {
    case "literal":
      return null;
    case "resolved":
      return ok("name", `${name.ips.join(", ")}, found in ${msText(name.ms)}`);
    case "failed":
      return bad(
        "name",
        `${address} has no address: ${name.reason}`,
        "Put tunnel.cores[].addresses right, or this machine's name servers (/etc/resolv.conf).",
      );
  }
}

function diagnoseReach({ address, transport, reach, lane }: AddressFacts, { isHostUp }: ConnectionContext) {
  const check: Check = transport === "quic" ? "udp" : "tcp";
  const port = portOf(address);
  const [first] = reach;
  if (first === undefined) return null;
  const answered = reach.filter((one) => one.kind === "answered");
  const [fastest] = answered.toSorted((a, b) => a.ms - b.ms);
  if (fastest === undefined && hasConnected(lane)) {
    return ok(check, `port ${port} takes connections, but answers no probe`);
  }
  if (fastest === undefined) return diagnoseSilence(check, { port, first, isHostUp });
  const text = `port ${port} answers in ${msText(fastest.ms)}`;
  if (answered.length === reach.length) return ok(check, text);
  const failed = reach.filter(({ kind }) => kind !== "answered").map(({ ip }) => ip);
  return warn(
    check,
    `${text}, but not at ${failed.join(", ")}`,
    "Take the addresses that do not answer out of the name, or open the port there.",
  );
}

function diagnoseSilence(
  check: Check,
  { port, first, isHostUp }: { port: number; first: ReachFacts; isHostUp: boolean },
): Judgement {
  const protocol = check === "udp" ? "UDP" : "TCP";
  if (first.kind === "refused") {
    return bad(
      check,
      `port ${port} refuses connections: the machine is up, and nothing listens there`,
      "Start the core, or put the port right here or in tunnel.listeners of the core.",
    );
  }
  if (first.kind === "unreachable") {
    return bad(check, `cannot be reached: ${first.reason}`, "Look at this machine's routes and firewall.");
  }
  if (check === "udp" && isHostUp) {
    return bad(
      check,
      `no answer from UDP port ${port}, though the machine answers over TCP`,
      `Does a QUIC listener run there? If so, UDP is blocked: open port ${port} for UDP in every firewall` +
        " and security group. Until then the edge needs an address with transport tls.",
    );
  }
  if (isHostUp) {
    return bad(
      check,
      `no answer from TCP port ${port}, though the machine answers on another`,
      `Something drops the packets: open port ${port} for TCP in every firewall and security group.`,
    );
  }
  return bad(
    check,
    `no answer from ${protocol} port ${port}`,
    `Does the core run? If so, something drops the packets: open port ${port} for ${protocol} in every firewall.`,
  );
}

function diagnoseCertificate(
  { certificate, lane }: AddressFacts,
  context: ConnectionContext,
): Judgement | null {
  if (lane.kind === "not_connected" && lane.failure === "certificate") {
    return diagnoseRefusedCertificate(lane.reason, certificate, context);
  }
  if (!hasConnected(lane)) return null;
  if (certificate === null) {
    return ok("certificate", `good for ${context.serverName}; QUIC does not show until when`);
  }
  const leftMs = certificate.validTo - context.now;
  const text = `good for ${context.serverName}, until ${dayOf(certificate.validTo)}`;
  if (leftMs > EXPIRES_SOON_MS) return ok("certificate", text);
  return warn(
    "certificate",
    `${text}: ${durationText(Math.max(0, leftMs))} left`,
    "Give the core a new certificate and send it SIGHUP.",
  );
}

/** The TLS library's text tells what it did not like. */
function diagnoseRefusedCertificate(
  reason: string,
  certificate: CertificateFacts | null,
  { serverName }: ConnectionContext,
): Judgement {
  if (/unknown ?issuer|unknown ?ca|bad ?signature/i.test(reason)) {
    return bad(
      "certificate",
      "signed by an authority that this edge does not trust",
      "Put the authority of the core's certificate into tunnel.ca_file.",
    );
  }
  if (/not valid for name|notvalidforname/i.test(reason)) {
    const names = certificate === null ? namesIn(reason) : certificate.names.join(", ");
    return bad(
      "certificate",
      `not for ${serverName}${names === "" ? "" : `; it bears ${names}`}`,
      "Put server_name right, or give the core a certificate with that name.",
    );
  }
  if (/expired/i.test(reason)) {
    const when = certificate === null ? "" : ` on ${dayOf(certificate.validTo)}`;
    return bad(
      "certificate",
      `expired${when}`,
      "Give the core a new certificate and send it SIGHUP; look at this machine's clock, too.",
    );
  }
  if (/not ?valid ?yet/i.test(reason)) {
    const when = certificate === null ? "" : ` before ${dayOf(certificate.validFrom)}`;
    return bad("certificate", `not valid${when === "" ? " yet" : when}`, "Is this machine's clock right?");
  }
  return bad("certificate", `refused: ${reason}`, "Give the core a certificate that this edge can verify.");
}

function diagnoseHandshake(lane: LaneFacts, context: ConnectionContext): Judgement | null {
  if (lane.kind === "accepted") {
    return ok(
      "handshake",
      `accepted: ${msText(lane.connectMs)} to connect, ${msText(lane.handshakeMs)} to prove the edge's key`,
    );
  }
  if (lane.kind === "rejected") return diagnoseRejection(lane.reason, context);
  if (lane.kind === "not_tried" || lane.failure === "certificate") return null;
  if (OTHER_PROGRAM.test(lane.reason)) {
    return bad(
      "handshake",
      `something listens there that does not speak Lowu's protocol (${lane.reason})`,
      "Put the port or the transport right: another program has this one, or the core has another transport on it.",
    );
  }
  if (lane.failure === "timeout") {
    return bad(
      "handshake",
      "the port answers, but the connection is never finished",
      "A filter on the way may know the protocol or drop large packets: try another transport or port.",
    );
  }
  return bad(
    "handshake",
    `the connection failed: ${lane.reason}`,
    "Look at the core's log; does the core listen there with this transport?",
  );
}

type RejectionReason = Extract<LaneFacts, { kind: "rejected" }>["reason"];

function diagnoseRejection(reason: RejectionReason, { edge, edgeKeyFile, serverName }: ConnectionContext) {
  switch (reason) {
    case "refused":
      return bad(
        "handshake",
        "the core turns this edge away, and tells no stranger why",
        `Its log does (lane_refused): an unknown name, another or expired key, or a certificate without ${serverName}.` +
          ` tunnel.edges there needs name ${edge} with the public key that this prints:` +
          ` openssl pkey -in ${shellQuote(edgeKeyFile)} -pubout`,
      );
    case "version":
      return bad(
        "handshake",
        "core and edge have no version of the tunnel in common",
        "Update the older one.",
      );
    case "unavailable":
      return bad(
        "handshake",
        "the core knows this edge and takes no session now: it drains, or has too many",
        "Try again once the core has restarted.",
      );
    case "protocol":
      return bad(
        "handshake",
        "what answers breaks the rules of Lowu's handshake",
        "Is it a core, and not another program behind the same certificate?",
      );
    case "timeout":
    case "left":
    case "stopped":
      return bad(
        "handshake",
        reason === "left" ? "the connection was closed in the handshake" : "the handshake got no answer",
        "Look at the core's log: it may be overloaded, or another program may listen there.",
      );
  }
}

function portOf(address: string): number {
  const parsed = parseAddress(address, { minPort: 0 });
  return "wrong" in parsed ? 0 : parsed.port;
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function namesIn(reason: string): string {
  return Array.from(reason.matchAll(/(?:DnsName|IpAddress)\("?([^")]+)"?\)/g), ([, name]) => name).join(", ");
}
