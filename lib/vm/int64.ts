/**
 * 64-bit arithmetic on a register file of int32 pairs: the low half at an even index, the high half after it. The cheap
 * operations are written out in the dispatch loop; these are the ones worth a call. Where no short path applies they
 * take their meaning from the instruction table.
 *
 * @module
 */

import { type AluOp, evalAlu } from "../isa/ops.ts";

/** Registers and constants, two elements each. */
export type RegisterFile = Int32Array<ArrayBuffer>;

/**
 * @param r The register file.
 * @param at Index of the low half.
 * @returns The unsigned 64-bit pattern.
 */
export function readPair(r: RegisterFile, at: number): bigint {
  return (BigInt(r[at + 1] >>> 0) << 32n) | BigInt(r[at] >>> 0);
}

/**
 * @param r The register file.
 * @param at Index of the low half.
 * @param value Any integer; its low 64 bits are written.
 */
export function writePair(r: RegisterFile, at: number, value: bigint): void {
  r[at] = Number(BigInt.asIntN(32, value));
  r[at + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** dst `fn`= src by the table. */
function byTable(fn: AluOp, r: RegisterFile, d: number, s: number): void {
  writePair(r, d, evalAlu(fn, 64, readPair(r, d), readPair(r, s)));
}

/**
 * dst *= src.
 *
 * @param r The register file.
 * @param d Index of dst.
 * @param s Index of src.
 */
export function mul64(r: RegisterFile, d: number, s: number): void {
  const al = r[d], bl = r[s];
  const high = Math.imul(al, r[s + 1]) + Math.imul(r[d + 1], bl) | 0;
  const a0 = al & 0xffff, a1 = al >>> 16, b0 = bl & 0xffff, b1 = bl >>> 16;
  const p01 = Math.imul(a0, b1), p10 = Math.imul(a1, b0);
  const middle = (Math.imul(a0, b0) >>> 16) + (p01 & 0xffff) + (p10 & 0xffff);
  const carry = (p01 >>> 16) + (p10 >>> 16) + (middle >>> 16) | 0;
  r[d] = Math.imul(al, bl);
  r[d + 1] = (Math.imul(a1, b1) + carry | 0) + high | 0;
}

/**
 * dst /= src, unsigned.
 *
 * @param r The register file.
 * @param d Index of dst.
 * @param s Index of src.
 */
export function div64(r: RegisterFile, d: number, s: number): void {
  if ((r[d + 1] | r[s + 1]) === 0) r[d] = divU32(r[d], r[s]);
  else byTable("div", r, d, s);
}

/**
 * dst %= src, unsigned.
 *
 * @param r The register file.
 * @param d Index of dst.
 * @param s Index of src.
 */
export function mod64(r: RegisterFile, d: number, s: number): void {
  if ((r[d + 1] | r[s + 1]) === 0) r[d] = modU32(r[d], r[s]);
  else byTable("mod", r, d, s);
}

/** Whether the register at an index is the sign extension of its low half. */
function fitsInt32(r: RegisterFile, at: number): boolean {
  return r[at + 1] === r[at] >> 31;
}

/**
 * dst s/= src.
 *
 * @param r The register file.
 * @param d Index of dst.
 * @param s Index of src.
 */
export function sdiv64(r: RegisterFile, d: number, s: number): void {
  if (!fitsInt32(r, d) || !fitsInt32(r, s)) return byTable("sdiv", r, d, s);
  const b = r[s];
  const quotient = b === 0 ? 0 : Math.trunc(r[d] / b);
  r[d] = quotient;
  r[d + 1] = quotient < 0 ? -1 : 0;
}

/**
 * dst s%= src.
 *
 * @param r The register file.
 * @param d Index of dst.
 * @param s Index of src.
 */
export function smod64(r: RegisterFile, d: number, s: number): void {
  if (!fitsInt32(r, d) || !fitsInt32(r, s)) return byTable("smod", r, d, s);
  const b = r[s];
  const rest = b === 0 ? r[d] : r[d] % b | 0;
  r[d] = rest;
  r[d + 1] = rest >> 31;
}

/**
 * dst <<= src.
 *
 * @param r The register file.
 * @param d Index of dst.
 * @param s Index of src.
 */
export function lsh64(r: RegisterFile, d: number, s: number): void {
  const n = r[s] & 63, low = r[d];
  if (n === 0) return;
  if (n < 32) {
    r[d + 1] = r[d + 1] << n | low >>> 32 - n;
    r[d] = low << n;
  } else {
    r[d + 1] = low << n - 32;
    r[d] = 0;
  }
}

/**
 * dst >>= src.
 *
 * @param r The register file.
 * @param d Index of dst.
 * @param s Index of src.
 */
export function rsh64(r: RegisterFile, d: number, s: number): void {
  const n = r[s] & 63, high = r[d + 1];
  if (n === 0) return;
  if (n < 32) {
    r[d] = r[d] >>> n | high << 32 - n;
    r[d + 1] = high >>> n;
  } else {
    r[d] = high >>> n - 32;
    r[d + 1] = 0;
  }
}

/**
 * dst s>>= src.
 *
 * @param r The register file.
 * @param d Index of dst.
 * @param s Index of src.
 */
export function arsh64(r: RegisterFile, d: number, s: number): void {
  const n = r[s] & 63, high = r[d + 1];
  if (n === 0) return;
  if (n < 32) {
    r[d] = r[d] >>> n | high << 32 - n;
    r[d + 1] = high >> n;
  } else {
    r[d] = high >> n - 32;
    r[d + 1] = high >> 31;
  }
}

/**
 * @param a Dividend, taken as unsigned.
 * @param b Divisor, taken as unsigned.
 * @returns The quotient as an int32 pattern; 0 by zero.
 */
export function divU32(a: number, b: number): number {
  return b === 0 ? 0 : (a >>> 0) / (b >>> 0) | 0;
}

/**
 * @param a Dividend, taken as unsigned.
 * @param b Divisor, taken as unsigned.
 * @returns The remainder as an int32 pattern; the dividend by zero.
 */
export function modU32(a: number, b: number): number {
  return b === 0 ? a : (a >>> 0) % (b >>> 0) | 0;
}

/**
 * @param a An int32 pattern.
 * @returns Its bytes in reverse.
 */
export function swap32(a: number): number {
  return a << 24 | (a & 0xff00) << 8 | a >>> 8 & 0xff00 | a >>> 24;
}
