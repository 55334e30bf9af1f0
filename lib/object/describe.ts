/**
 * What is in an input, as plain data: programs, maps, externs, sizes, and what is unusual about it.
 *
 * @module
 */

import { cString } from "../bytes.ts";
import type { Version } from "../isa/ops.ts";
import { ELF } from "./elf.ts";
import type { ElfObject } from "./elf_object.ts";
import { mapTypeName } from "./kernel_names.ts";
import { type MapDefinition, type MapStyle, readMaps } from "./maps.ts";
import type { Program, ProgramFunction } from "./program.ts";
import { RELOCATION_NAMES } from "./relocation_types.ts";
import { sectionType } from "./section_names.ts";
import { unusualIn } from "./unusual.ts";

/** A function. */
export interface FunctionDescription {
  /** Its name. */
  readonly name: string;
  /** Its section; empty for streams. */
  readonly section: string;
  /** Number of instructions. */
  readonly instructions: number;
  /** Number of 8-byte slots. */
  readonly slots: number;
  /** Whether its symbol is global or weak. */
  readonly global: boolean;
}

/** A function that a loader may load as a program. */
export interface ProgramDescription extends FunctionDescription {
  /** Program type guessed from the section name; empty if that tells nothing. */
  readonly type: string;
  /** What it attaches to by the section name; empty for none. */
  readonly attach: string;
  /** Attach type by the section name; empty for none. */
  readonly attachType: string;
}

/** A map. Sizes are in bytes. */
export interface MapDescription {
  /** Its name. */
  readonly name: string;
  /** Name of its type. */
  readonly type: string;
  /** Where its definition comes from. */
  readonly style: MapStyle;
  /** Size of a key. */
  readonly keySize: number;
  /** Size of a value. */
  readonly valueSize: number;
  /** Capacity; 0 if it is filled in at load. */
  readonly maxEntries: number;
  /** BPF_F_*. */
  readonly flags: number;
  /** How it is pinned; 0 for not. */
  readonly pinning: number;
  /** Type of the maps that it holds; absent for none. */
  readonly inner?: MapDescription;
}

/** What an object wants from outside. */
export interface ExternDescription {
  /** Its name. */
  readonly name: string;
  /** A kernel function, a kernel variable, or a value of the kernel's configuration. */
  readonly kind: "kfunc" | "ksym" | "kconfig" | "unknown";
  /** It may be absent. */
  readonly weak: boolean;
}

/** What is in an input. */
export interface Description {
  /** Format of the input. */
  readonly format: Program["format"];
  /** ELF machine; empty for streams. */
  readonly machine: string;
  /** Byte order. */
  readonly byteOrder: Program["order"];
  /** The license; null if there is none. */
  readonly license: string | null;
  /** ISA version that its instructions need. */
  readonly isa: Version;
  /** Number of instructions. */
  readonly instructions: number;
  /** Functions that a loader may load. */
  readonly programs: readonly ProgramDescription[];
  /** Functions that only serve others. */
  readonly subprograms: readonly FunctionDescription[];
  /** Maps, those of data sections left out. */
  readonly maps: readonly MapDescription[];
  /** Sections of global data, with their sizes in bytes. */
  readonly data: readonly { readonly section: string; readonly size: number }[];
  /** What it wants from outside. */
  readonly externs: readonly ExternDescription[];
  /** Counts of BTF; null without. */
  readonly btf: { readonly types: number; readonly bytes: number } | null;
  /** Number of records of `.BTF.ext`. */
  readonly records: { readonly functions: number; readonly lines: number; readonly core: number };
  /** Number of code relocations by type. */
  readonly relocations: { readonly [type: string]: number };
  /** What a reader would not expect, a phrase each. */
  readonly unusual: readonly string[];
}

function describeFunction(fn: ProgramFunction): FunctionDescription {
  const { name, section, first, last, global } = fn;
  const slots = section.slots[last] - section.slots[first];
  return { name, section: section.name, instructions: last - first, slots, global };
}

/**
 * Whether a function only serves others: in `.text` beside program sections, or local and called.
 *
 * @param fn A function.
 * @param program Its program.
 * @returns True if no loader would load it by itself.
 */
export function isSubprogram(fn: ProgramFunction, program: Program): boolean {
  if (program.elf === null) return fn.subprogram && fn.first > 0;
  if (fn.section.name === ".text" && program.sections.length > 1) return true;
  return fn.subprogram && !fn.global;
}

function describeMap(map: MapDefinition): MapDescription {
  const { name, style, keySize, valueSize, maxEntries, flags, pinning, inner } = map;
  const type = mapTypeName(map.type);
  const own = { name, type, style, keySize, valueSize, maxEntries, flags, pinning };
  return inner === null ? own : { ...own, inner: describeMap(inner) };
}

/** Names of the variables and functions of a BTF section that stands for externs. */
function externSection(object: ElfObject, name: string): Map<string, "func" | "var"> {
  const names = new Map<string, "func" | "var">();
  const section = object.btf?.find("datasec", name);
  if (section == null || object.btf === null) return names;
  for (const { type: id } of object.btf.entries(section)) {
    const type = object.btf.type(id);
    names.set(type.name, type.kind === "func" ? "func" : "var");
  }
  return names;
}

function describeExterns(object: ElfObject): ExternDescription[] {
  const symbols = externSection(object, ".ksyms");
  const config = externSection(object, ".kconfig");
  return object.symbols
    .filter((s) => s.section === ELF.SHN_UNDEF && s.name !== "")
    .map(({ name, bind }) => {
      const symbol = symbols.get(name);
      const kind = config.has(name)
        ? "kconfig"
        : symbol === undefined
        ? "unknown"
        : symbol === "func"
        ? "kfunc"
        : "ksym";
      return { name, kind, weak: bind === ELF.STB_WEAK };
    });
}

/** The contents of the section `license`, up to its NUL. */
function licenseOf(object: ElfObject | null): string | null {
  const section = object?.sections.find((s) => s.name === "license" && s.size > 0);
  return section === undefined ? null : cString(section.bytes, 0);
}

function countRelocations(program: Program): { [type: string]: number } {
  const counts: { [type: string]: number } = {};
  for (const { relocations } of program.sections) {
    for (const { type } of relocations.values()) {
      const name = RELOCATION_NAMES[type] ?? `type_${type}`;
      counts[name] = (counts[name] ?? 0) + 1;
    }
  }
  return counts;
}

function countRecords(object: ElfObject | null): Description["records"] {
  const count = (table: "func_info" | "line_info" | "core_relo"): number => {
    let records = 0;
    for (const block of object?.btfExt?.tables[table]?.blocks ?? []) {
      records += block.records.length;
    }
    return records;
  };
  return { functions: count("func_info"), lines: count("line_info"), core: count("core_relo") };
}

/**
 * The ISA version that instructions need.
 *
 * @param program A program.
 * @returns The highest version of its instructions.
 */
export function isaVersion(program: Program): Version {
  let version: Version = 1;
  for (const { insns } of program.sections) {
    for (let i = 0; i < insns.length; i++) {
      if (insns[i].op.version > version) version = insns[i].op.version;
    }
  }
  return version;
}

/**
 * Describes an input.
 *
 * @param program The input, read.
 * @returns Plain data: what `JSON.stringify` takes.
 * @throws {DecodeError} If a map definition is malformed.
 */
export function describe(program: Program): Description {
  const { elf, functions, sections } = program;
  const maps = elf === null ? [] : readMaps(elf);
  const externs = elf === null ? [] : describeExterns(elf);
  const programs = functions.filter((f) => !isSubprogram(f, program));
  return {
    format: program.format,
    machine: elf === null ? "" : elf.machine === ELF.EM_BPF ? "bpf" : "none",
    byteOrder: program.order,
    license: licenseOf(elf),
    isa: isaVersion(program),
    instructions: sections.reduce((sum, s) => sum + s.insns.length, 0),
    programs: programs.map((f) => {
      const { type, attach, attachType } = sectionType(f.section.name);
      return { ...describeFunction(f), type, attach, attachType };
    }),
    subprograms: functions.filter((f) => isSubprogram(f, program)).map(describeFunction),
    maps: maps.filter((m) => m.style !== "data").map(describeMap),
    data: maps.filter((m) => m.style === "data").map((m) => ({
      section: m.name,
      size: m.valueSize,
    })),
    externs,
    btf: elf === null || elf.btf === null
      ? null
      : { types: elf.btf.count - 1, bytes: elf.btf.bytes.length },
    records: countRecords(elf),
    relocations: countRelocations(program),
    unusual: unusualIn(program, programs, maps),
  };
}
