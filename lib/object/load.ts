/**
 * Bytes of any supported format to a {@link Program}.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import { EpassError, ParseError, UnsupportedError } from "../errors.ts";
import { assemble } from "../isa/assemble.ts";
import { decode } from "../isa/codec.ts";
import { type Instruction, slotTable } from "../isa/instruction.ts";
import { type FunctionSymbol, type RawCode, readCodeSections } from "./code_section.ts";
import { isElf } from "./elf.ts";
import { readElfObject } from "./elf_object.ts";
import { cutFunctions } from "./functions.ts";
import type { Format, Program } from "./program.ts";
import { isLinked, readLinked, readLinkedCode } from "./linked_format.ts";
import { isDump, isHex, parseDump, parseHex } from "./text_formats.ts";

/** How to read an input. */
export interface LoadOptions {
  /** Its format; guessed from the content by default. */
  readonly from?: Format;
  /** Its name, for messages. */
  readonly input?: string;
}

/** Whether the first line that is neither blank nor a comment is that of an `.epir` text. */
function isEpir(text: string): boolean {
  let at = 0;
  while (at < text.length) {
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(at, end).trim();
    if (line !== "" && !/^(?:;|\/\/|#)/.test(line)) return /^epir\s+[0-9]/.test(line);
    at = end + 1;
  }
  return false;
}

/** Text as UTF-8, or null if the bytes are not text. */
function textOf(bytes: Uint8Array): string | null {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte < 32 && (byte < 9 || byte > 13)) return null;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/**
 * Guesses the format of an input from its content.
 *
 * @param bytes The input.
 * @returns ELF and linked programs by their magic; text by what it consists of; `raw` for all else.
 */
export function guessFormat(bytes: Uint8Array): Format {
  if (isElf(bytes)) return "elf";
  if (isLinked(bytes)) return "linked";
  const text = bytes.length === 0 ? null : textOf(bytes);
  if (text === null) return "raw";
  if (isEpir(text)) return "epir";
  if (isDump(text)) return "dump";
  return isHex(text) ? "hex" : "asm";
}

/** A stream of instructions as the only section of a program. */
function streamProgram(
  format: Format,
  order: ByteOrder,
  bytes: Uint8Array,
  insns: readonly Instruction[],
  symbols: ReadonlyMap<number, FunctionSymbol> = new Map(),
  labels: ReadonlyMap<number, string> = new Map(),
): Program {
  const code: RawCode = {
    name: "",
    elfIndex: -1,
    insns,
    slots: slotTable(insns),
    relocations: new Map(),
    core: new Map(),
    lines: [],
    symbols,
    labels,
  };
  const { sections, functions } = cutFunctions(insns.length === 0 ? [] : [code], null);
  return { format, order, bytes, elf: null, sections, functions };
}

/** Assembly text: a stream with functions at its sections and global names, and with labels to name others. */
function assembledProgram(bytes: Uint8Array, text: string): Program {
  const { insns, labels, globals, sections } = assemble(text);
  const names = new Map<number, string>();
  for (const [name, slot] of labels) if (!names.has(slot)) names.set(slot, name);
  const symbols = new Map<number, FunctionSymbol>();
  for (const { name, slot } of sections) {
    symbols.set(slot, { name: names.get(slot) ?? name, global: false, params: -1 });
  }
  for (const name of globals) {
    const slot = labels.get(name);
    if (slot !== undefined) symbols.set(slot, { name, global: true, params: -1 });
  }
  return streamProgram("asm", "little", bytes, insns, symbols, names);
}

function needText(bytes: Uint8Array, format: Format): string {
  const text = textOf(bytes);
  if (text === null) throw new ParseError(`cannot read input as ${format}: it is not text`);
  return text;
}

function load(bytes: Uint8Array, format: Format): Program {
  switch (format) {
    case "elf": {
      const elf = readElfObject(bytes);
      const { sections, functions } = cutFunctions(readCodeSections(elf), elf);
      return { format, order: elf.order, bytes, elf, sections, functions };
    }
    case "linked": {
      const linked = readLinked(bytes);
      const code = readLinkedCode(linked);
      const { sections, functions } = cutFunctions(code.insns.length === 0 ? [] : [code], null);
      return { format, order: linked.order, bytes, elf: null, sections, functions };
    }
    case "dump":
      return streamProgram(
        format,
        "little",
        bytes,
        decode(parseDump(needText(bytes, format)), "little"),
      );
    case "hex":
      return streamProgram(
        format,
        "little",
        bytes,
        decode(parseHex(needText(bytes, format)), "little"),
      );
    case "raw":
      return streamProgram(format, "little", bytes, decode(bytes, "little"));
    case "asm":
      return assembledProgram(bytes, needText(bytes, format));
    case "epir":
      throw new UnsupportedError("cannot read input as epir: it is SSA, not bytecode");
  }
}

/**
 * Reads a program.
 *
 * @param bytes The input.
 * @param options Its format, if it is not to be guessed, and its name.
 * @returns The program; it keeps views of `bytes`.
 * @throws {DecodeError} If it is malformed.
 * @throws {ParseError} If its text does not parse.
 * @throws {UnsupportedError} If it is `.epir`, which is SSA and parsed elsewhere, or an ELF file of another kind.
 */
export function loadProgram(bytes: Uint8Array, options: LoadOptions = {}): Program {
  // A Buffer of Node is a Uint8Array whose slice is a view: what is behind must not meet one.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return load(plain, options.from ?? guessFormat(plain));
  } catch (error) {
    if (options.input === undefined || !(error instanceof EpassError)) throw error;
    const place = { ...error.place, input: error.place.input ?? options.input };
    throw new (error.constructor as typeof EpassError)(error.message, place);
  }
}
