import type { LaneTraits } from "../../../shared/tunnel/lane_machine.ts";

/** A lane over TLS or a WebSocket. */
export const STREAM_LANE: LaneTraits = { carriesDatagrams: false, isPreferred: false };
/** A lane over QUIC. */
export const DATAGRAM_LANE: LaneTraits = { carriesDatagrams: true, isPreferred: true };
