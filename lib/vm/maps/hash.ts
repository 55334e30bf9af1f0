/**
 * The hash of a key. The bytes are taken as 32-bit words, least significant byte first, the last one filled up with zeros;
 * each is mixed in by `h = (h ^ word) * 0x9e3779b1; h ^= h >>> 15`, and the end is `h * 0x85ebca77; h ^ h >>> 13`. The IR code
 * of `lib/runtime` computes the same.
 *
 * @module
 */

/** Multiplier of each word: the golden ratio as a prime (xxHash32, PRIME32_1). */
export const HASH_WORD_FACTOR = 0x9e37_79b1;
/** Multiplier of the end (xxHash32, PRIME32_2). */
export const HASH_END_FACTOR = 0x85eb_ca77;

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
    h = Math.imul(h ^ word, HASH_WORD_FACTOR);
    h ^= h >>> 15;
  }
  if (whole < key.length) {
    let word = 0;
    for (let i = key.length - 1; i >= whole; i--) word = word << 8 | key[i];
    h = Math.imul(h ^ word, HASH_WORD_FACTOR);
    h ^= h >>> 15;
  }
  h = Math.imul(h, HASH_END_FACTOR);
  return (h ^ h >>> 13) >>> 0;
}
