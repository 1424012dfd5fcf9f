/**
 * Asks a UDP port whether it speaks QUIC, at the cost of one packet each way and no handshake: a packet of a version
 * that nobody has is answered with the versions that the server has (RFC 9000 §6.1, §15; RFC 8999 §5.1, §6).
 *
 *     probe:  1 fixed ....... | version 32 | 8 | destination id 64 | 8 | source id 64 | padding
 *     answer: 1 ............. | 0       32 | 8 | our source id  64 | 8 | ...          | versions
 *
 * The source id holds the probe's number, so that one socket can have many on the way.
 */

/** A first packet is at least so large; servers may drop smaller ones (RFC 9000 §14.1). */
const PROBE_BYTES = 1200;
/** One of those reserved to be unknown: 0x?a?a?a?a. */
const UNKNOWN_VERSION = 0x1a2a3a4a;
const LONG_HEADER = 0xc0;
const VERSION_AT = 1;
const DESTINATION_ID_AT = 5;
const ID_BYTES = 8;
const SOURCE_ID_AT = DESTINATION_ID_AT + 1 + ID_BYTES;

/**
 * The probe with that number, up to 2^32 - 1.
 * @param key random, 32 bits: answers to other keys are not ours
 */
export function versionProbe(number: number, key: number): Uint8Array {
  const bytes = new Uint8Array(PROBE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = LONG_HEADER;
  view.setUint32(VERSION_AT, UNKNOWN_VERSION);
  bytes[DESTINATION_ID_AT] = ID_BYTES;
  view.setUint32(DESTINATION_ID_AT + 1, key);
  view.setUint32(DESTINATION_ID_AT + 5, number);
  bytes[SOURCE_ID_AT] = ID_BYTES;
  view.setUint32(SOURCE_ID_AT + 1, key);
  view.setUint32(SOURCE_ID_AT + 5, number);
  return bytes;
}

/** The number of the probe that `bytes` answer; null if they answer none of this key. */
export function answeredProbe(bytes: Uint8Array, key: number): number | null {
  if (bytes.length < SOURCE_ID_AT) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isVersionNegotiation = (view.getUint8(0) & 0x80) !== 0 && view.getUint32(VERSION_AT) === 0;
  if (!isVersionNegotiation || view.getUint8(DESTINATION_ID_AT) !== ID_BYTES) return null;
  return view.getUint32(DESTINATION_ID_AT + 1) === key ? view.getUint32(DESTINATION_ID_AT + 5) : null;
}
