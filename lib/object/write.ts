/**
 * Writes a program in another format.
 *
 * @module
 */

import { EpassError, UnsupportedError } from "../errors.ts";
import { encode } from "../isa/codec.ts";
import { disassemble } from "../isa/disassemble.ts";
import { makeElf } from "./elf_make.ts";
import { encodeBareLinked } from "./linked_format.ts";
import { type Linked, linkFunction } from "./link.ts";
import type { Format, Program, ProgramFunction } from "./program.ts";
import type { Rewritten } from "./rewrite_elf.ts";
import { printDump, printHex } from "./text_formats.ts";

/** What to write. */
export interface WriteOptions {
  /** Name of the function to write, with all that it calls; needed where a program has several. */
  readonly function?: string;
  /** Section of an object made from a stream; `.text` by default. */
  readonly section?: string;
  /** License of an object made from a stream; `GPL` by default. */
  readonly license?: string;
}

/** The function that a stream is made of: the one named, or the only one that nothing else calls. */
function chooseFunction(program: Program, name: string | undefined): ProgramFunction {
  const { functions } = program;
  if (functions.length === 0) throw new EpassError("cannot write program: it has no code");
  if (program.elf === null && name === undefined) return functions[0];
  const candidates = name === undefined
    ? functions.filter((f) => !f.subprogram)
    : functions.filter((f) => f.name === name);
  if (candidates.length === 1) return candidates[0];
  const shown = candidates.slice(0, 8).map((f) => f.name).join(", ");
  throw new EpassError(
    name !== undefined && candidates.length === 0
      ? `cannot write program: there is no function ${name}`
      : `cannot write program: it has ${candidates.length} to choose from: ${shown}${
        candidates.length > 8 ? ", …" : ""
      }`,
    name === undefined ? {} : { function: name },
  );
}

/** Assembly text with a label for each function. */
function printAssembly(linked: Linked): string {
  const labels = new Map([...linked.starts].map(([slot, fn]) => [slot, fn.name]));
  return disassemble(linked.insns, { labels });
}

/**
 * Writes a program in another format. A stream (`dump`, `raw`, `hex`, `asm`) holds one function and all that it calls;
 * an object made of a stream has one code section, a symbol for each function, and a license.
 *
 * @param program The program.
 * @param to The format.
 * @param options What to write.
 * @returns The output, and notes on what it cannot express.
 * @throws {EpassError} If it is not clear what to write.
 * @throws {UnsupportedError} If the format cannot hold it.
 */
export function writeProgram(
  program: Program,
  to: Format,
  options: WriteOptions = {},
): Rewritten {
  if (to === program.format && options.function === undefined) {
    return { bytes: program.bytes, notes: [] };
  }
  if (to === "epir") {
    throw new UnsupportedError("cannot write bytecode as epir: it must be lifted first");
  }
  const linked = linkFunction(program, chooseFunction(program, options.function));
  const notes = linked.unresolved.length === 0 ? [] : [
    `lost ${linked.unresolved.length} relocations, which ${to} cannot express: ${
      linked.unresolved.slice(0, 8).join(", ")
    }${linked.unresolved.length > 8 ? ", …" : ""}`,
  ];
  if (to === "elf") return { bytes: makeElf(linked, program.order, options), notes };
  if (to === "linked") {
    const name = linked.starts.get(0)?.name ?? "";
    return {
      bytes: encodeBareLinked(encode(linked.insns, program.order), program.order, name),
      notes,
    };
  }
  if (program.order === "big" && to !== "asm") {
    throw new UnsupportedError(`cannot write program as ${to}: it is big-endian`);
  }
  if (to === "asm") return { bytes: new TextEncoder().encode(printAssembly(linked)), notes };
  const code = encode(linked.insns, program.order);
  if (to === "raw") return { bytes: code, notes };
  const text = to === "dump" ? printDump(code) : printHex(code);
  return { bytes: new TextEncoder().encode(text), notes };
}
