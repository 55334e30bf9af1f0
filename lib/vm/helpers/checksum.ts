/**
 * Internet checksums (RFC 1071) as the kernel computes them, and the helpers on plain memory.
 *
 * Sums are 32-bit numbers in one's complement: they stand for the same number modulo 2^32 - 1, and only a sum of nothing
 * but zeros is 0. Bytes are summed in the byte order of the program.
 *
 * @module
 */

import type { ByteOrder } from "../../bytes.ts";
import type { HelperBodies } from "./body.ts";
import { failure, u32 } from "./body.ts";

/**
 * Adds two sums (`csum_add`).
 *
 * @param a A sum.
 * @param b A sum.
 * @returns Their sum, with the carry added.
 */
export function addSums(a: number, b: number): number {
  const sum = (a >>> 0) + (b >>> 0);
  return sum > 0xffff_ffff ? sum - 0xffff_ffff : sum;
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
 * Sums up bytes (`csum_partial`).
 *
 * @param bytes The bytes; an odd last one is padded with a zero.
 * @param order Byte order of the program.
 * @param seed The sum to begin with.
 * @returns The sum.
 */
export function sumBytes(bytes: Uint8Array, order: ByteOrder, seed: number): number {
  const little = order === "little";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = bytes.length & ~3;
  let sum = seed >>> 0;
  for (let at = 0; at < words; at += 4) sum = addSums(sum, view.getUint32(at, little));
  if (words === bytes.length) return sum;
  const tail = new Uint8Array(4);
  tail.set(bytes.subarray(words));
  return addSums(sum, new DataView(tail.buffer).getUint32(0, little));
}

/**
 * Folds a sum to 16 bits, without complementing it (`csum_from32to16`).
 *
 * @param sum The sum.
 * @returns The 16-bit sum.
 */
export function foldTo16(sum: number): number {
  const folded = addSums(sum >>> 0, (sum << 16 | sum >>> 16) >>> 0);
  return folded >>> 16;
}

/**
 * Folds a sum to a checksum field (`csum_fold`).
 *
 * @param sum The sum.
 * @returns Its 16-bit complement.
 */
export function fold(sum: number): number {
  return ~foldTo16(sum) & 0xffff;
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

/** Helpers on checksums of plain memory. */
export const CHECKSUM_HELPERS: HelperBodies = {
  csum_diff: () => ({ memory }, r1, r2, r3, r4, r5) => {
    const fromSize = u32(r2), toSize = u32(r4), seed = u32(r5);
    const { order } = memory;
    const from = fromSize === 0 ? 0 : memory.slice(r1, fromSize, false);
    const to = toSize === 0 ? 0 : memory.slice(r3, toSize, false);
    let sum = seed;
    if (from !== 0 && to !== 0) {
      sum = subtractSums(sumBytes(to, order, seed), sumBytes(from, order, 0));
    } else if (to !== 0) sum = sumBytes(to, order, seed);
    else if (from !== 0) sum = ~sumBytes(from, order, ~seed >>> 0) >>> 0;
    return BigInt(foldTo16(sum));
  },
  // The sum over the whole packet is never known here (CHECKSUM_COMPLETE).
  csum_update: () => () => failure("ENOTSUPP"),
};
