/**
 * What `epass run --trace` prints: a line for each instruction, with the registers that it changed.
 *
 * @module
 */

import { printInstruction } from "../isa/disassemble.ts";
import type { TraceStep } from "../vm/trace.ts";

/** Columns of the instruction in a line. */
const WIDTH = 44;

/** Makes the lines of a trace: an instruction is printed when the next one shows what it did. */
export class TraceText {
  readonly #lines: string[] = [];
  #last: TraceStep | null = null;

  /**
   * Takes the next instruction.
   *
   * @param step The instruction, before it runs.
   */
  add(step: TraceStep): void {
    if (this.#last !== null) this.#lines.push(this.#line(this.#last, step.registers));
    this.#last = step;
  }

  /** The trace, a line feed behind each line. */
  get text(): string {
    const last = this.#last;
    const lines = last === null ? this.#lines : [...this.#lines, this.#line(last, last.registers)];
    return lines.map((line) => `${line}\n`).join("");
  }

  #line(
    { insn, function: name, pc, depth, registers }: TraceStep,
    after: readonly bigint[],
  ): string {
    const changes = after.flatMap((value, i) =>
      value === registers[i] ? [] : [`r${i}=0x${value.toString(16)}`]
    );
    const place = `${"  ".repeat(depth - 1)}${name}+${pc}:`;
    const text = `${place.padEnd(16)} ${printInstruction(insn, pc)}`;
    return changes.length === 0 ? text : `${text.padEnd(WIDTH)} ${changes.join(" ")}`;
  }
}
