/**
 * Code before it is cut into functions: the executable sections of an object, or the stream of a raw input, with what
 * is attached to its instructions.
 *
 * @module
 */

import { DecodeError } from "../errors.ts";
import { decode } from "../isa/codec.ts";
import { type Instruction, slotTable } from "../isa/instruction.ts";
import type { Btf } from "./btf.ts";
import { EXT_TABLES, type ExtRecord, type ExtTableName } from "./btf_ext.ts";
import { ELF, type ElfSection, type ElfSymbol } from "./elf.ts";
import type { ElfObject } from "./elf_object.ts";
import type { CodeRelocation, CoreRecord, LineRecord } from "./program.ts";

/** A symbol that starts a function. */
export interface FunctionSymbol {
  /** Its name. */
  readonly name: string;
  /** It is global or weak. */
  readonly global: boolean;
  /** Number of parameters by BTF; -1 if unknown. */
  readonly params: number;
}

/** A section of code, not yet cut into functions. */
export interface RawCode {
  /** Name of the section; empty for raw inputs. */
  readonly name: string;
  /** Index of the section in the ELF file; -1 for raw inputs. */
  readonly elfIndex: number;
  /** The instructions. */
  readonly insns: readonly Instruction[];
  /** Slot of each instruction, and the number of slots last. */
  readonly slots: Int32Array;
  /** Relocations by slot. */
  readonly relocations: ReadonlyMap<number, CodeRelocation>;
  /** CO-RE records by slot. */
  readonly core: ReadonlyMap<number, CoreRecord>;
  /** Source lines, ascending by slot. */
  readonly lines: readonly LineRecord[];
  /** Named functions by slot. */
  readonly symbols: ReadonlyMap<number, FunctionSymbol>;
  /** Names of slots, for functions that start where no symbol says so. */
  readonly labels: ReadonlyMap<number, string>;
}

/**
 * Tells code from data.
 *
 * @param section A section.
 * @returns Whether it holds instructions.
 */
export function isCode(section: ElfSection): boolean {
  return section.type === ELF.SHT_PROGBITS && (section.flags & ELF.SHF_EXECINSTR) !== 0 &&
    section.size > 0;
}

/** Labels inside functions, which LLVM before version 13 left in the symbol table. */
const LABEL = /^\.?L/;

/**
 * How well a symbol names a function: 0 if it is none. Where functions are typed, a local symbol without a type is a
 * label of inline assembly.
 */
function rank(symbol: ElfSymbol, typed: boolean): number {
  if (symbol.name === "" || symbol.value % 8 !== 0) return 0;
  const local = symbol.bind === ELF.STB_LOCAL;
  if (symbol.type === ELF.STT_FUNC) return local ? 3 : 4;
  if (symbol.type !== ELF.STT_NOTYPE) return 0;
  if (local) return typed || LABEL.test(symbol.name) ? 0 : 1;
  return 2;
}

/**
 * Number of parameters of a BTF function.
 *
 * @param btf The types.
 * @param id Id of a type.
 * @returns Number of parameters; -1 if unknown or variadic, or if the type is no function.
 */
export function paramsOf(btf: Btf, id: number): number {
  const fn = btf.type(id);
  if (fn.kind !== "func") return -1;
  const proto = btf.resolve(fn.sizeOrType);
  if (proto.kind !== "func_proto") return -1;
  const params = btf.params(proto);
  return params.length > 0 && params[params.length - 1].type === 0 ? -1 : params.length;
}

/**
 * Number of parameters of a function by its name in BTF.
 *
 * @param btf The types; null if there are none.
 * @param name Name of the function.
 * @returns Number of parameters; -1 if unknown or variadic.
 */
export function paramsByName(btf: Btf | null, name: string): number {
  const fn = btf?.find("func", name);
  return fn == null || btf === null ? -1 : paramsOf(btf, fn.id);
}

/** The records of `.BTF.ext` about one section. */
type SectionRecords = { readonly [K in ExtTableName]: ExtRecord[] };

/** The records of `.BTF.ext` by the name of their section. */
function recordsBySection(object: ElfObject): Map<string, SectionRecords> {
  const { btf, btfExt } = object;
  const byName = new Map<string, SectionRecords>();
  if (btf === null || btfExt === null) return byName;
  for (const table of EXT_TABLES) {
    for (const block of btfExt.tables[table]?.blocks ?? []) {
      const name = btf.strings.at(block.nameOffset);
      let records = byName.get(name);
      if (records === undefined) {
        byName.set(name, records = { func_info: [], line_info: [], core_relo: [] });
      }
      for (const record of block.records) records[table].push(record);
    }
  }
  return byName;
}

/** The words of `.BTF.ext`. */
class Words {
  readonly #view: DataView;
  readonly #little: boolean;

  constructor({ btfExt, order }: ElfObject) {
    const source = btfExt?.source ?? new Uint8Array(0);
    this.#view = new DataView(source.buffer, source.byteOffset, source.byteLength);
    this.#little = order === "little";
  }

  /** A word of a record. */
  of(record: ExtRecord, index: number): number {
    return this.#view.getUint32(record.place + 4 * index, this.#little);
  }
}

function readCore(
  object: ElfObject,
  words: Words,
  records: readonly ExtRecord[],
): Map<number, CoreRecord> {
  const core = new Map<number, CoreRecord>();
  for (const record of records) {
    const accessOffset = words.of(record, 2);
    core.set(record.at >>> 3, {
      typeId: words.of(record, 1),
      accessOffset,
      access: object.btf?.strings.at(accessOffset) ?? "",
      kind: words.of(record, 3),
    });
  }
  return core;
}

function readLines(words: Words, records: readonly ExtRecord[]): LineRecord[] {
  const lines: LineRecord[] = [];
  for (const record of records) {
    lines.push({
      slot: record.at >>> 3,
      fileOffset: words.of(record, 1),
      textOffset: words.of(record, 2),
      lineColumn: words.of(record, 3),
    });
  }
  return lines.sort((a, b) => a.slot - b.slot);
}

function readFunctionSymbols(
  object: ElfObject,
  words: Words,
  symbols: readonly ElfSymbol[],
  records: readonly ExtRecord[],
): Map<number, FunctionSymbol> {
  const types = new Map<number, number>();
  for (const record of records) types.set(record.at >>> 3, words.of(record, 1));
  const typed = symbols.some((s) => s.type === ELF.STT_FUNC);
  const best = new Map<number, ElfSymbol>();
  const visible = new Set<number>();
  for (const symbol of symbols) {
    const score = rank(symbol, typed);
    if (score === 0) continue;
    const slot = symbol.value / 8;
    if (symbol.bind !== ELF.STB_LOCAL) visible.add(slot);
    const other = best.get(slot);
    if (other === undefined || score > rank(other, typed)) best.set(slot, symbol);
  }
  const named = new Map<number, FunctionSymbol>();
  for (const [slot, symbol] of best) {
    const type = types.get(slot);
    named.set(slot, {
      name: symbol.name,
      global: visible.has(slot),
      params: type === undefined || object.btf === null
        ? paramsByName(object.btf, symbol.name)
        : paramsOf(object.btf, type),
    });
  }
  return named;
}

/** Relocations of each section, by slot. */
function relocationsBySection(object: ElfObject): Map<number, Map<number, CodeRelocation>> {
  const bySection = new Map<number, Map<number, CodeRelocation>>();
  for (const { target, entries } of object.tables) {
    if (!isCode(object.sections[target])) continue;
    let bySlot = bySection.get(target);
    if (bySlot === undefined) bySection.set(target, bySlot = new Map());
    for (const { offset, type, symbol, addend } of entries) {
      if (offset % 8 !== 0) continue;
      bySlot.set(offset / 8, { type, symbol, name: object.symbols[symbol].name, addend });
    }
  }
  return bySection;
}

/**
 * Reads the code sections of an object.
 *
 * @param object The object.
 * @returns Its code sections in the order of their headers.
 * @throws {DecodeError} If a section is not a whole number of instructions, or its records are malformed.
 */
export function readCodeSections(object: ElfObject): RawCode[] {
  const symbols = new Map<number, ElfSymbol[]>();
  for (const symbol of object.symbols) {
    const group = symbols.get(symbol.section);
    if (group === undefined) symbols.set(symbol.section, [symbol]);
    else group.push(symbol);
  }
  const relocations = relocationsBySection(object);
  const records = recordsBySection(object);
  const words = new Words(object);
  const sections: RawCode[] = [];
  for (const section of object.sections) {
    if (!isCode(section)) continue;
    const { name, index } = section;
    if (section.size % 8 !== 0) {
      throw new DecodeError(
        `cannot read section ${name}: ${section.size} bytes are not a whole number of instructions`,
        { section: name, offset: section.offset },
      );
    }
    // Records name their section: a second section of the same name has none.
    const own = records.get(name);
    records.delete(name);
    const insns = decode(section.bytes, object.order);
    sections.push({
      name,
      elfIndex: index,
      insns,
      slots: slotTable(insns),
      relocations: relocations.get(index) ?? new Map(),
      core: readCore(object, words, own?.core_relo ?? []),
      lines: readLines(words, own?.line_info ?? []),
      symbols: readFunctionSymbols(object, words, symbols.get(index) ?? [], own?.func_info ?? []),
      labels: new Map(),
    });
  }
  return sections;
}
