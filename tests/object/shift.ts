/**
 * Moves code artificially: new code for functions that is the old with jumps to the next instruction put in.
 *
 * @module
 */

import { Instruction, jumpTarget, slotsOf, slotTable } from "../../lib/isa/instruction.ts";
import { findOp } from "../../lib/isa/ops.ts";
import type {
  CodeRelocation,
  CoreRecord,
  FunctionCode,
  Program,
  ProgramFunction,
} from "../../lib/object/program.ts";

const GOTO = findOp({ kind: "goto", fn: "near" });

function withTarget(insn: Instruction, pc: number, target: number): Instruction {
  const distance = target - pc - 1;
  const { op, dst, src, off, imm } = insn;
  if (op.kind === "goto" && op.fn === "far") return new Instruction(op, dst, src, off, distance);
  return new Instruction(op, dst, src, distance, imm);
}

/**
 * @param fn A function that is not entangled.
 * @param padding How many instructions to put in behind the instruction of an index.
 * @returns The same code with `goto +0` put in.
 */
export function padded(fn: ProgramFunction, padding: (index: number) => number): FunctionCode {
  const { section, first, last } = fn;
  const insns: Instruction[] = [];
  const origins: number[] = [];
  const relocations = new Map<number, CodeRelocation>();
  const core = new Map<number, CoreRecord>();
  const targets = new Map<number, number>();
  /** New slot by old slot. */
  const moved = new Map<number, number>();
  let pc = 0;
  for (let i = first; i < last; i++) {
    const slot = section.slots[i];
    const at = insns.length;
    const insn = section.insns[i];
    moved.set(slot, pc);
    insns.push(insn);
    origins.push(slot);
    pc += slotsOf(insn);
    const relocation = section.relocations.get(slot);
    if (relocation !== undefined) relocations.set(at, relocation);
    const record = section.core.get(slot);
    if (record !== undefined) core.set(at, record);
    const target = section.targets.get(slot);
    if (target?.kind === "function") targets.set(at, target.index);
    // Behind a jump nothing may stand that is not a target: the verifier refuses unreachable code.
    const open = insn.op.kind !== "goto" && insn.op.kind !== "exit" && insn.op.kind !== "gotox";
    const count = open && i + 1 < last ? padding(i - first) : 0;
    for (let n = 0; n < count; n++) {
      insns.push(new Instruction(GOTO));
      origins.push(-1);
      pc++;
    }
  }
  moved.set(section.slots[last], pc);
  const slots = slotTable(insns);
  for (let i = 0; i < insns.length; i++) {
    const { kind } = insns[i].op;
    if (origins[i] < 0 || (kind !== "goto" && kind !== "branch" && kind !== "may_goto")) continue;
    const target = moved.get(jumpTarget(insns[i], origins[i]));
    if (target !== undefined) insns[i] = withTarget(insns[i], slots[i], target);
  }
  return { insns, origins: Int32Array.from(origins), relocations, core, targets };
}

/**
 * @param program A program.
 * @param padding How many instructions to put in behind the instruction of an index.
 * @returns New code for all its functions that are not entangled.
 */
export function padAll(
  program: Program,
  padding: (index: number) => number,
): Map<number, FunctionCode> {
  const changes = new Map<number, FunctionCode>();
  for (const fn of program.functions) {
    if (fn.entangled === "") changes.set(fn.index, padded(fn, padding));
  }
  return changes;
}
