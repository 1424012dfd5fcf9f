/** Bounds of one session; `SPEC.md` has the table with the reasons. Those marked (agreed) must be equal at both ends. */
export interface SessionLimits {
  /** Credit per stream and direction, in units (payload bytes, plus one a frame) (agreed). @default 262_144 */
  windowUnits: number;
  /** Live streams (agreed). @default 16_384 */
  maxStreams: number;
  /** Bytes of frames kept until the peer has them; at the bound no more stream bytes are taken. @default 16 MiB */
  maxRetainedBytes: number;
  /** Bytes held by all streams for want of credit or room; at the bound no stream is opened. @default 64 MiB */
  maxHeldBytes: number;
  /** Bytes of frames that came before their predecessors, of all streams. @default 16 MiB */
  maxReorderBytes: number;
  /** Lanes attached at once. @default 16 */
  maxLanes: number;
  /** How long a session without a lane waits for one. @default 15_000 */
  resumeTimeoutMs: number;
  /** A PING goes out on every lane this often. @default 1_000 */
  pingIntervalMs: number;
  /** A lane that brings no byte for so long is dead. @default 5_000 */
  laneTimeoutMs: number;
  /** The active lane that owes an acknowledgement and brings no byte for so long gives way to another. @default 600 */
  laneStallTimeoutMs: number;
  /** Longest time from a frame to its acknowledgement. @default 20 */
  ackDelayMs: number;
  /** Bytes of frames after which an acknowledgement goes out at once. @default 32_768 */
  ackBytes: number;
}

export const DEFAULT_SESSION_LIMITS: SessionLimits = {
  windowUnits: 256 * 1024,
  maxStreams: 16_384,
  maxRetainedBytes: 16 * 1024 * 1024,
  maxHeldBytes: 64 * 1024 * 1024,
  maxReorderBytes: 16 * 1024 * 1024,
  maxLanes: 16,
  resumeTimeoutMs: 15_000,
  pingIntervalMs: 1_000,
  laneTimeoutMs: 5_000,
  laneStallTimeoutMs: 600,
  ackDelayMs: 20,
  ackBytes: 32 * 1024,
};
