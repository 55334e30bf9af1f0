/**
 * What a reader of an input would not expect, and what loaders have trouble with.
 *
 * @module
 */

import { ELF } from "./elf.ts";
import type { ElfObject } from "./elf_object.ts";
import { sectionType } from "./section_names.ts";
import type { MapDefinition } from "./maps.ts";
import type { Program, ProgramFunction } from "./program.ts";

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** Map types that need no capacity, or get it from elsewhere. */
const NO_CAPACITY: ReadonlySet<number> = new Set([24, 28, 29, 32]);

function unusualMaps(maps: readonly MapDefinition[]): string[] {
  const notes: string[] = [];
  const of = (test: (map: MapDefinition) => boolean, note: (n: number) => string): void => {
    const n = maps.filter(test).length;
    if (n > 0) notes.push(note(n));
  };
  of(
    (m) => m.style === "legacy",
    (n) => `${count(n, "legacy map definition")}, refused by libbpf 1`,
  );
  of((m) => m.style === "iproute2", (n) => `${count(n, "map definition")} for iproute2`);
  of((m) => m.pinning !== 0, (n) => count(n, "pinned map"));
  of(
    (m) => m.maxEntries === 0 && !NO_CAPACITY.has(m.type),
    (n) => `${count(n, "map")} without capacity, filled in at load`,
  );
  return notes;
}

/** Kinds of instructions worth a note, by what they are called. */
const RARE: { readonly [kind: string]: string } = {
  packet: "legacy packet access",
  callx: "indirect call",
  gotox: "indirect jump",
  invalid: "undefined instruction",
  cast: "address space cast",
};

function unusualCode(program: Program): string[] {
  const counts = new Map<string, number>();
  for (const { insns } of program.sections) {
    for (let i = 0; i < insns.length; i++) {
      const { kind } = insns[i].op;
      if (RARE[kind] !== undefined) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
  }
  return [...counts].map(([kind, n]) => {
    const what = RARE[kind];
    return n > 1 && what.endsWith("access") ? `${n} ${what}es` : count(n, what);
  });
}

function unusualSymbols(
  program: Program,
  object: ElfObject,
  programs: readonly ProgramFunction[],
): string[] {
  const notes: string[] = [];
  const code = new Set(program.sections.map((s) => s.elfIndex));
  const untyped =
    object.symbols.filter((s) =>
      s.type === ELF.STT_NOTYPE && s.bind !== ELF.STB_LOCAL && code.has(s.section)
    ).length;
  if (untyped > 0) {
    notes.push(`${count(untyped, "program symbol")} without a type, as old clang emits`);
  }
  const isStatic = (f: ProgramFunction): boolean => !f.global && f.section.name !== ".text";
  const local = programs.filter(isStatic).length;
  if (local > 0) notes.push(`${count(local, "static program")}, which libbpf does not load`);
  const weak =
    object.symbols.filter((s) => s.section === ELF.SHN_UNDEF && s.bind === ELF.STB_WEAK).length;
  if (weak > 0) notes.push(count(weak, "weak extern"));
  return notes;
}

function unusualSections(
  object: ElfObject,
  programs: readonly ProgramFunction[],
): string[] {
  const notes: string[] = [];
  const perSection = new Map<string, number>();
  for (const { section } of programs) {
    perSection.set(section.name, (perSection.get(section.name) ?? 0) + 1);
  }
  const crowded = [...perSection.values()].filter((n) => n > 1).length;
  if (crowded > 0) notes.push(`several programs in ${count(crowded, "section")}`);
  const unknown = [...perSection.keys()].filter((name) => sectionType(name).type === "").length;
  if (unknown > 0) notes.push(`${count(unknown, "section")} whose name tells no program type`);
  const names = new Set(object.sections.map((s) => s.name));
  if (!names.has("license")) notes.push("no license");
  if (names.has(".rodata.str1.1")) notes.push("string literals in .rodata.str1.1");
  if (object.tables.some((t) => t.section.type === ELF.SHT_RELA)) {
    notes.push("relocations with explicit addends");
  }
  if (object.machine === ELF.EM_NONE) notes.push("no ELF machine, as the first clang emitted");
  return notes;
}

/**
 * Finds what is unusual in an input.
 *
 * @param program The input.
 * @param programs Its functions that are programs.
 * @param maps Its maps.
 * @returns A phrase for each.
 */
export function unusualIn(
  program: Program,
  programs: readonly ProgramFunction[],
  maps: readonly MapDefinition[],
): string[] {
  const notes = program.order === "big" ? ["big-endian"] : [];
  if (program.elf !== null) {
    notes.push(...unusualSections(program.elf, programs));
    notes.push(...unusualSymbols(program, program.elf, programs));
  }
  notes.push(...unusualMaps(maps), ...unusualCode(program));
  const entangled = program.functions.filter((f) => f.entangled !== "").length;
  if (entangled > 0) notes.push(`${count(entangled, "function")} that share code with another`);
  return notes;
}
