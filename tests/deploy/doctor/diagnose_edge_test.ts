import assert from "node:assert/strict";
import { diagnoseEdge } from "../../../deploy/doctor/diagnose_edge.ts";
import type { AddressFacts, EdgeFacts, LaneFacts, ListenerFacts } from "../../../deploy/doctor/facts.ts";
import type { Check, Verdict } from "../../../deploy/doctor/finding.ts";
import {
  goodMachine,
  goodPath,
  NOW,
  quicAddress,
  reached,
  someCore,
  someEdge,
  tlsAddress,
} from "./some_facts.ts";

const DAY_MS = 86_400_000;

/** What is expected of one kind of finding. */
interface Row {
  readonly facts: EdgeFacts;
  readonly check: Check;
  readonly verdict: Verdict;
  readonly text: RegExp;
  readonly advice?: RegExp;
}

function edgeWith(...addresses: AddressFacts[]): EdgeFacts {
  return someEdge({ cores: [someCore(addresses)] });
}

function notConnected(
  failure: "certificate" | "timeout" | "unreachable",
  reason: string,
): Partial<AddressFacts> {
  return { lane: { kind: "not_connected", failure, reason }, path: null };
}

function rejected(reason: Extract<LaneFacts, { kind: "rejected" }>["reason"]): Partial<AddressFacts> {
  return { lane: { kind: "rejected", connectMs: 80, reason }, path: null };
}

const SILENT_UDP = {
  reach: [{ ip: "203.0.113.7", protocol: "udp", kind: "silent" }],
  ...notConnected("timeout", "no lane in time"),
} as const;

const SILENT_TCP = {
  reach: [{ ip: "203.0.113.7", protocol: "tcp", kind: "silent" }],
  ...notConnected("timeout", "no lane in time"),
} as const;

function listening(outcome: ListenerFacts["outcome"]): EdgeFacts {
  return someEdge({ listeners: [{ address: "0.0.0.0:7444", transport: "quic", outcome, reason: "why" }] });
}

const ROWS: readonly Row[] = [
  // The machine.
  { facts: someEdge(), check: "congestion", verdict: "ok", text: /bbr/ },
  {
    facts: someEdge({ machine: goodMachine({ congestionControl: "cubic" }) }),
    check: "congestion",
    verdict: "warn",
    text: /cubic/,
    advice: /: sysctl -w net\.ipv4\.tcp_congestion_control=bbr$/,
  },
  {
    facts: someEdge({
      machine: goodMachine({ congestionControl: "cubic", availableCongestionControls: ["cubic"] }),
    }),
    check: "congestion",
    verdict: "warn",
    text: /cubic/,
    advice: /modprobe tcp_bbr && sysctl/,
  },
  {
    facts: someEdge({
      machine: goodMachine({
        buffers: { rmemDefault: 212_992, rmemMax: 4_194_304, wmemDefault: 212_992, wmemMax: 4_194_304 },
      }),
    }),
    check: "buffers",
    verdict: "warn",
    text: /208 KiB to receive/,
    advice: /sysctl -w net\.core\.rmem_default=4194304 net\.core\.wmem_default=4194304/,
  },
  {
    facts: someEdge({ machine: goodMachine({ maxOpenFiles: 20_500 }) }),
    check: "open files",
    verdict: "warn",
    text: /20500 may be open, for 20000/,
    advice: /ulimit -n 21000/,
  },
  // Reverse listeners.
  { facts: listening("free"), check: "port", verdict: "ok", text: /UDP 0\.0\.0\.0:7444 \(quic\) can be/ },
  {
    facts: listening("in_use"),
    check: "port",
    verdict: "warn",
    text: /in use/,
    advice: /if this edge runs now/,
  },
  { facts: listening("not_local"), check: "port", verdict: "bad", text: /no such address/ },
  { facts: listening("denied"), check: "port", verdict: "bad", text: /by this user/, advice: /CAP_NET/ },
  { facts: listening("failed"), check: "port", verdict: "bad", text: /why/ },
  // Name.
  { facts: edgeWith(quicAddress()), check: "name", verdict: "ok", text: /203\.0\.113\.7, found in 12\.0 ms/ },
  {
    facts: edgeWith(
      quicAddress({
        name: { kind: "failed", reason: "there is no such name" },
        reach: [],
        lane: { kind: "not_tried" },
        path: null,
      }),
    ),
    check: "name",
    verdict: "bad",
    text: /core\.example\.com:7443 has no address: there is no such name/,
  },
  // Ports.
  { facts: edgeWith(quicAddress()), check: "udp", verdict: "ok", text: /port 7443 answers in 41\.0 ms/ },
  {
    facts: edgeWith(quicAddress(SILENT_UDP)),
    check: "udp",
    verdict: "bad",
    text: /no answer from UDP port 7443$/,
    advice: /Does the core run\?/,
  },
  {
    facts: edgeWith(quicAddress(SILENT_UDP), tlsAddress({ address: "core.example.com:443" })),
    check: "udp",
    verdict: "bad",
    text: /though the machine answers over TCP/,
    advice: /UDP is blocked.*transport tls/,
  },
  {
    facts: edgeWith(quicAddress({ reach: [{ ip: "203.0.113.7", protocol: "udp", kind: "silent" }] })),
    check: "udp",
    verdict: "ok",
    text: /takes connections, but answers no probe/,
  },
  {
    facts: edgeWith(
      tlsAddress({
        reach: [{ ip: "203.0.113.7", protocol: "tcp", kind: "refused" }],
        ...notConnected("unreachable", "Connection refused"),
      }),
    ),
    check: "tcp",
    verdict: "bad",
    text: /nothing listens there/,
    advice: /Start the core/,
  },
  {
    facts: edgeWith(
      tlsAddress({
        reach: [{ ip: "203.0.113.7", protocol: "tcp", kind: "unreachable", reason: "No route to host" }],
        ...notConnected("unreachable", "No route to host"),
      }),
    ),
    check: "tcp",
    verdict: "bad",
    text: /No route to host/,
    advice: /routes/,
  },
  {
    facts: edgeWith(
      tlsAddress({ reach: [reached("tcp"), { ip: "2001:db8::7", protocol: "tcp", kind: "silent" }] }),
    ),
    check: "tcp",
    verdict: "warn",
    text: /but not at 2001:db8::7/,
  },
  {
    facts: edgeWith(
      tlsAddress({ ...SILENT_TCP, address: "core.example.com:443" }),
      tlsAddress(),
    ),
    check: "tcp",
    verdict: "bad",
    text: /no answer from TCP port 443, though the machine answers on another/,
    advice: /security group/,
  },
  {
    facts: edgeWith(tlsAddress(SILENT_TCP)),
    check: "tcp",
    verdict: "bad",
    text: /no answer from TCP port 7443$/,
    advice: /Does the core run\?/,
  },
  // Certificates.
  {
    facts: edgeWith(tlsAddress()),
    check: "certificate",
    verdict: "ok",
    text: /good for core\.example\.com, until 2027-12-26/,
  },
  {
    facts: edgeWith(tlsAddress({ certificate: { names: [], validFrom: 0, validTo: NOW + 5 * DAY_MS } })),
    check: "certificate",
    verdict: "warn",
    text: /5 days left/,
    advice: /SIGHUP/,
  },
  {
    facts: edgeWith(tlsAddress(notConnected("certificate", "invalid peer certificate: UnknownIssuer"))),
    check: "certificate",
    verdict: "bad",
    text: /authority/,
    advice: /tunnel\.ca_file/,
  },
  {
    facts: edgeWith(
      quicAddress(
        notConnected(
          "certificate",
          'invalid peer certificate: certificate not valid for name "core.example.com"; certificate is only valid ' +
            'for DnsName("other.example") or IpAddress(127.0.0.1)',
        ),
      ),
    ),
    check: "certificate",
    verdict: "bad",
    text: /not for core\.example\.com; it bears other\.example, 127\.0\.0\.1$/,
    advice: /server_name/,
  },
  {
    facts: edgeWith(
      tlsAddress({
        ...notConnected("certificate", "invalid peer certificate: certificate expired: verification time 1"),
        certificate: { names: [], validFrom: 0, validTo: NOW - DAY_MS },
      }),
    ),
    check: "certificate",
    verdict: "bad",
    text: /expired on 2026-11-20/,
  },
  {
    facts: edgeWith(quicAddress(notConnected("certificate", "invalid peer certificate: NotValidYet"))),
    check: "certificate",
    verdict: "bad",
    text: /not valid yet/,
    advice: /clock/,
  },
  // Handshake.
  {
    facts: edgeWith(quicAddress()),
    check: "handshake",
    verdict: "ok",
    text: /82\.0 ms to connect, 83\.0 ms to prove/,
  },
  {
    facts: edgeWith(quicAddress(rejected("refused"))),
    check: "handshake",
    verdict: "bad",
    text: /turns this edge away/,
    advice: /name hk-1 .*openssl pkey -in \/etc\/lowu\/edge-identity-key\.pem -pubout$/,
  },
  { facts: edgeWith(quicAddress(rejected("version"))), check: "handshake", verdict: "bad", text: /version/ },
  {
    facts: edgeWith(quicAddress(rejected("unavailable"))),
    check: "handshake",
    verdict: "bad",
    text: /drains/,
  },
  { facts: edgeWith(quicAddress(rejected("protocol"))), check: "handshake", verdict: "bad", text: /rules/ },
  {
    facts: edgeWith(quicAddress(rejected("timeout"))),
    check: "handshake",
    verdict: "bad",
    text: /no answer/,
  },
  { facts: edgeWith(quicAddress(rejected("left"))), check: "handshake", verdict: "bad", text: /was closed/ },
  {
    facts: edgeWith(tlsAddress(notConnected("unreachable", "received fatal alert: NoApplicationProtocol"))),
    check: "handshake",
    verdict: "bad",
    text: /does not speak Lowu/,
    advice: /port or the transport/,
  },
  {
    facts: edgeWith(quicAddress(notConnected("timeout", "no lane in time"))),
    check: "handshake",
    verdict: "bad",
    text: /never finished/,
    advice: /filter/,
  },
  {
    facts: edgeWith(tlsAddress(notConnected("unreachable", "connection reset"))),
    check: "handshake",
    verdict: "bad",
    text: /connection reset/,
  },
  // Path.
  {
    facts: edgeWith(quicAddress()),
    check: "round trip",
    verdict: "ok",
    text: /p50 41\.2 ms, p99 43\.0 ms, jitter 0\.40 ms, 250 exchanges/,
  },
  {
    facts: edgeWith(
      quicAddress({ path: goodPath({ roundTrip: { ...goodPath().roundTrip, answered: 247 } }) }),
    ),
    check: "round trip",
    verdict: "warn",
    text: /3 of 250 exchanges were not answered/,
  },
  {
    facts: edgeWith(quicAddress({ path: goodPath({ cutBy: "the core drains" }) })),
    check: "round trip",
    verdict: "warn",
    text: /lost: the core drains/,
  },
  {
    facts: edgeWith(
      quicAddress({
        path: goodPath({
          roundTrip: {
            sent: 9,
            answered: 0,
            medianMs: null,
            p99Ms: null,
            maxMs: null,
            jitterMs: null,
            lateShare: null,
          },
        }),
      }),
    ),
    check: "round trip",
    verdict: "bad",
    text: /none of 9/,
  },
  {
    facts: edgeWith(quicAddress()),
    check: "loss",
    verdict: "ok",
    text: /0 % of 500 packets .*\(0 % there, 0 % back\)/,
  },
  {
    facts: edgeWith(quicAddress({ path: goodPath({ loss: { sent: 500, echoed: 480, thereShare: 0.01 } }) })),
    check: "loss",
    verdict: "warn",
    text: /4\.0 % of 500 packets there and back \(1\.0 % there, 3\.0 % back\)/,
  },
  {
    facts: {
      ...edgeWith(quicAddress({ path: goodPath({ loss: { sent: 500, echoed: 480, thereShare: null } }) })),
      redundancyMode: "off",
    },
    check: "loss",
    verdict: "warn",
    text: /4\.0 % of 500 packets there and back$/,
    advice: /redundancy\.mode to auto/,
  },
  {
    facts: edgeWith(quicAddress({ path: goodPath({ loss: { sent: 500, echoed: 0, thereShare: 0.004 } }) })),
    check: "loss",
    verdict: "ok",
    text: /0\.40 % there; packets are not echoed/,
  },
  {
    facts: edgeWith(
      tlsAddress({
        path: goodPath({ loss: null, roundTrip: { ...goodPath().roundTrip, lateShare: 0.024 } }),
      }),
    ),
    check: "loss",
    verdict: "warn",
    text: /2\.4 % of exchanges late \(the loss itself cannot be seen over TCP\)/,
  },
  {
    facts: edgeWith(quicAddress()),
    check: "packet size",
    verdict: "ok",
    text: /1452 bytes get through \(MTU here: eth0 1500\)/,
  },
  {
    facts: edgeWith(quicAddress({ path: goodPath({ packetBytes: 1200 }) })),
    check: "packet size",
    verdict: "warn",
    text: /larger ones do not/,
  },
  {
    facts: edgeWith(quicAddress()),
    check: "clock",
    verdict: "ok",
    text: /the same as the core's, to 20\.0 ms/,
  },
  {
    facts: edgeWith(quicAddress({ path: goodPath({ clock: { aheadMs: -29_000, errorMs: 20 } }) })),
    check: "clock",
    verdict: "ok",
    text: /29 s behind/,
  },
  {
    facts: edgeWith(quicAddress({ path: goodPath({ clock: { aheadMs: 41_000, errorMs: 20 } }) })),
    check: "clock",
    verdict: "warn",
    text: /41 s ahead/,
    advice: /NTP/,
  },
  {
    facts: edgeWith(quicAddress({ path: goodPath({ clock: null }) })),
    check: "clock",
    verdict: "warn",
    text: /does not tell/,
  },
  // Fall-back.
  { facts: someEdge(), check: "fall-back", verdict: "ok", text: /^without UDP there is tls$/ },
  { facts: edgeWith(quicAddress()), check: "fall-back", verdict: "warn", text: /only QUIC/, advice: /tls/ },
  {
    facts: edgeWith(quicAddress(), tlsAddress(rejected("left"))),
    check: "fall-back",
    verdict: "warn",
    text: /no way over TCP works/,
  },
];

for (const [index, { facts, check, verdict, text, advice }] of ROWS.entries()) {
  Deno.test(`diagnoseEdge() row ${index}: ${check} is ${verdict}, ${text.source}`, () => {
    const found = diagnoseEdge(facts).findings.filter((finding) => finding.check === check);
    const [first] = found;
    assert.ok(first !== undefined, `no finding about ${check}`);
    assert.equal(first.verdict, verdict);
    assert.match(first.text, text);
    if (verdict === "ok") assert.equal(first.advice, null);
    else assert.match(first.advice ?? "", advice ?? /./);
  });
}

Deno.test("diagnoseEdge() finds nothing to say where all is well", () => {
  const { verdict, findings } = diagnoseEdge(someEdge());
  assert.equal(verdict, "ok");
  assert.deepEqual(findings.filter((finding) => finding.verdict !== "ok"), []);
});

Deno.test("diagnoseEdge() says one thing about a port that is closed, and nothing about what lies behind it", () => {
  const { findings, verdict } = diagnoseEdge(edgeWith(quicAddress(SILENT_UDP), tlsAddress()));
  const ofQuic = findings.filter(({ subject }) => subject.includes("quic"));
  assert.deepEqual(ofQuic.map(({ check }) => check), ["name", "udp"]);
  assert.equal(verdict, "bad");
});

Deno.test("diagnoseEdge() says what cannot be read to nobody", () => {
  const machine = {
    congestionControl: null,
    availableCongestionControls: [],
    buffers: null,
    maxOpenFiles: null,
    interfaces: [],
  };
  const { findings } = diagnoseEdge(someEdge({ machine }));
  assert.deepEqual(findings.filter(({ subject }) => subject === "machine"), []);
});
