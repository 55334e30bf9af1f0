/**
 * Where code goes when functions change size: new places of functions and of the instructions in them.
 *
 * @module
 */

import { invariant, UnsupportedError } from "../errors.ts";
import { slotTable } from "../isa/instruction.ts";
import type { CodeSection, FunctionCode, Program, ProgramFunction } from "./program.ts";

/** A function in its new place. Slots count from the start of its section. */
export interface PlacedFunction {
  /** The function as it was. */
  readonly old: ProgramFunction;
  /** Its new code; null if it is carried verbatim. */
  readonly code: FunctionCode | null;
  /** Slot of each instruction of the new code from the function's start; empty if it is carried verbatim. */
  readonly slots: Int32Array;
  /** Its first slot before. */
  readonly oldStart: number;
  /** The slot behind its last one before. */
  readonly oldEnd: number;
  /** Its first slot now. */
  readonly newStart: number;
  /** The slot behind its last one now. */
  readonly newEnd: number;
}

/** The slot of each instruction of new code, relative to its function, by the slot that it stems from. */
function originIndex(placed: PlacedFunction, code: FunctionCode): Int32Array {
  const { slots, oldStart, oldEnd, newStart, newEnd } = placed;
  const index = new Int32Array(oldEnd - oldStart + 1).fill(-1);
  for (let i = code.insns.length - 1; i >= 0; i--) {
    const origin = code.origins[i] - oldStart;
    if (origin >= 0 && origin < oldEnd - oldStart) index[origin] = slots[i];
  }
  // What was not emitted is where the next instruction that was emitted is.
  index[oldEnd - oldStart] = newEnd - newStart;
  for (let i = oldEnd - oldStart - 1; i >= 0; i--) if (index[i] < 0) index[i] = index[i + 1];
  index[0] = 0;
  return index;
}

/** The functions of a section in their new places. */
export class SectionLayout {
  /** The section as it was. */
  readonly section: CodeSection;
  /** Its functions in order; they cover it. */
  readonly functions: readonly PlacedFunction[];
  /** Whether a function has new code. */
  readonly changed: boolean;
  readonly #origins = new Map<PlacedFunction, Int32Array>();

  /**
   * Makes a layout of functions that are already placed.
   *
   * @param section The section as it was.
   * @param functions Its functions in order.
   */
  constructor(section: CodeSection, functions: readonly PlacedFunction[]) {
    this.section = section;
    this.functions = functions;
    this.changed = functions.some((f) => f.code !== null);
  }

  /**
   * Finds the function at a slot.
   *
   * @param slot A slot of the old section.
   * @returns The function that holds it; the last one beyond the end.
   */
  functionAt(slot: number): PlacedFunction {
    let low = 0;
    let high = this.functions.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.functions[middle].oldStart <= slot) low = middle;
      else high = middle - 1;
    }
    return this.functions[low];
  }

  /**
   * Where a place of the old section is now.
   *
   * @param slot A slot of the old section; beyond its end it keeps its distance to that, below 0 it stays.
   * @returns Its slot now: of the instruction itself, or of the next that was kept.
   */
  moved(slot: number): number {
    if (!this.changed || slot < 0) return slot;
    const placed = this.functionAt(slot);
    if (slot >= placed.oldEnd) return slot - placed.oldEnd + placed.newEnd;
    if (placed.code === null) return slot - placed.oldStart + placed.newStart;
    let index = this.#origins.get(placed);
    if (index === undefined) {
      index = originIndex(placed, placed.code);
      this.#origins.set(placed, index);
    }
    return placed.newStart + index[slot - placed.oldStart];
  }

  /**
   * Where a byte of the old section is now.
   *
   * @param offset Offset in bytes in the old section.
   * @returns Its offset in bytes now.
   */
  movedByte(offset: number): number {
    return this.moved(Math.floor(offset / 8)) * 8 + offset % 8;
  }
}

/** New places of all functions. */
export interface Layout {
  /** The sections in the order of the program. */
  readonly sections: readonly SectionLayout[];
  /** All functions by index. */
  readonly functions: readonly PlacedFunction[];
  /** The layout of a code section by its ELF index, -1 for a raw stream. */
  readonly byElfIndex: ReadonlyMap<number, SectionLayout>;
}

const NO_SLOTS = new Int32Array(0);

function checkCode(fn: ProgramFunction, code: FunctionCode): void {
  invariant(
    code.origins.length === code.insns.length,
    `new code of ${fn.name} has ${code.insns.length} instructions, but ${code.origins.length} origins`,
  );
  if (fn.entangled !== "") {
    throw new UnsupportedError(`cannot replace code of ${fn.name}: ${fn.entangled}`, {
      function: fn.name,
      section: fn.section.name,
    });
  }
}

/**
 * Places all functions, each behind the one before as in the input.
 *
 * @param program The program.
 * @param changes New code by function index.
 * @returns The new places.
 * @throws {UnsupportedError} If a function with new code is entangled with others.
 */
export function layOut(program: Program, changes: ReadonlyMap<number, FunctionCode>): Layout {
  const functions: PlacedFunction[] = [];
  const bySection = new Map<CodeSection, PlacedFunction[]>(program.sections.map((s) => [s, []]));
  for (const old of program.functions) {
    const group = bySection.get(old.section);
    invariant(group !== undefined, `function ${old.name} is in no section of its program`);
    const code = changes.get(old.index) ?? null;
    if (code !== null) checkCode(old, code);
    const oldStart = old.section.slots[old.first];
    const oldEnd = old.section.slots[old.last];
    const newStart = group.length === 0 ? 0 : group[group.length - 1].newEnd;
    const slots = code === null ? NO_SLOTS : slotTable(code.insns);
    const size = code === null ? oldEnd - oldStart : slots[code.insns.length];
    const placed = { old, code, slots, oldStart, oldEnd, newStart, newEnd: newStart + size };
    group.push(placed);
    functions.push(placed);
  }
  const sections = program.sections.map((s) => new SectionLayout(s, bySection.get(s)!));
  return { sections, functions, byElfIndex: new Map(sections.map((s) => [s.section.elfIndex, s])) };
}
