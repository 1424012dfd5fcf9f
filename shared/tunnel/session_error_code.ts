/** Ways in which a peer breaks the protocol; the number travels in CLOSE. Closed list: `SPEC.md`, "Session errors". */
export const SESSION_ERROR_NUMBERS = {
  /** A frame type below 0x40 that version 1 does not know. */
  unknown_frame: 1,
  /** A frame longer than its type allows. */
  frame_size: 2,
  /** A payload that its type cannot have: a cut varint, bytes left over, a value out of range. */
  frame_encoding: 3,
  /** A stream id that cannot be: never opened by this edge, zero, or a frame only the other role may send. */
  stream_id: 4,
  /** More live streams than agreed. */
  stream_limit: 5,
  /** Frames of a stream in an order that its state forbids. */
  stream_order: 6,
  /** An offset inside a frame that was already received. */
  offset: 7,
  /** More units than credit. */
  credit: 8,
  /** An acknowledgement of bytes that were never sent, or below an earlier one. */
  lane_ack: 9,
  /** Frames ahead of their predecessors fill the reorder store. */
  reorder_overflow: 10,
  /** Ids opened out of order leave too many gaps. */
  id_gaps: 11,
  /** Frames that back-pressure cannot stop (resets, credit) pile up unacknowledged. */
  retention_overflow: 12,
} as const;

export type SessionErrorCode = keyof typeof SESSION_ERROR_NUMBERS;
