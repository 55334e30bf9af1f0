/**
 * The hash of a key, as `lib/runtime/layout.ts` describes it.
 *
 * @module
 */

import { HASH_FACTOR, HASH_SHIFT } from "../../runtime/layout.ts";

const mix = (h: number, factor: number, shift: number): number => {
  const product = Math.imul(h, factor);
  return product ^ product >>> shift;
};

/**
 * Hashes a key.
 *
 * @param key The key.
 * @returns 32 bits, unsigned.
 */
export function hashKey(key: Uint8Array): number {
  const whole = key.length & ~3;
  let h = key.length;
  for (let i = 0; i < whole; i += 4) {
    const word = key[i] | key[i + 1] << 8 | key[i + 2] << 16 | key[i + 3] << 24;
    h = mix(h ^ word, HASH_FACTOR.word, HASH_SHIFT.word);
  }
  if (whole < key.length) {
    let word = 0;
    for (let i = key.length - 1; i >= whole; i--) word = word << 8 | key[i];
    h = mix(h ^ word, HASH_FACTOR.word, HASH_SHIFT.word);
  }
  return mix(h, HASH_FACTOR.end, HASH_SHIFT.end) >>> 0;
}
