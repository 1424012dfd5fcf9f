/** Why dials bring no lane, in the words of {@linkcode DialFailure}. */
import type { EdgeHandshakeResult } from "../../shared/handshake/perform_edge_handshake.ts";
import type { LaneDialFailure } from "../../shared/transport/lane_connection.ts";
import type { DialFailure } from "./lane_routes.ts";

type Refusal = Extract<EdgeHandshakeResult, { kind: "refused" }>["reason"];

const DIAL_FAILURES: Readonly<Record<LaneDialFailure, DialFailure>> = {
  aborted: "unreachable",
  timeout: "unreachable",
  unreachable: "unreachable",
  name: "name",
  certificate: "certificate",
};

const REFUSALS: Readonly<Record<Refusal, DialFailure>> = {
  refused: "refused",
  version: "refused",
  unavailable: "unavailable",
  protocol: "protocol",
  left: "protocol",
  // The path is there no more: whoever is there would have answered.
  timeout: "unreachable",
  stopped: "unreachable",
};

export function dialFailureOf(failure: LaneDialFailure): DialFailure {
  return DIAL_FAILURES[failure];
}

export function refusalOf(reason: Refusal): DialFailure {
  return REFUSALS[reason];
}
