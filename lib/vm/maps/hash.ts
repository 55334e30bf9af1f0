/**
 * The hash of a key, as `lib/runtime/layout.ts` describes it.
 *
 * @module
 */

import { HASH_FACTOR, HASH_SHIFT } from "../../runtime/layout.ts";

/** A word of a key, zeros behind its end. */
function wordOf(key: Uint8Array, at: number): number {
  if (at + 4 <= key.length) {
    return key[at] | key[at + 1] << 8 | key[at + 2] << 16 | key[at + 3] << 24;
  }
  let word = 0;
  for (let i = key.length - 1; i >= at; i--) word = word << 8 | key[i];
  return word;
}

/**
 * Hashes a key.
 *
 * @param key The key.
 * @returns 32 bits, unsigned.
 */
export function hashKey(key: Uint8Array): number {
  let h = key.length;
  for (let at = 0; at < key.length; at += 8) {
    h = Math.imul(h ^ wordOf(key, at), HASH_FACTOR.first);
    if (at + 4 < key.length) h = (h + Math.imul(wordOf(key, at + 4), HASH_FACTOR.second)) | 0;
    h ^= h >>> HASH_SHIFT.pair;
  }
  h = Math.imul(h, HASH_FACTOR.end);
  return (h ^ h >>> HASH_SHIFT.end) >>> 0;
}
