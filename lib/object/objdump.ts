/**
 * The disassembly of an object as `llvm-objdump -d --no-show-raw-insn` of LLVM 19 prints it.
 *
 * @module
 */

import { disassemble } from "../isa/disassemble.ts";
import { ELF } from "./elf.ts";
import type { CodeSection, Program, ProgramFunction } from "./program.ts";

/** A named address of a section. */
interface NamedAddress {
  readonly name: string;
  /** Offset in bytes in the section. */
  readonly value: number;
}

/** The symbols of a section by address, then by name, one for each address; the section itself where none starts it. */
function symbolsOf({ elf, functions }: Program, section: CodeSection): NamedAddress[] {
  const symbols: NamedAddress[] = elf === null
    ? functions.filter((fn) => fn.section === section)
      .map(({ name, first }) => ({ name, value: section.slots[first] * 8 }))
    : elf.symbols.filter((symbol) =>
      symbol.section === section.elfIndex && symbol.name !== "" &&
      symbol.type !== ELF.STT_SECTION && symbol.type !== ELF.STT_FILE
    );
  if (!symbols.some((symbol) => symbol.value === 0)) symbols.push({ name: section.name, value: 0 });
  symbols.sort((a, b) => a.value - b.value || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return symbols.filter((symbol, i) => symbols[i + 1]?.value !== symbol.value);
}

/** The symbol and distance of a slot: the last that starts at or before it. Addresses are unsigned. */
function symbolize(symbols: readonly NamedAddress[], slot: number): string {
  const address = BigInt.asUintN(64, BigInt(slot) * 8n);
  let low = 0, high = symbols.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (BigInt(symbols[middle].value) <= address) low = middle;
    else high = middle;
  }
  const { name, value } = symbols[low];
  const distance = address - BigInt(value);
  return name + (distance === 0n ? "" : `+0x${distance.toString(16)}`);
}

/** Names that would break the lines of a listing lose their line feeds. */
const oneLine = (name: string): string => name.replace(/[\r\n]+/g, " ");

function printSection(program: Program, section: CodeSection): string {
  const symbols = symbolsOf(program, section);
  const heads = new Map(
    symbols.filter(({ value }) => value % 8 === 0).map(({ name, value }) => [
      value / 8,
      ["", `${value.toString(16).padStart(16, "0")} <${oneLine(name)}>:`],
    ]),
  );
  const text = disassemble(section.insns, {
    objdump: true,
    symbolize: (slot) => oneLine(symbolize(symbols, slot)),
    linesBefore: (slot) => heads.get(slot) ?? [],
  });
  return `\nDisassembly of section ${oneLine(section.name)}:\n${text}`;
}

/** The lines of a function among those of its section. */
function cutFunction(text: string, { section, first, last }: ProgramFunction): string {
  const start = section.slots[first], end = section.slots[last];
  const lines = text.split("\n").filter((line) => {
    const slot = /^ *(\d+):\t/.exec(line);
    return slot !== null && Number(slot[1]) >= start && Number(slot[1]) < end;
  });
  return lines.join("\n") + "\n";
}

/**
 * Prints a program as `llvm-objdump` does.
 *
 * @param program The program.
 * @param file Name of its file, for the first line.
 * @param only Print the instructions of this function only.
 * @returns The text, sections in file order.
 */
export function printObjdump(program: Program, file: string, only?: ProgramFunction): string {
  if (only !== undefined) return cutFunction(printSection(program, only.section), only);
  const sections = program.sections.map((section) => printSection(program, section));
  return `\n${file}:\tfile format ${program.elf === null ? "binary" : "elf64-bpf"}\n${
    sections.join("")
  }`;
}
