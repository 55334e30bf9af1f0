/**
 * The text of operands, as both assembly syntaxes have them.
 *
 * @module
 */

import type { Instruction } from "./instruction.ts";

/** The 64-bit names of the registers. */
export const R: readonly string[] = Array.from({ length: 16 }, (_, i) => `r${i}`);
/** The 32-bit names of the registers. */
export const W: readonly string[] = Array.from({ length: 16 }, (_, i) => `w${i}`);

/**
 * Prints a number.
 *
 * @param value An integer.
 * @returns It in hexadecimal, the sign before the prefix: `-0x8`.
 */
export function hex(value: number | bigint): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/**
 * Prints a displacement or distance.
 *
 * @param value An integer.
 * @returns It in hexadecimal, with a sign in any case: `+0x8`.
 */
export function signedHex(value: number): string {
  return value < 0 ? hex(value) : `+${hex(value)}`;
}

/**
 * Prints what an `lddw` loads.
 *
 * @param insn The `lddw`.
 * @param reference The function it refers to, if its kind is `func`: a label, or a distance with its sign.
 * @returns `0x5`, signed; or the pseudo form `map_value 0x3 + 0x10`.
 */
export function wideOperand(insn: Instruction, reference: string): string {
  const { op, imm, high } = insn;
  if (op.fn === "imm64") {
    return high === 0 ? hex(imm >>> 0) : hex(BigInt(high) << 32n | BigInt(imm >>> 0));
  }
  const what = op.fn === "func" ? reference : hex(imm);
  return `${op.fn} ${what}${high === 0 ? "" : ` + ${hex(high)}`}`;
}

/**
 * Prints a kfunc.
 *
 * @param insn A `call` of kind `kfunc`.
 * @returns `kfunc 0x4d2`, and `, 0x1` if it is of the BTF with index 1.
 */
export function kfuncOperand(insn: Instruction): string {
  return `kfunc ${hex(insn.imm)}${insn.off === 0 ? "" : `, ${hex(insn.off)}`}`;
}

/**
 * Prints an undefined encoding.
 *
 * @param insn An instruction of kind `invalid`.
 * @returns The directive `.insn OPCODE, DST, SRC, OFF, IMM`.
 */
export function rawDirective(insn: Instruction): string {
  const { op, dst, src, off, imm } = insn;
  return `.insn ${hex(op.code)}, ${dst}, ${src}, ${hex(off)}, ${hex(imm)}`;
}
