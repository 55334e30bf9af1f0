/**
 * What a machine instruction of the eBPF target carries, and how it becomes an instruction once its operands have
 * registers.
 *
 * @module
 */

import type { MachineInsn, RegisterFile } from "../../codegen/machine.ts";
import { Instruction } from "../../isa/instruction.ts";
import { findOp, type Op } from "../../isa/ops.ts";
import type { CodeRelocation, CoreRecord } from "../../object/program.ts";

/** The payload of a machine instruction. */
export interface BpfCode {
  /** Row of the instruction table. */
  readonly op: Op;
  /** Offset field, where it is not a jump distance. */
  readonly off: number;
  /** Immediate field. */
  readonly imm: number;
  /** High half of an `lddw`. */
  readonly high: number;
  /** Slot in the section that it stems from, -1 for none. */
  readonly pc: number;
  /** Relocation to attach. */
  readonly relocation: CodeRelocation | null;
  /** CO-RE record to attach. */
  readonly core: CoreRecord | null;
  /** Index of the local function that it calls or takes the address of, -1 for none. */
  readonly target: number;
}

/** A machine instruction of this target. */
export type BpfInsn = MachineInsn<BpfCode>;

/** The frame pointer. */
export const FRAME_REGISTER = 10;
/** Registers that a call destroys besides r0, its result. */
export const CALL_CLOBBERS = 0b11_1110;

/**
 * The registers: r0 to r9, r10 being the frame pointer.
 *
 * @param allocatable Registers that may be chosen, a mask; all ten by default.
 * @returns The register file.
 */
export function bpfRegisters(allocatable = 0x3ff): RegisterFile {
  return { count: 11, allocatable, callerSaved: 0b11_1111 };
}

/** Rows that lowering and emission need by name. */
export const BPF: {
  readonly [
    K in
      | "movImm"
      | "movReg"
      | "mov32Imm"
      | "mov32Reg"
      | "lddw"
      | "goto"
      | "gotol"
      | "exit"
      | "load64"
      | "store64"
  ]: Op;
} = {
  movImm: findOp({ kind: "mov", form: "imm" }),
  movReg: findOp({ kind: "mov", form: "reg" }),
  mov32Imm: findOp({ kind: "mov", form: "imm", width: 32 }),
  mov32Reg: findOp({ kind: "mov", form: "reg", width: 32 }),
  lddw: findOp({ kind: "lddw", fn: "imm64" }),
  goto: findOp({ kind: "goto", fn: "near" }),
  gotol: findOp({ kind: "goto", fn: "far" }),
  exit: findOp({ kind: "exit" }),
  load64: findOp({ kind: "load", size: 8 }),
  store64: findOp({ kind: "store", size: 8, form: "reg" }),
};

/**
 * Puts registers into a machine instruction.
 *
 * @param code The payload.
 * @param def Register of the definition, -1 for none.
 * @param use Register of a use by index.
 * @returns The instruction; jump distances are 0.
 */
export function toInstruction(
  code: BpfCode,
  def: number,
  use: (index: number) => number,
): Instruction {
  const { op, off, imm, high } = code;
  let dst = 0;
  let src = 0;
  switch (op.kind) {
    case "alu":
      dst = def;
      if (op.form === "reg") src = use(1);
      break;
    case "unary":
    case "lddw":
      dst = def;
      break;
    case "mov":
      dst = def;
      if (op.form === "reg") src = use(0);
      break;
    case "cast":
    case "load":
      dst = def;
      src = use(0);
      break;
    case "atomic":
      if (op.fn === "load_acquire") {
        dst = def;
        src = use(0);
        break;
      }
      dst = use(0);
      src = use(1);
      break;
    case "store":
    case "branch":
      dst = use(0);
      if (op.form === "reg") src = use(1);
      break;
    case "packet":
      if (op.fn === "ind") src = use(1);
      break;
    case "callx":
    case "gotox":
      dst = use(0);
      break;
    case "goto":
    case "may_goto":
    case "call":
    case "exit":
    case "invalid":
      break;
  }
  return new Instruction(op, dst, src, off, imm, high);
}
