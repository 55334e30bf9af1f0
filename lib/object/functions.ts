/**
 * Cuts code sections into functions: at symbols, and at what local calls and function addresses refer to.
 *
 * @module
 */

import type { Instruction } from "../isa/instruction.ts";
import { jumpTarget } from "../isa/instruction.ts";
import { paramsByName, type RawCode } from "./code_section.ts";
import { ELF } from "./elf.ts";
import type { ElfObject } from "./elf_object.ts";
import type { CodeRelocation, CodeSection, CodeTarget, ProgramFunction } from "./program.ts";

/** Kfuncs that never return (kernel/bpf/verifier.c; `__bpf_trap` of LLVM). */
const NORETURN: ReadonlySet<string> = new Set(["bpf_throw", "__bpf_trap"]);

/** What an instruction refers to: a place in code, or a name outside. */
type Reference =
  | { readonly section: number; readonly slot: number }
  | { readonly name: string };

/** What an instruction of a section calls or takes the address of; null if it refers to no code. */
function referenceOf(
  insn: Instruction,
  slot: number,
  relocation: CodeRelocation | undefined,
  elfIndex: number,
  object: ElfObject | null,
): Reference | null {
  const { kind, fn } = insn.op;
  if (kind !== "call" && kind !== "lddw") return null;
  if (relocation === undefined || object === null) {
    return fn === "local" || fn === "func"
      ? { section: elfIndex, slot: slot + 1 + insn.imm }
      : null;
  }
  const symbol = object.symbols[relocation.symbol];
  if (symbol.section === ELF.SHN_UNDEF) {
    return kind === "call" && relocation.symbol !== 0 ? { name: relocation.name } : null;
  }
  const section = object.sections[symbol.section];
  if (section === undefined || (section.flags & ELF.SHF_EXECINSTR) === 0) return null;
  // In place, a call holds slots from the symbol less one, an lddw bytes (libbpf, bpf_object__reloc_code).
  const inPlace = kind === "call" ? (insn.imm + 1) * 8 : insn.imm;
  const addend = relocation.addend === null ? inPlace : Number(relocation.addend);
  return { section: symbol.section, slot: (symbol.value + addend) / 8 };
}

/** A section with its references and the slots where its functions start. */
interface Cut {
  readonly code: RawCode;
  /** Index in `code.insns` by slot; -1 in the middle of an lddw. */
  readonly insnAt: Int32Array;
  readonly references: Map<number, Reference>;
  /** By slot: 1 if a function starts there, 2 if code refers to it besides. */
  readonly starts: Uint8Array;
}

function indexSlots(code: RawCode): Int32Array {
  const insnAt = new Int32Array(code.slots[code.insns.length]).fill(-1);
  for (let i = 0; i < code.insns.length; i++) insnAt[code.slots[i]] = i;
  return insnAt;
}

function findReferences(code: RawCode, object: ElfObject | null): Map<number, Reference> {
  const references = new Map<number, Reference>();
  for (let i = 0; i < code.insns.length; i++) {
    const insn = code.insns[i];
    const { kind } = insn.op;
    if (kind !== "call" && kind !== "lddw") continue;
    const slot = code.slots[i];
    const reference = referenceOf(
      insn,
      slot,
      code.relocations.get(slot),
      code.elfIndex,
      object,
    );
    if (reference !== null) references.set(slot, reference);
  }
  return references;
}

function markStarts(cuts: readonly Cut[], byIndex: ReadonlyMap<number, Cut>): void {
  const mark = (cut: Cut, slot: number, bits: number): void => {
    if (cut.insnAt[slot] >= 0) cut.starts[slot] |= bits;
  };
  for (const cut of cuts) {
    mark(cut, 0, 1);
    for (const slot of cut.code.symbols.keys()) mark(cut, slot, 1);
    for (const reference of cut.references.values()) {
      if ("name" in reference) continue;
      const target = byIndex.get(reference.section);
      if (target !== undefined) mark(target, reference.slot, 3);
    }
  }
}

/** A function under construction. */
interface Piece {
  readonly cut: Cut;
  readonly first: number;
  readonly last: number;
  readonly slot: number;
  entangled: string;
}

/** Cuts a section at its starts; notes in `functionAt` the index of the function at each start. */
function pieces(cut: Cut, functionAt: Int32Array, count: number): Piece[] {
  const { code, starts, insnAt } = cut;
  const slots: number[] = [];
  for (let slot = 0; slot < starts.length; slot++) if (starts[slot] !== 0) slots.push(slot);
  return slots.map((slot, i) => {
    functionAt[slot] = count + i;
    const first = insnAt[slot];
    const last = i + 1 < slots.length ? insnAt[slots[i + 1]] : code.insns.length;
    return { cut, first, last, slot, entangled: "" };
  });
}

function nameOf(piece: Piece): string {
  const { code } = piece.cut;
  const name = code.symbols.get(piece.slot)?.name ?? code.labels.get(piece.slot);
  if (name !== undefined) return name;
  if (code.elfIndex < 0 && piece.slot === 0) return "main";
  return `${code.elfIndex < 0 ? "main" : code.name}+0x${(piece.slot * 8).toString(16)}`;
}

/** Whether control can run past an instruction to the next. */
function continues(insn: Instruction, reference: Reference | undefined): boolean {
  const { kind } = insn.op;
  if (kind === "call" && reference !== undefined && "name" in reference) {
    return !NORETURN.has(reference.name);
  }
  return kind !== "goto" && kind !== "exit" && kind !== "gotox";
}

/** Marks the functions of one section that jump into each other or run into the next. */
function entangle(section: readonly Piece[]): void {
  const { cut } = section[0];
  const { insns, slots } = cut.code;
  const owner = new Int32Array(insns.length);
  section.forEach((piece, i) => owner.fill(i, piece.first, piece.last));
  const link = (from: Piece, to: Piece, how: string): void => {
    from.entangled ||= `it ${how} ${nameOf(to)}`;
    to.entangled ||= `${nameOf(from)} ${how} it`;
  };
  for (let i = 0; i < insns.length; i++) {
    const { kind } = insns[i].op;
    if (kind !== "goto" && kind !== "branch" && kind !== "may_goto") continue;
    const target = cut.insnAt[jumpTarget(insns[i], slots[i])];
    if (target === undefined || target < 0 || owner[target] === owner[i]) continue;
    link(section[owner[i]], section[owner[target]], "jumps into");
  }
  for (let i = 0; i + 1 < section.length; i++) {
    const last = section[i].last - 1;
    if (continues(insns[last], cut.references.get(slots[last]))) {
      link(section[i], section[i + 1], "falls through into");
    }
  }
}

/**
 * Cuts sections into functions and resolves what they refer to.
 *
 * @param sections The sections.
 * @param object The object that holds them; null for raw inputs.
 * @returns The sections with their targets, and the functions by section, then by place.
 */
export function cutFunctions(
  sections: readonly RawCode[],
  object: ElfObject | null,
): { sections: CodeSection[]; functions: ProgramFunction[] } {
  const cuts = sections.map((code): Cut => ({
    code,
    insnAt: indexSlots(code),
    references: findReferences(code, object),
    starts: new Uint8Array(code.slots[code.insns.length]),
  }));
  const byIndex = new Map(cuts.map((cut) => [cut.code.elfIndex, cut]));
  markStarts(cuts, byIndex);

  const functionAt = new Map<number, Int32Array>();
  const all: Piece[] = [];
  const done: CodeSection[] = [];
  const targets: Map<number, CodeTarget>[] = [];
  for (const cut of cuts) {
    const at = new Int32Array(cut.starts.length).fill(-1);
    functionAt.set(cut.code.elfIndex, at);
    const section = pieces(cut, at, all.length);
    if (section.length > 1) entangle(section);
    for (const piece of section) all.push(piece);
    const { symbols: _, labels: __, ...code } = cut.code;
    targets.push(new Map());
    done.push({ ...code, targets: targets[targets.length - 1] });
  }
  cuts.forEach((cut, i) => {
    for (const [slot, reference] of cut.references) {
      if ("name" in reference) {
        const params = paramsByName(object?.btf ?? null, reference.name);
        targets[i].set(slot, { kind: "extern", name: reference.name, params });
      } else {
        const index = functionAt.get(reference.section)?.[reference.slot] ?? -1;
        if (index >= 0) targets[i].set(slot, { kind: "function", index });
      }
    }
  });
  const ordinal = new Map(cuts.map((cut, i) => [cut, done[i]]));
  const functions = all.map((piece, index): ProgramFunction => {
    const symbol = piece.cut.code.symbols.get(piece.slot);
    return {
      index,
      name: nameOf(piece),
      section: ordinal.get(piece.cut)!,
      first: piece.first,
      last: piece.last,
      global: symbol?.global ?? false,
      subprogram: (piece.cut.starts[piece.slot] & 2) !== 0,
      params: symbol?.params ?? -1,
      entangled: piece.entangled,
    };
  });
  return { sections: done, functions };
}
