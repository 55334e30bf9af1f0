/**
 * A program that needs no loader any more: CO-RE records applied, every `lddw` whose symbol is known a plain constant. What
 * refers to functions of the program stays; what nobody knows stays and faults when it is executed.
 *
 * @module
 */

import { placing } from "../errors.ts";
import { Instruction, slotsOf } from "../isa/instruction.ts";
import { findOp, type LddwKind } from "../isa/ops.ts";
import type { RelocateCore } from "../object/link.ts";
import type { CodeSection, Program } from "../object/program.ts";
import type { SymbolRequest, SymbolResolver } from "./code.ts";

const LDDW_IMM = findOp({ kind: "lddw", fn: "imm64" });

/** What a program is made plain with. */
export interface PlainOptions {
  /** Relocates what has a CO-RE record; null to leave it as compiled. */
  readonly relocateCore: RelocateCore | null;
  /** Provides the values of symbols. */
  readonly resolve: SymbolResolver;
}

/** An `lddw` of a value. */
function constant(dst: number, value: bigint): Instruction {
  const low = Number(BigInt.asIntN(32, value)), high = Number(BigInt.asIntN(32, value >> 32n));
  return new Instruction(LDDW_IMM, dst, 0, 0, low, high);
}

/** What the `lddw` at a slot asks for; null if it is a constant or the address of a function already. */
function requestOf(insn: Instruction, section: CodeSection, pc: number): SymbolRequest | null {
  const { op, imm, high } = insn;
  if (op.kind !== "lddw" || op.fn === "func") return null;
  const target = section.targets.get(pc);
  const relocation = section.relocations.get(pc) ?? null;
  if (target?.kind === "function") return null;
  if (op.fn === "imm64" && target === undefined && relocation === null) return null;
  const extern = target?.name ?? "";
  return { kind: op.fn as LddwKind, imm, high, relocation, extern, section: section.name, pc };
}

function plainSection(section: CodeSection, options: PlainOptions): CodeSection {
  const { relocateCore, resolve } = options;
  const insns: Instruction[] = [];
  const relocations = new Map(section.relocations);
  section.insns.forEach((insn, i) => {
    const pc = section.slots[i];
    const record = relocateCore === null ? undefined : section.core.get(pc);
    if (record !== undefined) {
      const place = { section: section.name, pc };
      insns.push(...placing(place, () => relocateCore!(insn, record)));
      return;
    }
    const request = requestOf(insn, section, pc);
    const value = request === null ? null : resolve(request);
    if (value !== null) relocations.delete(pc);
    insns.push(value === null ? insn : constant(insn.dst, value));
  });
  return { ...section, insns, slots: slotsOfAll(insns), relocations, core: new Map() };
}

function slotsOfAll(insns: readonly Instruction[]): Int32Array {
  const slots = new Int32Array(insns.length + 1);
  insns.forEach((insn, i) => slots[i + 1] = slots[i] + slotsOf(insn));
  return slots;
}

/** Index of the instruction at a slot. */
function indexAt({ slots }: CodeSection, slot: number): number {
  let low = 0, high = slots.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (slots[middle] < slot) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Makes a program plain. Every instruction keeps its slot.
 *
 * @param program The program.
 * @param options What with.
 * @returns The plain program, with the same functions.
 * @throws {EpassError} If a CO-RE record cannot be applied.
 */
export function plainProgram(program: Program, options: PlainOptions): Program {
  const sections = new Map(program.sections.map((s) => [s, plainSection(s, options)]));
  const functions = program.functions.map((fn) => {
    const section = sections.get(fn.section)!;
    const [first, last] = [fn.first, fn.last].map((i) => indexAt(section, fn.section.slots[i]));
    return { ...fn, section, first, last };
  });
  return { ...program, sections: [...sections.values()], functions };
}
