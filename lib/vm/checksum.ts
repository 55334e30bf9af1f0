/**
 * Sums of the internet checksum (RFC 1071) as the kernel keeps them: 32 bits, in the order of the machine.
 *
 * A sum is 0 only if everything added was 0; otherwise zero is 0xffffffff, whose complement is 0.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";

/**
 * Adds two sums with end-around carry (`csum_add`).
 *
 * @param a A sum, 32 bits.
 * @param b A sum, 32 bits.
 * @returns Their sum, unsigned 32 bits.
 */
export function addSums(a: number, b: number): number {
  const sum = (a >>> 0) + (b >>> 0);
  return sum > 0xffff_ffff ? (sum + 1) >>> 0 : sum;
}

/**
 * Adds bytes to a sum (`csum_partial`).
 *
 * @param bytes The bytes, padded with zeros to whole words.
 * @param seed The sum before, 32 bits.
 * @param order Byte order of the machine.
 * @returns The sum, unsigned 32 bits: of 32-bit words with end-around carry.
 */
export function sumBytes(bytes: Uint8Array, seed: number, order: ByteOrder = "little"): number {
  const little = order === "little";
  const { length } = bytes;
  // Each half of up to 2^29 words is exact in a number.
  let high = 0, low = 0;
  for (let i = 0; i < length; i += 4) {
    const b0 = bytes[i], b1 = bytes[i + 1] | 0, b2 = bytes[i + 2] | 0, b3 = bytes[i + 3] | 0;
    high += little ? b3 << 8 | b2 : b0 << 8 | b1;
    low += little ? b1 << 8 | b0 : b2 << 8 | b3;
  }
  // 2^32 counts as 1.
  let total = (high % 0x1_0000) * 0x1_0000 + Math.floor(high / 0x1_0000) + low;
  while (total > 0xffff_ffff) total = total % 0x1_0000_0000 + Math.floor(total / 0x1_0000_0000);
  return addSums(total, seed);
}

/**
 * Folds a sum to 16 bits (`csum_from32to16`).
 *
 * @param sum A sum, 32 bits.
 * @returns The sum in 16 bits.
 */
export function foldSum(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/**
 * Subtracts a sum from another (`csum_sub`).
 *
 * @param a A sum.
 * @param b The sum to subtract.
 * @returns The difference.
 */
export function subtractSums(a: number, b: number): number {
  return addSums(a, ~b >>> 0);
}

/**
 * Folds a sum to a checksum field (`csum_fold`).
 *
 * @param sum The sum.
 * @returns Its 16-bit complement.
 */
export function fold(sum: number): number {
  return ~foldSum(sum) & 0xffff;
}

/**
 * A checksum field after a difference of the data (`csum_replace_by_diff`).
 *
 * @param field The field.
 * @param difference The difference, as `csum_diff` gives it.
 * @returns The new field.
 */
export function replaceByDifference(field: number, difference: number): number {
  return fold(addSums(difference, ~field >>> 0));
}

/**
 * A checksum field after a 32-bit number of the data was replaced (`csum_replace4`).
 *
 * @param field The field.
 * @param from The number before.
 * @param to The number after.
 * @returns The new field.
 */
export function replace32(field: number, from: number, to: number): number {
  return fold(addSums(subtractSums(~field >>> 0, from), to));
}

/**
 * Adds 16-bit sums (`csum16_add`).
 *
 * @param a A sum.
 * @param b A sum.
 * @returns Their sum, with the carry added.
 */
export function add16(a: number, b: number): number {
  const sum = a + b;
  return sum > 0xffff ? sum - 0xffff : sum;
}

/**
 * A checksum field after a 16-bit number of the data was replaced (`csum_replace2`).
 *
 * @param field The field.
 * @param from The number before.
 * @param to The number after.
 * @returns The new field.
 */
export function replace16(field: number, from: number, to: number): number {
  const without = add16(~field & 0xffff, ~from & 0xffff);
  return ~add16(without, to & 0xffff) & 0xffff;
}
