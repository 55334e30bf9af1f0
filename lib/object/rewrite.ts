/**
 * Puts changed functions back into the input they came from.
 *
 * @module
 */

import { InvariantError, UnsupportedError } from "../errors.ts";
import { encode } from "../isa/codec.ts";
import { disassemble } from "../isa/disassemble.ts";
import type { Instruction } from "../isa/instruction.ts";
import { emitSection } from "./emit_code.ts";
import { layOut } from "./layout.ts";
import { readLinked, rewriteLinked } from "./linked_format.ts";
import { loadProgram } from "./load.ts";
import type { Format, FunctionCode, Program } from "./program.ts";
import { rewriteElf, type Rewritten } from "./rewrite_elf.ts";
import { dumpNotation, hexNotation, printDump, printHex } from "./text_formats.ts";
import { writeProgram } from "./write.ts";

/** How to write the result. */
export interface RewriteOptions {
  /** Format of the output; that of the input by default. */
  readonly to?: Format;
}

/** Prints a stream as its input was printed. */
function printLike(program: Program, insns: readonly Instruction[]): Uint8Array {
  const code = encode(insns, program.order);
  if (program.format === "raw") return code;
  const text = new TextDecoder().decode(program.bytes);
  switch (program.format) {
    case "dump":
      return new TextEncoder().encode(printDump(code, dumpNotation(text)));
    case "hex":
      return new TextEncoder().encode(printHex(code, hexNotation(text)));
    case "asm": {
      const syntax = /%r\d/.test(text) ? "mnemonic" : "pseudo-c";
      return new TextEncoder().encode(disassemble(insns, { syntax }));
    }
    default:
      throw new InvariantError(`a stream of instructions came in as ${program.format}`);
  }
}

function rewriteStream(
  program: Program,
  changes: ReadonlyMap<number, FunctionCode>,
): Rewritten {
  const layout = layOut(program, changes);
  const insns = layout.sections.flatMap((section) => emitSection(section, layout, null).insns);
  if (program.format === "linked") {
    const code = encode(insns, program.order);
    return { bytes: rewriteLinked(readLinked(program.bytes), layout.sections[0], code), notes: [] };
  }
  return { bytes: printLike(program, insns), notes: [] };
}

/**
 * Writes a program with new code for some of its functions. All else is carried over to the byte; calls and addresses
 * of functions that moved are aimed anew. Without changes the output is the input.
 *
 * @param program The program.
 * @param changes New code by function index.
 * @param options Another output format.
 * @returns The output, and notes on what was dropped.
 * @throws {UnsupportedError} If the input's structure, or the output format, does not allow it.
 */
export function rewriteProgram(
  program: Program,
  changes: ReadonlyMap<number, FunctionCode>,
  options: RewriteOptions = {},
): Rewritten {
  const rewritten = rewriteInFormat(program, changes);
  const to = options.to ?? program.format;
  if (to === program.format) return rewritten;
  const written = writeProgram(loadProgram(rewritten.bytes, { from: program.format }), to);
  return { bytes: written.bytes, notes: [...rewritten.notes, ...written.notes] };
}

function rewriteInFormat(
  program: Program,
  changes: ReadonlyMap<number, FunctionCode>,
): Rewritten {
  if (changes.size === 0) return { bytes: program.bytes, notes: [] };
  if (program.format === "epir") {
    throw new UnsupportedError("cannot rewrite epir: it is SSA, not bytecode");
  }
  if (program.elf !== null) return rewriteElf(program, program.elf, changes);
  return rewriteStream(program, changes);
}
