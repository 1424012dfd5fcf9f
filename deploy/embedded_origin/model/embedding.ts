import { mix } from "./hash.ts";

export const DEFAULT_EMBEDDING_DIMENSIONS = 384;
export const MAX_EMBEDDING_DIMENSIONS = 4096;

/** A vector of length 1 that follows from `hash`. */
export function embedding(hash: number, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  let squares = 0;
  for (let i = 0; i < dimensions; i++) {
    const component = mix(hash, i + 1) / 0x8000_0000 - 1;
    vector[i] = component;
    squares += component * component;
  }
  const length = Math.sqrt(squares) || 1;
  for (let i = 0; i < dimensions; i++) vector[i] = (vector[i] ?? 0) / length;
  return vector;
}
