/**
 * What a machine instruction of the eBPF target carries, and how it becomes an instruction once its operands have
 * registers.
 *
 * @module
 */

import { useRegister } from "../../codegen/allocation.ts";
import { MachineInsn, type RegisterFile } from "../../codegen/machine.ts";
import { Instruction } from "../../isa/instruction.ts";
import { findOp, type Op } from "../../isa/ops.ts";
import type { CodeRelocation, CoreRecord } from "../../object/program.ts";

/** What is attached to an instruction besides its fields. */
export interface Attachment {
  /** Relocation. */
  readonly relocation: CodeRelocation | null;
  /** CO-RE record. */
  readonly core: CoreRecord | null;
  /** Index of the local function that it calls or takes the address of, -1 for none. */
  readonly target: number;
}

/** A machine instruction of this target. */
export class BpfInsn extends MachineInsn {
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
  /** What is attached; null for nothing. */
  readonly attachment: Attachment | null;

  /**
   * @param op Row of the instruction table.
   * @param def Virtual register defined, -1 for none.
   * @param uses Virtual registers read.
   * @param pc Slot in the section that it stems from, -1 for none.
   * @param off Offset field.
   * @param imm Immediate field.
   * @param high High half of an `lddw`.
   * @param attachment What is attached.
   */
  constructor(
    op: Op,
    def: number,
    uses: number[],
    pc = -1,
    off = 0,
    imm = 0,
    high = 0,
    attachment: Attachment | null = null,
  ) {
    super(def, uses);
    this.op = op;
    this.off = off;
    this.imm = imm;
    this.high = high;
    this.pc = pc;
    this.attachment = attachment;
  }
}

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
 * @param insn The machine instruction.
 * @param def Register of the definition, -1 for none.
 * @param uses Packed registers of the uses, see {@link useRegister}.
 * @returns The instruction; jump distances are 0.
 */
export function toInstruction(insn: BpfInsn, def: number, uses: number): Instruction {
  const { op } = insn;
  let dst = def;
  let src = 0;
  switch (op.kind) {
    case "alu":
      if (op.form === "reg") src = useRegister(uses, 1);
      break;
    case "mov":
      if (op.form === "reg") src = useRegister(uses, 0);
      break;
    case "cast":
    case "load":
      src = useRegister(uses, 0);
      break;
    case "atomic":
      if (op.fn === "load_acquire") {
        src = useRegister(uses, 0);
        break;
      }
      dst = useRegister(uses, 0);
      src = useRegister(uses, 1);
      break;
    case "store":
    case "branch":
      dst = useRegister(uses, 0);
      if (op.form === "reg") src = useRegister(uses, 1);
      break;
    case "packet":
      dst = 0;
      if (op.fn === "ind") src = useRegister(uses, 1);
      break;
    case "callx":
    case "gotox":
      dst = useRegister(uses, 0);
      break;
    case "goto":
    case "may_goto":
    case "call":
    case "exit":
      dst = 0;
      break;
    case "unary":
    case "lddw":
    case "invalid":
      break;
  }
  return new Instruction(op, dst, src, insn.off, insn.imm, insn.high);
}
