/**
 * A run, instruction by instruction.
 *
 * @module
 */

import type { Instruction } from "../isa/instruction.ts";
import type { CodeSection } from "../object/program.ts";
import { type Code, placeOf } from "./code.ts";
import type { Interpreter, Outcome } from "./interpreter.ts";

/** An instruction that is about to run. A helper and its callbacks are one step. */
export interface TraceStep {
  /** The instruction. */
  readonly insn: Instruction;
  /** Name of its section. */
  readonly section: string;
  /** Name of its function. */
  readonly function: string;
  /** Its slot in the section. */
  readonly pc: number;
  /** Frames in use. */
  readonly depth: number;
  /** r0 to r10 before it, as unsigned 64-bit patterns. */
  readonly registers: readonly bigint[];
}

/** Index of the instruction at a slot of a section; -1 past its end or inside an `lddw`. */
function indexAt({ slots, insns }: CodeSection, slot: number): number {
  let low = 0, high = insns.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (slots[middle] < slot) low = middle + 1;
    else high = middle;
  }
  return slots[low] === slot && low < insns.length ? low : -1;
}

/**
 * Runs what an interpreter is ready to run, and shows each instruction before.
 *
 * @param interpreter The interpreter, started.
 * @param code What it runs.
 * @param show Told of each instruction.
 * @returns How the run ended.
 */
export function traceRun(
  interpreter: Interpreter,
  code: Code,
  show: (step: TraceStep) => void,
): Outcome {
  do {
    const { pc: slot, section: name, function: fn } = placeOf(code, interpreter.pc);
    const section = code.program.sections.find((s, i) =>
      s.name === name && code.sectionSlots[i] + slot === interpreter.pc
    );
    const index = section === undefined ? -1 : indexAt(section, slot);
    if (section === undefined || index < 0) continue;
    const registers = Array.from({ length: 11 }, (_, i) => interpreter.register(i));
    const { depth } = interpreter;
    show({ insn: section.insns[index], section: name, function: fn, pc: slot, depth, registers });
  } while (interpreter.step());
  return interpreter.outcome;
}
