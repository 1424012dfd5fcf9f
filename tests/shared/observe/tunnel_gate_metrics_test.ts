import assert from "node:assert/strict";
import { createMetrics } from "../../../shared/observe/metrics.ts";
import { scrape } from "./scrape.ts";

Deno.test("the gates of the tunnel are shown by peer and transport", async () => {
  const metrics = createMetrics({ node: "edge" });
  const quic = { opened: 3, unreachable: 2, refused: 1 };
  let roundTripMs: number | null = 40;
  metrics.tunnelGate.setSource({
    laneDials: () => [
      { peer: "sz-1", transport: "quic", outcomes: quic },
      { peer: "sz-1", transport: "tls", outcomes: { opened: 1, unreachable: 0, refused: 0 } },
      { peer: "sz-2", transport: "quic", outcomes: { opened: 0, unreachable: 9, refused: 0 } },
    ],
    udp: () => [{ peer: "sz-1", isBlocked: false }, { peer: "sz-2", isBlocked: true }],
    probes: () => [{ peer: "sz-1", roundTripMs }, { peer: "sz-2", roundTripMs: null }],
    waitingRequests: () => 7,
    handshakes: () => ({ accepted: 5, unknown_edge: 1 }),
    laneListeners: () => [{ transport: "websocket", outcomes: { accepted: 4 } }],
  });
  const values = await scrape(metrics);
  assert.equal(values.get('lowu_tunnel_dials_total{outcome="opened",peer="sz-1",transport="quic"}'), 3);
  assert.equal(values.get('lowu_tunnel_dials_total{outcome="refused",peer="sz-1",transport="quic"}'), 1);
  assert.equal(values.get('lowu_tunnel_dials_total{outcome="opened",peer="sz-1",transport="tls"}'), 1);
  assert.equal(values.get('lowu_tunnel_dials_total{outcome="unreachable",peer="sz-2",transport="quic"}'), 9);
  assert.equal(values.get('lowu_tunnel_udp_blocked{peer="sz-1"}'), 0);
  assert.equal(values.get('lowu_tunnel_udp_blocked{peer="sz-2"}'), 1);
  assert.equal(values.get('lowu_tunnel_probe_seconds{peer="sz-1"}'), 0.04);
  assert.ok(Number.isNaN(values.get('lowu_tunnel_probe_seconds{peer="sz-2"}')));
  assert.equal(values.get("lowu_tunnel_waiting_requests{}"), 7);
  assert.equal(values.get('lowu_tunnel_handshakes_total{outcome="unknown_edge"}'), 1);
  assert.equal(
    values.get('lowu_tunnel_listener_connections_total{outcome="accepted",transport="websocket"}'),
    4,
  );
  quic.opened++;
  roundTripMs = 20;
  const later = await scrape(metrics);
  metrics.close();
  assert.equal(later.get('lowu_tunnel_dials_total{outcome="opened",peer="sz-1",transport="quic"}'), 4);
  assert.equal(later.get('lowu_tunnel_probe_seconds{peer="sz-1"}'), 0.02);
});
