/**
 * Facts about numbers as patterns of 64 bits.
 *
 * @module
 */

/** All bits. */
export const MASK64 = 0xffff_ffff_ffff_ffffn;

/**
 * @param bits A number of bits.
 * @returns The number whose low bits are set, as many as that.
 */
export function mask(bits: number): bigint {
  return (1n << BigInt(bits)) - 1n;
}

/**
 * @param value A number that is not negative.
 * @returns How many bits it takes; 0 for 0.
 */
export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/**
 * @param value A number that is not negative.
 * @returns How many zeros there are below its lowest bit that is set; 64 for 0.
 */
export function trailingZeros(value: bigint): number {
  if (value === 0n) return 64;
  let count = 0;
  for (let rest = value; (rest & 1n) === 0n; rest >>= 1n) count++;
  return count;
}

/**
 * @param value A number that is not negative.
 * @returns Whether exactly one bit is set.
 */
export function isPowerOfTwo(value: bigint): boolean {
  return value !== 0n && (value & (value - 1n)) === 0n;
}
