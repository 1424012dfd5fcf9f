/**
 * Free lists of byte slabs in four sizes, so that an idle connection holds no output memory and a busy one allocates
 * nothing. One pool serves a whole process: JavaScript runs on one thread.
 */
import { assert } from "../assert/assert.ts";

const SLAB_SIZES = [1024, 4096, 16384, 65536] as const;
/** Bytes kept for reuse in each size; what is given back beyond it goes to the garbage collector. */
const KEPT_BYTES_PER_SIZE = 4 * 1024 * 1024;

export const LARGEST_SLAB_BYTES = 65536;

const free: Uint8Array[][] = SLAB_SIZES.map(() => []);
let inUse = 0;

/** Slabs that were taken and not given back. */
export function slabsInUse(): number {
  return inUse;
}

/** A slab of at least `minBytes` (at most {@linkcode LARGEST_SLAB_BYTES}); its content is undefined. */
export function takeSlab(minBytes: number): Uint8Array {
  assert(minBytes <= LARGEST_SLAB_BYTES, "slab request above the largest size");
  inUse++;
  let sizeIndex = 0;
  while ((SLAB_SIZES[sizeIndex] ?? 0) < minBytes) sizeIndex++;
  return free[sizeIndex]?.pop() ?? new Uint8Array(SLAB_SIZES[sizeIndex] ?? LARGEST_SLAB_BYTES);
}

/** Gives a slab back; the caller must hold no view of it any more. */
export function giveSlab(slab: Uint8Array): void {
  const sizeIndex = SLAB_SIZES.indexOf(slab.length as (typeof SLAB_SIZES)[number]);
  assert(sizeIndex >= 0, "not a pool slab");
  inUse--;
  const list = free[sizeIndex];
  if (list !== undefined && (list.length + 1) * slab.length <= KEPT_BYTES_PER_SIZE) list.push(slab);
}
