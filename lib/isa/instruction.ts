/**
 * A decoded instruction.
 *
 * @module
 */

import { INVALID, type Op } from "./ops.ts";

/**
 * One instruction. Selector fields are folded into `op` and are 0 here; encoding puts them back. Unused fields are 0.
 */
export class Instruction {
  /** Row of the instruction table. */
  op: Op;
  /** Destination register, 0 to 10. */
  dst: number;
  /** Source register, 0 to 10. */
  src: number;
  /** Offset field, signed 16 bits: displacement in bytes or jump distance in slots. */
  off: number;
  /** Immediate field, signed 32 bits; the low half for `lddw`. */
  imm: number;
  /** Immediate of the second slot of an `lddw`, signed 32 bits: the high half. */
  high: number;

  /**
   * Makes an instruction.
   *
   * @param op Row of the instruction table.
   * @param dst Destination register.
   * @param src Source register.
   * @param off Offset field.
   * @param imm Immediate field.
   * @param high Immediate of the second slot of an `lddw`.
   */
  constructor(op: Op, dst = 0, src = 0, off = 0, imm = 0, high = 0) {
    this.op = op;
    this.dst = dst;
    this.src = src;
    this.off = off;
    this.imm = imm;
    this.high = high;
  }
}

/**
 * The size of an instruction.
 *
 * @param insn An instruction.
 * @returns How many 8-byte slots it takes: 2 for `lddw`, 1 for all else.
 */
export function slotsOf(insn: Instruction): 1 | 2 {
  return insn.op.kind === "lddw" ? 2 : 1;
}

/**
 * The slot of each instruction of a stream.
 *
 * @param insns The instructions.
 * @returns The slot of each, and the number of slots in a last element.
 */
export function slotTable(insns: readonly Instruction[]): Int32Array<ArrayBuffer> {
  const slots = new Int32Array(insns.length + 1);
  let pc = 0;
  for (let i = 0; i < insns.length; i++) {
    slots[i] = pc;
    pc += insns[i].op.kind === "lddw" ? 2 : 1;
  }
  slots[insns.length] = pc;
  return slots;
}

/**
 * The immediate of an `lddw`.
 *
 * @param insn An `lddw`.
 * @returns Its 64-bit immediate as an unsigned pattern.
 */
export function imm64(insn: Instruction): bigint {
  return (BigInt(insn.high >>> 0) << 32n) | BigInt(insn.imm >>> 0);
}

/**
 * Where a jump goes.
 *
 * @param insn A `goto`, `branch` or `may_goto`.
 * @param pc Its slot.
 * @returns The slot of its target.
 */
export function jumpTarget(insn: Instruction, pc: number): number {
  return pc + 1 + (insn.op.kind === "goto" && insn.op.fn === "far" ? insn.imm : insn.off);
}

/**
 * An undefined encoding, kept to the bit.
 *
 * @param code Opcode byte.
 * @param dst Destination nibble, 0 to 15.
 * @param src Source nibble, 0 to 15.
 * @param off Offset field.
 * @param imm Immediate field.
 * @returns An instruction of kind `invalid`, one slot.
 */
export function invalidInstruction(
  code: number,
  dst: number,
  src: number,
  off: number,
  imm: number,
): Instruction {
  return new Instruction(INVALID[code], dst, src, off, imm);
}
