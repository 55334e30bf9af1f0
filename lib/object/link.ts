/**
 * One function with all that it calls, as a stream that needs no relocation: the way a loader lays out a program.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import { Instruction, slotsOf } from "../isa/instruction.ts";
import type { Op } from "../isa/ops.ts";
import { findOp } from "../isa/ops.ts";
import { ELF } from "./elf.ts";
import type { CodeRelocation, CoreRecord, Program, ProgramFunction } from "./program.ts";

const CALL_LOCAL = findOp({ kind: "call", fn: "local" });
const LDDW_FUNC = findOp({ kind: "lddw", fn: "func" });

/** A stream of instructions made of several functions. */
export interface Linked {
  /** The instructions. */
  readonly insns: Instruction[];
  /** Its functions, by the slot where each starts. */
  readonly starts: ReadonlyMap<number, ProgramFunction>;
  /** Relocations that remain, by index in `insns`: of maps, global data and externs. */
  readonly relocations: ReadonlyMap<number, CodeRelocation>;
  /** Names of relocations that the stream cannot express, each once. */
  readonly unresolved: string[];
}

/** Relocates an instruction that has a CO-RE record: gives what takes its place, in as many slots. */
export type RelocateCore = (insn: Instruction, record: CoreRecord) => Instruction[];

/** A function, or as much of it as its symbol claims: static linkers leave dead code behind weak functions. */
interface Extent {
  readonly fn: ProgramFunction;
  /** Index after its last instruction in the section. */
  readonly last: number;
}

/** Finds how much of a function its symbol claims. */
function extents({ elf }: Program): (fn: ProgramFunction) => Extent {
  const sizes = new Map<number, number>();
  const key = (section: number, value: number): number => section * 2 ** 32 + value;
  for (const { type, section, value, size } of elf?.symbols ?? []) {
    if (type === ELF.STT_FUNC && size > 0) sizes.set(key(section, value), size);
  }
  return (fn) => {
    const { section, first, last } = fn;
    const start = section.slots[first];
    const end = start + (sizes.get(key(section.elfIndex, start * 8)) ?? Infinity) / 8;
    let cut = last;
    while (cut > first + 1 && section.slots[cut] > end) cut--;
    return { fn, last: cut };
  };
}

/**
 * The functions reachable by calls and addresses, each once, in the order of libbpf: behind a function those that it is
 * the first to refer to, each followed by its own.
 */
function reachable(program: Program, first: ProgramFunction): Extent[] {
  const extentOf = extents(program);
  const found: Extent[] = [];
  const seen = new Set<number>();
  const open: { readonly extent: Extent; next: number }[] = [];
  const enter = (fn: ProgramFunction): void => {
    const { name, entangled } = fn;
    if (entangled !== "") {
      throw new UnsupportedError(
        `cannot link ${first.name}: ${name} is not separate: ${entangled}`,
        { function: name },
      );
    }
    const extent = extentOf(fn);
    seen.add(fn.index);
    found.push(extent);
    open.push({ extent, next: fn.first });
  };
  enter(first);
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const { fn: { section }, last } = top.extent;
    if (top.next === last) {
      open.pop();
      continue;
    }
    const target = section.targets.get(section.slots[top.next++]);
    if (target?.kind === "function" && !seen.has(target.index)) {
      enter(program.functions[target.index]);
    }
  }
  return found;
}

const retarget = (insn: Instruction, op: Op, imm: number): Instruction =>
  new Instruction(op, insn.dst, 0, 0, imm, 0);

/**
 * Links a function with all functions that it needs.
 *
 * @param program The program.
 * @param first The function to start with.
 * @param relocateCore Relocates what has a CO-RE record; without it, that stays as compiled.
 * @returns The stream.
 * @throws {UnsupportedError} If one of them shares code with its neighbours.
 */
export function linkFunction(
  program: Program,
  first: ProgramFunction,
  relocateCore: RelocateCore | null = null,
): Linked {
  const functions = reachable(program, first);
  const startOf = new Map<number, number>();
  const starts = new Map<number, ProgramFunction>();
  let size = 0;
  for (const { fn, last } of functions) {
    startOf.set(fn.index, size);
    starts.set(size, fn);
    size += fn.section.slots[last] - fn.section.slots[fn.first];
  }
  const insns: Instruction[] = [];
  const relocations = new Map<number, CodeRelocation>();
  const unresolved = new Set<string>();
  let slot = 0;
  for (const { fn: { section, first: from }, last } of functions) {
    for (let i = from; i < last; i++) {
      const insn = section.insns[i];
      const target = section.targets.get(section.slots[i]);
      if (target?.kind === "function") {
        const distance = startOf.get(target.index)! - slot - 1;
        insns.push(retarget(insn, insn.op.kind === "call" ? CALL_LOCAL : LDDW_FUNC, distance));
      } else {
        const relocation = section.relocations.get(section.slots[i]);
        if (relocation !== undefined) {
          relocations.set(insns.length, relocation);
          unresolved.add(relocation.name);
        }
        const record = relocateCore === null ? undefined : section.core.get(section.slots[i]);
        if (record === undefined) insns.push(insn);
        else insns.push(...relocateCore!(insn, record));
      }
      slot += slotsOf(insn);
    }
  }
  return { insns, starts, relocations, unresolved: [...unresolved] };
}
