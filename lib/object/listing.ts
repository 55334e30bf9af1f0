/**
 * A program as assembly text: sections, functions, source lines, and what relocations stand for. The listing of a bare
 * program assembles back to the same bytes; of an object it shows each code section.
 *
 * @module
 */

import { disassemble, type DisassembleOptions, type Syntax } from "../isa/disassemble.ts";
import { helperById } from "../isa/helpers.ts";
import type { Instruction } from "../isa/instruction.ts";
import { isSubprogram } from "./describe.ts";
import {
  type CodeSection,
  type LineRecord,
  LINUX_FORMATS,
  type Program,
  type ProgramFunction,
} from "./program.ts";

/** How to print a program. */
export interface ListingOptions {
  /** The syntax; `pseudo-c` by default. */
  readonly syntax?: Syntax | undefined;
  /** Print this function only; its slots then count from its start. */
  readonly function?: ProgramFunction | undefined;
}

/** A run of instructions of one section, printed as one stream. */
interface Stream {
  readonly section: CodeSection;
  readonly functions: readonly ProgramFunction[];
  readonly insns: readonly Instruction[];
  /** Slot of its first instruction in the section. */
  readonly base: number;
}

/** Splits a program into streams: one function, or every section whole. */
function streamsOf(program: Program, only: ProgramFunction | undefined): Stream[] {
  if (only !== undefined) {
    const { section, first, last } = only;
    const insns = section.insns.slice(first, last);
    return [{ section, functions: [only], insns, base: section.slots[first] }];
  }
  const functions = new Map<CodeSection, ProgramFunction[]>();
  for (const section of program.sections) functions.set(section, []);
  for (const fn of program.functions) functions.get(fn.section)?.push(fn);
  return program.sections.map((section) => ({
    section,
    functions: functions.get(section) ?? [],
    insns: section.insns,
    base: 0,
  }));
}

/** Text that fits a comment: one line, without control characters. */
function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f]+/g, " ").trim();
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** The comment that introduces a function. */
function functionHeader(fn: ProgramFunction, program: Program): string {
  const kind = isSubprogram(fn, program) ? "subprogram" : "program";
  return `# ${kind} ${oneLine(fn.name)}, ${plural(fn.last - fn.first, "instruction")}`;
}

/** The source line of a record: `file.c:12: text`. */
function sourceLine(program: Program, record: LineRecord): string {
  const strings = program.elf?.btf?.strings;
  if (strings === undefined) return "";
  const file = strings.at(record.fileOffset).replace(/^.*\//, "");
  const text = strings.at(record.textOffset);
  return `# ${oneLine(file)}:${record.lineColumn >>> 10}: ${oneLine(text)}`;
}

/** What the instruction at a slot refers to, where its text does not say. */
function referenceComment(program: Program, section: CodeSection, slot: number): string {
  const target = section.targets.get(slot);
  if (target?.kind === "function") return oneLine(program.functions[target.index].name);
  if (target?.kind === "extern") return oneLine(target.name);
  const core = section.core.get(slot);
  if (core !== undefined) return `CO-RE ${oneLine(core.access)}`;
  return oneLine(section.relocations.get(slot)?.name ?? "");
}

/** The names of helper functions behind their calls, by slot in the section. */
function helperNames({ insns, section, base }: Stream, program: Program): Map<number, string> {
  const names = new Map<number, string>();
  if (!LINUX_FORMATS.includes(program.format)) return names;
  let index = section.slots.indexOf(base);
  for (const insn of insns) {
    const slot = section.slots[index++];
    if (insn.op.kind !== "call" || insn.op.fn !== "helper") continue;
    const helper = helperById(insn.imm);
    if (helper !== null) names.set(slot, helper.name);
  }
  return names;
}

/** The directives and comments before each instruction, by slot in the section. */
function linesBefore(program: Program, stream: Stream): Map<number, string[]> {
  const { section, base } = stream;
  const lines = new Map<number, string[]>();
  const add = (slot: number, text: string): void => {
    if (text === "") return;
    const at = lines.get(slot);
    if (at === undefined) lines.set(slot, [text]);
    else at.push(text);
  };
  if (section.name !== "") add(base, `.section ${sectionOperand(section.name)}`);
  for (const fn of stream.functions) {
    const slot = section.slots[fn.first];
    if (slot !== base) lines.set(slot, [""]);
    add(slot, functionHeader(fn, program));
  }
  let last = "";
  for (const record of section.lines) {
    const text = sourceLine(program, record);
    if (text !== last) add(record.slot, text);
    last = text;
  }
  return lines;
}

/** A section name as an operand: quoted unless it is a plain word. */
function sectionOperand(name: string): string {
  return /^[\w.$]+$/.test(name) ? name : JSON.stringify(name);
}

/**
 * Labels of the functions of a stream by slot. A name that is taken gets the stream's number, then its slot. Of several
 * functions at one slot, all but one of them empty, the last gives the label.
 */
function functionLabels(stream: Stream, number: number, taken: Set<string>): Map<number, string> {
  const { section, base, functions } = stream;
  const names = new Map(functions.map((fn) => [section.slots[fn.first] - base, fn.name]));
  for (const [slot, name] of names) {
    let label = taken.has(name) ? `${name}.${number}` : name;
    if (taken.has(label)) label += `.${slot}`;
    while (taken.has(label)) label += "_";
    taken.add(label);
    names.set(slot, label);
  }
  return names;
}

/** Prints a stream as epass reads it back. */
function printStream(
  program: Program,
  stream: Stream,
  syntax: Syntax,
  number: number,
  taken: Set<string>,
): string {
  const { section, base } = stream;
  const before = linesBefore(program, stream);
  const helpers = helperNames(stream, program);
  const options: DisassembleOptions = {
    syntax,
    labels: section.name === "" ? new Map() : functionLabels(stream, number, taken),
    labelPrefix: number === 0 ? "L" : `L${number}_`,
    keepDistance: (slot) => section.relocations.has(slot + base),
    linesBefore: (slot) => before.get(slot + base) ?? [],
    comment: (slot) => helpers.get(slot + base) ?? referenceComment(program, section, slot + base),
  };
  return disassemble(stream.insns, options);
}

/**
 * Prints a program as assembly text.
 *
 * @param program The program.
 * @param options Syntax and extent.
 * @returns The text, sections in file order.
 */
export function printProgram(program: Program, options: ListingOptions = {}): string {
  const { syntax = "pseudo-c" } = options;
  const streams = streamsOf(program, options.function);
  const taken = new Set<string>();
  return streams.map((stream, i) => printStream(program, stream, syntax, i, taken)).join("\n");
}
