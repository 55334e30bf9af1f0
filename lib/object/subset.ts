/**
 * A part of an object as a program of its own: some functions with all that they refer to. What a loader would not load
 * costs nothing then, and cannot be the reason of a failure.
 *
 * @module
 */

import type { Instruction } from "../isa/instruction.ts";
import type {
  CodeRelocation,
  CodeSection,
  CodeTarget,
  CoreRecord,
  LineRecord,
  Program,
  ProgramFunction,
} from "./program.ts";

/** A part of a program. */
export interface Subset {
  /** The part; sections of which nothing is left are missing. */
  readonly program: Program;
  /** Index of each function of the whole in the part; -1 if it is not there. */
  readonly indices: Int32Array;
  /** For each section of the part: the slot in the section of the whole, by slot. */
  readonly origins: ReadonlyMap<CodeSection, Int32Array>;
}

/**
 * What code refers to besides the functions that it calls or takes the address of.
 *
 * @param section The section.
 * @param slot Slot of an instruction that has a relocation.
 * @param insn The instruction.
 * @returns Indices of functions that it may reach.
 */
export type FurtherFunctions = (
  section: CodeSection,
  slot: number,
  insn: Instruction,
) => Iterable<number>;

/** The functions that some functions need, themselves included; code that cannot be separated stays together. */
function closure(
  program: Program,
  roots: Iterable<number>,
  further: FurtherFunctions,
): Uint8Array {
  const needed = new Uint8Array(program.functions.length);
  const open: number[] = [];
  const add = (index: number): void => {
    if (needed[index] === 1) return;
    needed[index] = 1;
    open.push(index);
  };
  for (const root of roots) add(root);
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    const { section, first, last, entangled } = program.functions[index];
    if (entangled !== "") {
      for (const fn of program.functions) if (fn.section === section) add(fn.index);
    }
    for (let i = first; i < last; i++) {
      const slot = section.slots[i];
      const target = section.targets.get(slot);
      if (target?.kind === "function") add(target.index);
      if (!section.relocations.has(slot)) continue;
      for (const other of further(section, slot, section.insns[i])) add(other);
    }
  }
  return needed;
}

/** A section under construction. */
class SectionPart {
  readonly insns: Instruction[] = [];
  readonly slots: number[] = [];
  readonly origins: number[] = [];
  readonly relocations = new Map<number, CodeRelocation>();
  readonly core = new Map<number, CoreRecord>();
  readonly targets = new Map<number, CodeTarget>();
  readonly lines: LineRecord[] = [];
  readonly #from: CodeSection;
  readonly #indices: Int32Array;

  constructor(from: CodeSection, indices: Int32Array) {
    this.#from = from;
    this.#indices = indices;
  }

  /** Appends the instructions of a function. */
  append({ first, last }: ProgramFunction): void {
    const { insns, slots, relocations, core, targets } = this.#from;
    const shift = this.origins.length - slots[first];
    for (let i = first; i < last; i++) {
      const slot = slots[i], here = slot + shift;
      this.insns.push(insns[i]);
      this.slots.push(here);
      for (let s = slot; s < slots[i + 1]; s++) this.origins.push(s);
      const relocation = relocations.get(slot);
      if (relocation !== undefined) this.relocations.set(here, relocation);
      const record = core.get(slot);
      if (record !== undefined) this.core.set(here, record);
      const target = targets.get(slot);
      if (target !== undefined) this.targets.set(here, this.#moved(target));
    }
    this.#lines(slots[first], slots[last], shift);
  }

  #moved(target: CodeTarget): CodeTarget {
    return target.kind === "extern"
      ? target
      : { kind: "function", index: this.#indices[target.index] };
  }

  /** Takes over the source lines of a range of slots. */
  #lines(from: number, to: number, shift: number): void {
    const { lines } = this.#from;
    let low = 0, high = lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lines[middle].slot < from) low = middle + 1;
      else high = middle;
    }
    for (; low < lines.length && lines[low].slot < to; low++) {
      this.lines.push({ ...lines[low], slot: lines[low].slot + shift });
    }
  }

  finish(): CodeSection {
    const { insns, relocations, core, targets, lines } = this;
    const slots = Int32Array.from([...this.slots, this.origins.length]);
    const { name, elfIndex } = this.#from;
    return { name, elfIndex, insns, slots, relocations, core, targets, lines };
  }
}

/**
 * Takes some functions out of a program, with all that they refer to.
 *
 * @param program The whole.
 * @param roots Indices of the functions wanted.
 * @param further What their code may reach besides.
 * @returns The part.
 */
export function subsetProgram(
  program: Program,
  roots: Iterable<number>,
  further: FurtherFunctions = () => [],
): Subset {
  const needed = closure(program, roots, further);
  const kept = program.functions.filter(({ index }) => needed[index] === 1);
  const indices = new Int32Array(program.functions.length).fill(-1);
  kept.forEach(({ index }, i) => indices[index] = i);
  const parts = new Map<CodeSection, SectionPart>();
  const firsts: number[] = [];
  for (const fn of kept) {
    let part = parts.get(fn.section);
    if (part === undefined) {
      parts.set(fn.section, part = new SectionPart(fn.section, indices));
    }
    firsts.push(part.insns.length);
    part.append(fn);
  }
  const sections = new Map([...parts].map(([from, part]) => [from, part.finish()]));
  const functions = kept.map((fn, i) => {
    const first = firsts[i];
    return {
      ...fn,
      index: i,
      section: sections.get(fn.section)!,
      first,
      last: first + fn.last - fn.first,
    };
  });
  const origins = new Map(
    [...parts].map(([from, part]) => [sections.get(from)!, Int32Array.from(part.origins)]),
  );
  return {
    program: { ...program, sections: [...sections.values()], functions },
    indices,
    origins,
  };
}
