/**
 * The register file: 64-bit patterns as pairs of int32, the low half at an even index, the high half after it.
 *
 * @module
 */

/** Registers and constants, two elements each. */
export type RegisterFile = Int32Array<ArrayBuffer>;

/**
 * Reads a register or constant.
 *
 * @param r The register file.
 * @param at Index of the low half.
 * @returns The unsigned 64-bit pattern.
 */
export function readPair(r: RegisterFile, at: number): bigint {
  return (BigInt(r[at + 1] >>> 0) << 32n) | BigInt(r[at] >>> 0);
}

/**
 * Writes a register.
 *
 * @param r The register file.
 * @param at Index of the low half.
 * @param value Any integer; its low 64 bits are written.
 */
export function writePair(r: RegisterFile, at: number, value: bigint): void {
  r[at] = Number(BigInt.asIntN(32, value));
  r[at + 1] = Number(BigInt.asIntN(32, value >> 32n));
}
