/** Frame types (RFC 6455 §5.2); the others are reserved. */
export const OPCODE = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

export type Opcode = typeof OPCODE[keyof typeof OPCODE];

/** Payload bytes of a control frame at most (RFC 6455 §5.5). */
export const MAX_CONTROL_BYTES = 125;

const KNOWN: ReadonlySet<number> = new Set(Object.values(OPCODE));

export function isOpcode(value: number): value is Opcode {
  return KNOWN.has(value);
}

/** True for close, ping and pong: never fragmented, allowed between the frames of a message. */
export function isControl(opcode: Opcode): boolean {
  return opcode >= OPCODE.close;
}
