import type { Registry } from "prom-client";
import { addScrapedCounter, addScrapedGauge } from "./scraped_metric.ts";
import type { LaneReading, LaneTotals, PeerReading } from "./tunnel_reading.ts";

/** Metrics of single lanes; label `lane` is the lane's slot. */
export function addLaneMetrics(registry: Registry, read: () => readonly PeerReading[]): void {
  addLaneGauges(registry, read);
  addLaneTotals(registry, read);
}

const LANE_LABELS = ["peer", "lane", "transport"] as const;

function addLaneGauges(registry: Registry, read: () => readonly PeerReading[]): void {
  const gauge = (name: string, help: string, value: (lane: LaneReading) => number) =>
    addScrapedGauge(registry, {
      name,
      help,
      labelNames: LANE_LABELS,
      read: () =>
        read().flatMap(({ peer, lanes }) =>
          lanes.map((lane) => [{ peer, lane: lane.slot, transport: lane.transport }, value(lane)] as const)
        ),
    });
  addScrapedGauge(registry, {
    name: "lowu_tunnel_lanes",
    help: "Lanes that are there now, 1 each, by what they carry.",
    labelNames: ["peer", "lane", "transport", "state"] as const,
    read: () =>
      read().flatMap(({ peer, lanes }) =>
        lanes.map(({ slot, transport, state }) => [{ peer, lane: slot, transport, state }, 1] as const)
      ),
  });
  gauge(
    "lowu_tunnel_round_trip_seconds",
    "Round trip of a lane, smoothed; NaN: not measured yet.",
    ({ roundTripMs }) => roundTripMs === null ? NaN : roundTripMs / 1000,
  );
  gauge(
    "lowu_tunnel_loss_ratio",
    "Share of the datagrams sent on a lane that did not arrive; NaN: not measured.",
    ({ lossShare }) => lossShare ?? NaN,
  );
}

function addLaneTotals(registry: Registry, read: () => readonly PeerReading[]): void {
  const counter = (name: string, help: string, value: (lane: LaneTotals) => number) =>
    addScrapedCounter(registry, {
      name,
      help,
      labelNames: LANE_LABELS,
      read: () =>
        read().flatMap(({ peer, totals }) =>
          totals.lanes.map((lane) =>
            [{ peer, lane: lane.slot, transport: lane.transport }, value(lane)] as const
          )
        ),
    });
  counter("lowu_tunnel_lanes_opened_total", "Lanes that joined a session.", (lane) => lane.openedLanes);
  counter("lowu_tunnel_lanes_closed_total", "Lanes that ended.", (lane) => lane.closedLanes);
  counter("lowu_tunnel_sent_bytes_total", "Bytes sent on a lane.", (lane) => lane.sentBytes);
  counter("lowu_tunnel_received_bytes_total", "Bytes received on a lane.", (lane) => lane.receivedBytes);
  counter("lowu_tunnel_sent_datagrams_total", "Datagrams sent on a lane.", (lane) => lane.sentDatagrams);
  counter(
    "lowu_tunnel_received_datagrams_total",
    "Datagrams received on a lane.",
    (lane) => lane.receivedDatagrams,
  );
  counter(
    "lowu_tunnel_lane_stalls_total",
    "Times that a lane gave way because it was silent while it owed an acknowledgement.",
    (lane) => lane.stalls,
  );
}
