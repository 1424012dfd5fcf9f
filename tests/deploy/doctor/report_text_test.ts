import assert from "node:assert/strict";
import { diagnoseEdge } from "../../../deploy/doctor/diagnose_edge.ts";
import { reportText } from "../../../deploy/doctor/report_text.ts";
import { goodMachine, goodPath, pathOf, quicAddress, someCore, someEdge, tlsAddress } from "./some_facts.ts";

Deno.test("reportText() sets one block for each subject, advice under its finding, and the count at the end", () => {
  const silent = quicAddress({
    reach: [{ ip: "203.0.113.7", protocol: "udp", kind: "silent" }],
    lane: { kind: "not_connected", failure: "timeout", reason: "no lane in time" },
    path: null,
  });
  const text = reportText(diagnoseEdge(someEdge({ cores: [someCore([silent, tlsAddress()])] })));
  const lines = text.split("\n");
  const at = lines.indexOf("core sz-1: quic core.example.com:7443");
  assert.deepEqual(lines.slice(at, at + 3), [
    "core sz-1: quic core.example.com:7443",
    "  ok    name         203.0.113.7, found in 12.0 ms",
    "  bad   udp          no answer from UDP port 7443, though the machine answers over TCP",
  ]);
  assert.match(lines[at + 3] ?? "", /^ {21}→ Does a QUIC listener run there\?/);
  assert.ok(lines.includes("advice for core sz-1"));
  assert.match(text, /\n {2}best {8}tls core\.example\.com:7443: QUIC does not get through\n/);
  assert.match(lines.at(-1) ?? "", /^bad: \d+ ok, 0 warn, 1 bad$/);
});

Deno.test("reportText() writes the sample in the documentation", async () => {
  const loss = { sent: 500, echoed: 486, thereShare: 0.006 };
  const buffers = { rmemDefault: 212_992, rmemMax: 4_194_304, wmemDefault: 212_992, wmemMax: 4_194_304 };
  const roundTrip = { ...goodPath().roundTrip, medianMs: 41.3, p99Ms: 84.2, lateShare: 0.024 };
  const overTcp = { loss: null, packetBytes: null };
  const address = "core.example.com:443";
  const silentReach = [{ ip: "203.0.113.7", protocol: "tcp", kind: "silent" }] as const;
  const facts = someEdge({
    machine: goodMachine({ buffers }),
    cores: [someCore([
      quicAddress({ path: pathOf(41.2, { loss }) }),
      tlsAddress({ path: goodPath({ ...overTcp, roundTrip }) }),
      tlsAddress({
        address,
        transport: "websocket",
        reach: silentReach,
        lane: { kind: "not_connected", failure: "timeout", reason: "no lane in time" },
        path: null,
      }),
    ])],
  });
  const page = await Deno.readTextFile(new URL("../../../deploy/docs/doctor.md", import.meta.url));
  const [, sample] = /```text\n([^`]*)\n```/.exec(page) ?? [];
  assert.equal(sample, reportText(diagnoseEdge(facts)));
});
