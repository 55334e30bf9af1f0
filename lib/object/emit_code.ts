/**
 * Instructions of a section in their new places: calls, function addresses and jumps across functions are aimed anew.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import { Instruction, jumpTarget } from "../isa/instruction.ts";
import { ELF } from "./elf.ts";
import type { ElfObject } from "./elf_object.ts";
import type { Layout, PlacedFunction, SectionLayout } from "./layout.ts";
import type { CodeRelocation } from "./program.ts";
import { RELOCATION } from "./relocation_types.ts";

/** A section's instructions and relocations after a rewrite. */
export interface EmittedSection {
  /** The instructions. */
  readonly insns: readonly Instruction[];
  /** Relocations of the functions with new code, by new slot, ascending. */
  readonly relocations: ReadonlyMap<number, CodeRelocation>;
}

/**
 * Where a symbol is now.
 *
 * @param layout Layout of the program.
 * @param object The object.
 * @param symbol Index of the symbol.
 * @returns Its value in bytes.
 */
export function movedSymbol(layout: Layout, object: ElfObject, symbol: number): number {
  const { section, value } = object.symbols[symbol];
  const moved = layout.byElfIndex.get(section);
  return moved === undefined ? value : moved.movedByte(value);
}

function withImm(insn: Instruction, imm: number): Instruction {
  return imm === insn.imm
    ? insn
    : new Instruction(insn.op, insn.dst, insn.src, insn.off, imm, insn.high);
}

/** Aims a call or function address at the new place of a function. */
function aim(
  insn: Instruction,
  slot: number,
  target: PlacedFunction,
  relocation: CodeRelocation | undefined,
  layout: Layout,
  object: ElfObject | null,
): Instruction {
  if (relocation === undefined || object === null) {
    return withImm(insn, target.newStart - slot - 1);
  }
  if (relocation.addend !== null) return insn;
  const bytes = target.newStart * 8 - movedSymbol(layout, object, relocation.symbol);
  return withImm(insn, insn.op.kind === "call" ? bytes / 8 - 1 : bytes);
}

/** Aims a jump that may leave its function at the new place of its target. */
function aimJump(
  insn: Instruction,
  oldSlot: number,
  newSlot: number,
  placed: PlacedFunction,
  layout: SectionLayout,
): Instruction {
  const { op } = insn;
  if (op.kind !== "goto" && op.kind !== "branch" && op.kind !== "may_goto") return insn;
  const target = jumpTarget(insn, oldSlot);
  if (target < 0 || target > layout.section.slots[layout.section.insns.length]) return insn;
  const distance = layout.moved(target) - newSlot - 1;
  if (op.kind === "goto" && op.fn === "far") return withImm(insn, distance);
  if (distance < -0x8000 || distance > 0x7fff) {
    throw new UnsupportedError(
      `cannot move ${placed.old.name}: a jump to another function would span ${distance} slots`,
      { function: placed.old.name, section: layout.section.name, pc: newSlot },
    );
  }
  return new Instruction(op, insn.dst, insn.src, distance, insn.imm, insn.high);
}

function emitVerbatim(
  placed: PlacedFunction,
  section: SectionLayout,
  layout: Layout,
  object: ElfObject | null,
  out: Instruction[],
): void {
  const { insns, slots, targets, relocations } = section.section;
  const { first, last, entangled } = placed.old;
  const delta = placed.newStart - placed.oldStart;
  for (let i = first; i < last; i++) {
    let insn = insns[i];
    const slot = slots[i];
    const target = targets.get(slot);
    if (target !== undefined && target.kind === "function") {
      const callee = layout.functions[target.index];
      insn = aim(insn, slot + delta, callee, relocations.get(slot), layout, object);
    } else if (entangled !== "" && section.changed) {
      insn = aimJump(insn, slot, slot + delta, placed, section);
    }
    out.push(insn);
  }
}

/** A relocation for a reference to another section that had none: new code may call what it did not before. */
function newRelocation(
  insn: Instruction,
  target: PlacedFunction,
  placed: PlacedFunction,
  object: ElfObject | null,
): CodeRelocation | undefined {
  if (object === null || target.old.section === placed.old.section) return undefined;
  const section = target.old.section.elfIndex;
  const symbol = object.symbols.find((s) =>
    s.section === section && s.value === 0 &&
    (s.name === target.old.name || s.type === ELF.STT_SECTION)
  );
  if (symbol === undefined) {
    throw new UnsupportedError(
      `cannot call ${target.old.name} from ${placed.old.name}: section ${target.old.section.name} has no symbol`,
      { function: placed.old.name },
    );
  }
  const type = insn.op.kind === "call" ? RELOCATION.R64_32 : RELOCATION.R64_64;
  return { type, symbol: symbol.index, name: symbol.name, addend: null };
}

function emitNew(
  placed: PlacedFunction,
  layout: Layout,
  object: ElfObject | null,
  out: Instruction[],
  relocations: Map<number, CodeRelocation>,
): void {
  const code = placed.code!;
  const { slots, newStart } = placed;
  for (let i = 0; i < code.insns.length; i++) {
    const slot = newStart + slots[i];
    let insn = code.insns[i];
    let relocation = code.relocations.get(i);
    const index = code.targets.get(i);
    if (index !== undefined) {
      const target = layout.functions[index];
      relocation ??= newRelocation(insn, target, placed, object);
      insn = aim(insn, slot, target, relocation, layout, object);
    }
    if (relocation !== undefined) relocations.set(slot, relocation);
    out.push(insn);
  }
}

/**
 * Emits a section in its new layout.
 *
 * @param section Layout of the section.
 * @param layout Layout of the program.
 * @param object The object; null for a raw stream.
 * @returns Its instructions, and the relocations of its new code.
 * @throws {UnsupportedError} If a jump or call cannot be aimed.
 */
export function emitSection(
  section: SectionLayout,
  layout: Layout,
  object: ElfObject | null,
): EmittedSection {
  const insns: Instruction[] = [];
  const relocations = new Map<number, CodeRelocation>();
  for (const placed of section.functions) {
    if (placed.code === null) emitVerbatim(placed, section, layout, object, insns);
    else emitNew(placed, layout, object, insns, relocations);
  }
  return { insns, relocations };
}
