/**
 * An object after some of its functions changed: code, and all that refers to places in code.
 *
 * @module
 */

import { equalBytes } from "../bytes.ts";
import { UnsupportedError } from "../errors.ts";
import { encode } from "../isa/codec.ts";
import { writeBtfExt, type WrittenBtfExt } from "./btf_ext.ts";
import { ELF, type ElfRelocation, type ElfSection, type RelocationTable } from "./elf.ts";
import type { ElfObject } from "./elf_object.ts";
import { writeElf } from "./elf_write.ts";
import { emitSection, type EmittedSection, movedSymbol } from "./emit_code.ts";
import { type Layout, layOut, type PlacedFunction, type SectionLayout } from "./layout.ts";
import type { FunctionCode, Program } from "./program.ts";
import { RELOCATION } from "./relocation_types.ts";
import { moveRecords } from "./rewrite_records.ts";

/** A rewritten input. */
export interface Rewritten {
  /** The output. */
  readonly bytes: Uint8Array;
  /** What the user should know: what was dropped, and why. */
  readonly notes: string[];
}

/** Encodes a relocation table. */
function encodeTable(
  entries: readonly ElfRelocation[],
  explicit: boolean,
  little: boolean,
): Uint8Array {
  const size = explicit ? ELF.RELA_SIZE : ELF.REL_SIZE;
  const bytes = new Uint8Array(entries.length * size);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < entries.length; i++) {
    const { offset, type, symbol, addend } = entries[i];
    const at = i * size;
    // Two 64-bit words, the offset and symbol << 32 | type, by halves.
    view.setUint32(at + (little ? 0 : 4), offset, little);
    view.setUint32(at + (little ? 8 : 12), type, little);
    view.setUint32(at + (little ? 12 : 8), symbol, little);
    if (explicit) view.setBigInt64(at + 16, addend ?? 0n, little);
  }
  return bytes;
}

/** The parts of an object that a rewrite replaces. */
class Rewriter {
  readonly object: ElfObject;
  readonly layout: Layout;
  readonly little: boolean;
  /** New contents by section index. */
  readonly contents = new Map<number, Uint8Array>();
  /** Relocation tables by the section that they patch. */
  readonly tables = new Map<number, RelocationTable[]>();

  constructor(object: ElfObject, layout: Layout) {
    this.object = object;
    this.layout = layout;
    this.little = object.order === "little";
    for (const table of object.tables) {
      const tables = this.tables.get(table.target);
      if (tables === undefined) this.tables.set(table.target, [table]);
      else tables.push(table);
    }
  }

  /** Replaces a section's contents, if they differ. */
  replace(index: number, bytes: Uint8Array): void {
    if (!equalBytes(this.object.sections[index].bytes, bytes)) this.contents.set(index, bytes);
  }

  /** The contents of a section as they stand, to be changed in place. */
  edit(index: number): Uint8Array {
    return (this.contents.get(index) ?? this.object.sections[index].bytes).slice();
  }

  code(): void {
    for (const section of this.layout.sections) {
      const { elfIndex } = section.section;
      const emitted = emitSection(section, this.layout, this.object);
      this.replace(elfIndex, encode(emitted.insns, this.object.order));
      this.codeRelocations(section, emitted);
    }
  }

  codeRelocations(section: SectionLayout, emitted: EmittedSection): void {
    const { elfIndex, name } = section.section;
    const tables = this.tables.get(elfIndex) ?? [];
    if (tables.length === 0 && emitted.relocations.size > 0) {
      throw new UnsupportedError(`cannot relocate new code of section ${name}: it has no table`, {
        section: name,
      });
    }
    if (tables.length > 1 && section.changed) {
      throw severalTables(name, tables.length);
    }
    for (const table of tables) {
      const entries = section.changed ? movedEntries(table, section, emitted) : table.entries;
      const explicit = table.section.type === ELF.SHT_RELA;
      const aimed = explicit ? entries.map((entry) => this.aimEntry(entry)) : entries;
      this.replace(table.section.index, encodeTable(aimed, explicit, this.little));
    }
  }

  /** The explicit addend of an entry that refers to code. */
  aimEntry(entry: ElfRelocation): ElfRelocation {
    const symbol = this.object.symbols[entry.symbol];
    const target = this.layout.byElfIndex.get(symbol.section);
    const place = symbol.value + Number(entry.addend ?? 0n);
    if (target === undefined || entry.addend === null || !Number.isSafeInteger(place)) return entry;
    return {
      ...entry,
      addend: BigInt(target.movedByte(place) - movedSymbol(this.layout, this.object, entry.symbol)),
    };
  }

  symbols(): void {
    const { symbolSection, symbols } = this.object;
    if (symbolSection === null) return;
    const bytes = this.edit(symbolSection.index);
    const view = new DataView(bytes.buffer);
    for (const { index, section, value, size } of symbols) {
      const moved = this.layout.byElfIndex.get(section);
      // What lies or ends outside its section is no place in the code.
      const limit = this.object.sections[section]?.size ?? 0;
      if (moved === undefined || !moved.changed || value > limit) continue;
      const place = moved.movedByte(value);
      const at = index * ELF.SYM_SIZE;
      view.setBigUint64(at + 8, BigInt(place), this.little);
      if (size === 0 || value + size > limit) continue;
      view.setBigUint64(at + 16, BigInt(moved.movedByte(value + size) - place), this.little);
    }
    this.replace(symbolSection.index, bytes);
  }

  /** Addresses of code in data: in place behind a REL entry, explicit in a RELA entry. */
  data(): void {
    for (const table of this.object.tables) {
      const section = this.object.sections[table.target];
      if (this.layout.byElfIndex.has(table.target) || isStale(section.name)) continue;
      if (section.name === ".BTF" || section.name === ".BTF.ext" || isTable(section)) continue;
      if (table.section.type === ELF.SHT_RELA) {
        const entries = table.entries.map((entry) => this.aimEntry(entry));
        this.replace(table.section.index, encodeTable(entries, true, this.little));
      } else this.dataInPlace(table);
    }
  }

  dataInPlace(table: RelocationTable): void {
    let bytes: Uint8Array | null = null;
    for (const { offset, type, symbol } of table.entries) {
      const { section, value } = this.object.symbols[symbol];
      const target = this.layout.byElfIndex.get(section);
      const wide = type === RELOCATION.ABS64 || type === RELOCATION.R64_64;
      if (target === undefined || !target.changed) continue;
      bytes ??= this.edit(table.target);
      if (offset + (wide ? 8 : 4) > bytes.length) continue;
      const view = new DataView(bytes.buffer);
      const addend = wide
        ? Number(view.getBigInt64(offset, this.little))
        : view.getInt32(offset, this.little);
      if (!Number.isSafeInteger(addend)) continue;
      const moved = target.movedByte(value + addend) -
        movedSymbol(this.layout, this.object, symbol);
      if (wide) view.setBigInt64(offset, BigInt(moved), this.little);
      else view.setInt32(offset, moved, this.little);
    }
    if (bytes !== null) this.replace(table.target, bytes);
  }

  /** Jump tables of `gotox`: offsets in bytes from the start of the section whose code refers to them. */
  jumpTables(): void {
    const { object } = this;
    const section = object.sections.find((s) => s.name === ".jumptables");
    if (section === undefined) return;
    const bytes = this.edit(section.index);
    const view = new DataView(bytes.buffer);
    const done = new Set<number>();
    for (const layout of this.layout.sections) {
      if (!layout.changed) continue;
      for (const { symbol } of layout.section.relocations.values()) {
        const { section: home, value, size } = object.symbols[symbol];
        if (home !== section.index || done.has(symbol)) continue;
        done.add(symbol);
        for (let at = value; at + 8 <= Math.min(value + size, bytes.length); at += 8) {
          const offset = Number(view.getBigUint64(at, this.little));
          if (!Number.isSafeInteger(offset)) continue;
          view.setBigUint64(at, BigInt(layout.movedByte(offset)), this.little);
        }
      }
    }
    this.replace(section.index, bytes);
  }

  records(): void {
    const { btfExt, btfExtSection } = this.object;
    if (btfExt === null || btfExtSection === null) return;
    const written = writeBtfExt(moveRecords(this.object, btfExt, this.layout));
    this.replace(btfExtSection.index, written.bytes);
    const tables = this.tables.get(btfExtSection.index) ?? [];
    if (tables.length > 1) throw severalTables(btfExtSection.name, tables.length);
    if (tables.length === 1) this.recordRelocations(tables[0], btfExtSection.size, written);
  }

  /** Relocations of the instruction offsets in records go where their records went. */
  recordRelocations(table: RelocationTable, size: number, written: WrittenBtfExt): void {
    const entryAt = new Int32Array((size >> 2) + 1).fill(-1);
    table.entries.forEach(({ offset }, i) => {
      if (offset % 4 === 0 && offset < size) entryAt[offset >> 2] = i;
    });
    const view = new DataView(written.bytes.buffer);
    const entries: ElfRelocation[] = [];
    for (const { from, to } of written.moves) {
      const index = entryAt[from >> 2];
      if (index < 0) continue;
      const entry = table.entries[index];
      const addend = entry.addend === null ? null : BigInt(view.getUint32(to, this.little));
      entries.push({ offset: to, type: entry.type, symbol: entry.symbol, addend });
    }
    const explicit = table.section.type === ELF.SHT_RELA;
    this.replace(table.section.index, encodeTable(entries, explicit, this.little));
  }

  /** Empties debugging information, which describes code that is no longer there; returns how many sections. */
  dropDebug(): number {
    let count = 0;
    for (const { index, name, size } of this.object.sections) {
      if (size === 0 || !isStale(name)) continue;
      this.contents.set(index, new Uint8Array(0));
      count++;
    }
    return count;
  }
}

const severalTables = (section: string, count: number): UnsupportedError =>
  new UnsupportedError(`cannot rewrite section ${section}: it has ${count} relocation tables`, {
    section,
  });

/** Whether a section describes places in code for debuggers and unwinders. */
function isStale(name: string): boolean {
  return /^(?:\.rela?)?\.(?:z?debug_|eh_frame$)/.test(name);
}

/** Whether a section is a table of the format itself, which nothing relocates. */
function isTable({ type }: ElfSection): boolean {
  return type === ELF.SHT_SYMTAB || type === ELF.SHT_STRTAB || type === ELF.SHT_REL ||
    type === ELF.SHT_RELA;
}

/** An entry in another place. */
function withOffset(entry: ElfRelocation, offset: number): ElfRelocation {
  return { offset, type: entry.type, symbol: entry.symbol, addend: entry.addend };
}

/** The entries of a table of a changed section, each with its instruction. */
function movedEntries(
  table: RelocationTable,
  section: SectionLayout,
  emitted: EmittedSection,
): ElfRelocation[] {
  const sorted = [...table.entries].sort((a, b) => a.offset - b.offset);
  const entries: ElfRelocation[] = [];
  let next = 0;
  const added = [...emitted.relocations];
  let nextAdded = 0;
  for (const placed of section.functions) {
    const first = next;
    while (next < sorted.length && sorted[next].offset < placed.oldEnd * 8) next++;
    if (placed.code === null) {
      for (let i = first; i < next; i++) {
        entries.push(withOffset(sorted[i], section.movedByte(sorted[i].offset)));
      }
      continue;
    }
    checkEntries(sorted, first, next, placed, section);
    for (; nextAdded < added.length && added[nextAdded][0] < placed.newEnd; nextAdded++) {
      const [slot, { type, symbol, addend }] = added[nextAdded];
      entries.push({ offset: slot * 8, type, symbol, addend });
    }
  }
  for (; next < sorted.length; next++) {
    entries.push(withOffset(sorted[next], section.movedByte(sorted[next].offset)));
  }
  return entries;
}

/** New code knows one relocation for each instruction: more would be lost. */
function checkEntries(
  entries: readonly ElfRelocation[],
  first: number,
  last: number,
  placed: PlacedFunction,
  section: SectionLayout,
): void {
  for (let i = first; i < last; i++) {
    const { offset } = entries[i];
    if (offset % 8 !== 0 || (i > first && offset === entries[i - 1].offset)) {
      throw new UnsupportedError(
        `cannot replace code of ${placed.old.name}: a relocation at offset ${offset} is not alone on an instruction`,
        { section: section.section.name, function: placed.old.name, offset },
      );
    }
  }
}

/**
 * Rewrites an object.
 *
 * @param program The program of an object.
 * @param object The object.
 * @param changes New code by function index.
 * @returns The object with the new code, and notes on what was dropped.
 * @throws {UnsupportedError} If the object's structure does not allow it.
 */
export function rewriteElf(
  program: Program,
  object: ElfObject,
  changes: ReadonlyMap<number, FunctionCode>,
): Rewritten {
  const rewriter = new Rewriter(object, layOut(program, changes));
  rewriter.code();
  rewriter.symbols();
  rewriter.data();
  rewriter.jumpTables();
  rewriter.records();
  const notes: string[] = [];
  if (rewriter.contents.size > 0) {
    const dropped = rewriter.dropDebug();
    if (dropped > 0) {
      notes.push(
        `emptied ${dropped} sections of debugging information, which code changes made stale`,
      );
    }
  }
  return { bytes: writeElf(object, rewriter.contents), notes };
}
