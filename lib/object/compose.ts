/**
 * A program made of functions that did not come from an input: those of an `.epir` text.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import { findOp } from "../isa/ops.ts";
import { Instruction, slotTable } from "../isa/instruction.ts";
import type {
  CodeRelocation,
  CodeSection,
  CodeTarget,
  CoreRecord,
  FunctionCode,
  Program,
  ProgramFunction,
} from "./program.ts";

/** A function to put into a program. */
export interface ComposedFunction {
  /** Its name. */
  readonly name: string;
  /** Name of the section to put it in; empty for a bare stream. */
  readonly section: string;
  /** Its symbol is global. */
  readonly global: boolean;
  /** Other functions call it. */
  readonly subprogram: boolean;
  /** Number of parameters, -1 if unknown. */
  readonly params: number;
  /** Its code; call and address targets are indices of the list. */
  readonly code: FunctionCode;
}

const CALL_LOCAL = findOp({ kind: "call", fn: "local" });

/** A section under construction. */
class Section {
  readonly insns: Instruction[] = [];
  readonly relocations = new Map<number, CodeRelocation>();
  readonly core = new Map<number, CoreRecord>();
  readonly targets = new Map<number, CodeTarget>();
  readonly bounds: { index: number; first: number; last: number }[] = [];
  /** Slot of the next instruction. */
  #slot = 0;

  /** Appends a function; returns the slot where it starts. */
  append(index: number, { code }: ComposedFunction): number {
    const start = this.#slot;
    const first = this.insns.length;
    code.insns.forEach((insn, i) => {
      const relocation = code.relocations.get(i);
      const core = code.core.get(i);
      const target = code.targets.get(i);
      if (relocation !== undefined) this.relocations.set(this.#slot, relocation);
      if (core !== undefined) this.core.set(this.#slot, core);
      if (target !== undefined) this.targets.set(this.#slot, { kind: "function", index: target });
      this.insns.push(insn);
      this.#slot += insn.op.kind === "lddw" ? 2 : 1;
    });
    this.bounds.push({ index, first, last: this.insns.length });
    return start;
  }

  /** Aims calls and function addresses inside the section. */
  link(starts: readonly { section: Section; slot: number }[]): void {
    let slot = 0;
    this.insns.forEach((insn, i) => {
      const target = this.targets.get(slot);
      if (target?.kind === "function" && starts[target.index].section === this) {
        const imm = starts[target.index].slot - slot - 1;
        if (insn.op === CALL_LOCAL || (insn.op.kind === "lddw" && insn.op.fn === "func")) {
          this.insns[i] = new Instruction(insn.op, insn.dst, insn.src, insn.off, imm, insn.high);
        }
      }
      slot += insn.op.kind === "lddw" ? 2 : 1;
    });
  }
}

/**
 * Makes a program of functions.
 *
 * @param functions The functions; those of one section become neighbours, in order.
 * @param order Byte order.
 * @returns The program, as if read from a bare stream.
 */
export function composeProgram(
  functions: readonly ComposedFunction[],
  order: ByteOrder,
): Program {
  const sections = new Map<string, Section>();
  const starts = functions.map((fn, index) => {
    let section = sections.get(fn.section);
    if (section === undefined) sections.set(fn.section, section = new Section());
    return { section, slot: section.append(index, fn) };
  });
  const made: CodeSection[] = [];
  const result: ProgramFunction[] = new Array(functions.length);
  for (const [name, section] of sections) {
    section.link(starts);
    const { insns, relocations, core, targets } = section;
    const code: CodeSection = {
      name,
      elfIndex: -1,
      insns,
      slots: slotTable(insns),
      relocations,
      core,
      targets,
      lines: [],
    };
    made.push(code);
    for (const { index, first, last } of section.bounds) {
      const { name, global, subprogram, params } = functions[index];
      result[index] = {
        index,
        name,
        section: code,
        first,
        last,
        global,
        subprogram,
        params,
        entangled: "",
      };
    }
  }
  return {
    format: "epir",
    order,
    bytes: new Uint8Array(0),
    elf: null,
    sections: made,
    functions: result,
  };
}
