/** From here on a body is worth a lane apart from tokens: it would fill what may wait for a lane before the first of it is acknowledged. */
const BULK_FROM_BYTES = 64 * 1024;

/** Whether a body of that announced length, null if unknown, is sent as bulk from its head on. */
export function isBulkBody(contentLength: number | null): boolean {
  return contentLength !== null && contentLength >= BULK_FROM_BYTES;
}
