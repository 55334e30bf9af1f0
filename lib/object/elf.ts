/**
 * ELF64 relocatable objects: header, sections, symbols and relocations, in either byte order. Reading copies nothing;
 * the original bytes stay the authority for all that a rewrite does not change.
 *
 * @module
 */

import { type ByteOrder, ByteReader } from "../bytes.ts";
import { DecodeError, UnsupportedError } from "../errors.ts";
import { StringTable } from "./string_table.ts";

/** Constants of the ELF format (elf.h). */
// deno-fmt-ignore
export const ELF = {
  EM_NONE: 0, EM_BPF: 247, ET_REL: 1,
  SHT_NULL: 0, SHT_PROGBITS: 1, SHT_SYMTAB: 2, SHT_STRTAB: 3, SHT_RELA: 4, SHT_NOBITS: 8, SHT_REL: 9,
  SHT_SYMTAB_SHNDX: 18,
  SHF_WRITE: 1, SHF_ALLOC: 2, SHF_EXECINSTR: 4, SHF_INFO_LINK: 0x40, SHF_COMPRESSED: 0x800,
  SHN_UNDEF: 0, SHN_LORESERVE: 0xff00, SHN_ABS: 0xfff1, SHN_COMMON: 0xfff2, SHN_XINDEX: 0xffff,
  STB_LOCAL: 0, STB_GLOBAL: 1, STB_WEAK: 2,
  STT_NOTYPE: 0, STT_OBJECT: 1, STT_FUNC: 2, STT_SECTION: 3, STT_FILE: 4,
  EHDR_SIZE: 64, SHDR_SIZE: 64, SYM_SIZE: 24, REL_SIZE: 16, RELA_SIZE: 24,
} as const;

/** A section header with its contents. Offsets and sizes are in bytes. */
export interface ElfSection {
  /** Index in the section header table. */
  readonly index: number;
  /** Its name. */
  readonly name: string;
  /** SHT_* type. */
  readonly type: number;
  /** The low 32 bits of its SHF_* flags. */
  readonly flags: number;
  /** Offset of its contents in the file. */
  readonly offset: number;
  /** Size of its contents; of memory for SHT_NOBITS. */
  readonly size: number;
  /** Index of a related section (strings of symbols, symbols of relocations). */
  readonly link: number;
  /** Further information: the section that relocations patch. */
  readonly info: number;
  /** Alignment. */
  readonly align: number;
  /** Size of a table entry. */
  readonly entrySize: number;
  /** Its contents; empty for SHT_NOBITS. */
  readonly bytes: Uint8Array;
}

/** A symbol. */
export interface ElfSymbol {
  /** Index in the symbol table. */
  readonly index: number;
  /** Its name; empty for most section symbols. */
  readonly name: string;
  /** STT_* type. */
  readonly type: number;
  /** STB_* binding. */
  readonly bind: number;
  /** Visibility. */
  readonly other: number;
  /** Index of its section, or SHN_*. */
  readonly section: number;
  /** Offset in bytes in its section. */
  readonly value: number;
  /** Size in bytes. */
  readonly size: number;
}

/** An entry of a relocation table. */
export interface ElfRelocation {
  /** Offset in bytes of what it patches, in the section that the table patches. */
  readonly offset: number;
  /** R_BPF_* type. */
  readonly type: number;
  /** Index of its symbol. */
  readonly symbol: number;
  /** Explicit addend; null in a REL table, where it is in place. */
  readonly addend: bigint | null;
}

/** A relocation table. */
export interface RelocationTable {
  /** The section that holds the table. */
  readonly section: ElfSection;
  /** Index of the section that it patches. */
  readonly target: number;
  /** Its entries in file order. */
  readonly entries: readonly ElfRelocation[];
}

/** An ELF file, read. */
export interface ElfFile {
  /** The whole file. */
  readonly bytes: Uint8Array;
  /** Byte order. */
  readonly order: ByteOrder;
  /** EM_* machine. */
  readonly machine: number;
  /** Offset in bytes of the section header table. */
  readonly headersOffset: number;
  /** Number of program headers. */
  readonly segments: number;
  /** Sections by index; the first is the null section. */
  readonly sections: readonly ElfSection[];
  /** The section that holds the symbols; null if there is none. */
  readonly symbolSection: ElfSection | null;
  /** Symbols by index; the first is the null symbol. */
  readonly symbols: readonly ElfSymbol[];
  /** Relocation tables in file order. */
  readonly tables: readonly RelocationTable[];
}

/**
 * Whether bytes begin as an ELF file does.
 *
 * @param bytes Any bytes.
 * @returns Whether they start with the ELF magic.
 */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c &&
    bytes[3] === 0x46;
}

interface Header {
  readonly order: ByteOrder;
  readonly machine: number;
  readonly headersOffset: number;
  readonly segments: number;
  readonly count: number;
  readonly names: number;
}

/** Reads the file header. Counts beyond its 16-bit fields are in section header 0 (gABI). */
function readHeader(bytes: Uint8Array): Header {
  if (bytes.length < ELF.EHDR_SIZE) {
    throw new DecodeError(`cannot read ELF header: the file has only ${bytes.length} bytes`, {
      offset: 0,
    });
  }
  if (bytes[4] !== 2) {
    throw new UnsupportedError(`cannot read ELF header: class ${bytes[4]} is not ELF64`, {
      offset: 4,
    });
  }
  if (bytes[5] !== 1 && bytes[5] !== 2) {
    throw new DecodeError(`cannot read ELF header: unknown byte order ${bytes[5]}`, { offset: 5 });
  }
  const order: ByteOrder = bytes[5] === 1 ? "little" : "big";
  const reader = new ByteReader(bytes, order, "ELF header", 16);
  const type = reader.u16();
  const machine = reader.u16();
  if (machine !== ELF.EM_BPF && machine !== ELF.EM_NONE) {
    throw new UnsupportedError(`cannot read ELF header: machine ${machine} is not BPF`, {
      offset: 18,
    });
  }
  if (type !== ELF.ET_REL) {
    throw new UnsupportedError(`cannot read ELF header: type ${type} is not a relocatable object`, {
      offset: 16,
    });
  }
  reader.offset = 40;
  const headersOffset = reader.size64();
  reader.offset = 56;
  const segments = reader.u16();
  const entrySize = reader.u16();
  let count = reader.u16();
  let names = reader.u16();
  if (headersOffset === 0) count = 0;
  else if (entrySize !== ELF.SHDR_SIZE) {
    throw new DecodeError(`cannot read ELF header: section headers of ${entrySize} bytes`, {
      offset: 58,
    });
  }
  if (headersOffset !== 0 && (count === 0 || names === ELF.SHN_XINDEX)) {
    const first = new ByteReader(bytes, order, "section header 0", headersOffset + 32);
    if (count === 0) count = first.size64();
    first.offset = headersOffset + 40;
    if (names === ELF.SHN_XINDEX) names = first.u32();
  }
  if (headersOffset + count * ELF.SHDR_SIZE > bytes.length) {
    throw new DecodeError(
      `cannot read section headers: ${count} at offset ${headersOffset} exceed the file's ${bytes.length} bytes`,
      { offset: headersOffset },
    );
  }
  return { order, machine, headersOffset, segments, count, names };
}

interface RawSection extends Omit<ElfSection, "name"> {
  readonly nameOffset: number;
}

function readSectionHeaders(bytes: Uint8Array, header: Header): RawSection[] {
  const reader = new ByteReader(bytes, header.order, "section headers", header.headersOffset);
  const sections: RawSection[] = [];
  let total = 0;
  for (let index = 0; index < header.count; index++) {
    const nameOffset = reader.u32();
    const type = reader.u32();
    const flags = Number(reader.u64() & 0xffff_ffffn);
    reader.skip(8);
    const offset = reader.size64();
    const size = reader.size64();
    const link = reader.u32();
    const info = reader.u32();
    const align = reader.size64();
    const entrySize = reader.size64();
    const inFile = type !== ELF.SHT_NULL && type !== ELF.SHT_NOBITS;
    if (inFile) {
      if (offset + size > bytes.length) {
        throw new DecodeError(
          `cannot read section ${index}: ${size} bytes at offset ${offset} exceed the file's ${bytes.length} bytes`,
          { offset: header.headersOffset + index * ELF.SHDR_SIZE },
        );
      }
      total += size;
      // Sections of a real object do not overlap; many that do would make linear passes quadratic.
      if (total > 4 * bytes.length) {
        throw new DecodeError(`cannot read section ${index}: the sections overlap`, { offset });
      }
    }
    sections.push({
      index,
      nameOffset,
      type,
      flags,
      offset,
      size,
      link,
      info,
      align,
      entrySize,
      bytes: inFile ? bytes.subarray(offset, offset + size) : bytes.subarray(0, 0),
    });
  }
  return sections;
}

function nameSections(raw: readonly RawSection[], names: number): ElfSection[] {
  const strings = names < raw.length && names !== 0 ? raw[names] : null;
  if (strings !== null && strings.type !== ELF.SHT_STRTAB) {
    throw new DecodeError(
      `cannot read section name table: section ${names} is no string table`,
      { offset: strings.offset },
    );
  }
  const table = new StringTable(strings?.bytes ?? new Uint8Array(1), "section name table");
  return raw.map(({ nameOffset, ...section }) => ({ ...section, name: table.at(nameOffset) }));
}

function checkEntrySize(section: ElfSection, size: number): void {
  if (section.entrySize !== size || section.size % size !== 0) {
    throw new DecodeError(
      `cannot read section ${section.name}: ${section.size} bytes in entries of ${section.entrySize}, not of ${size}`,
      { section: section.name, offset: section.offset },
    );
  }
}

/** Section indices of symbols beyond SHN_LORESERVE, if the file has such a table. */
function extendedIndices(
  sections: readonly ElfSection[],
  symtab: ElfSection,
  order: ByteOrder,
): ByteReader | null {
  const table = sections.find((s) => s.type === ELF.SHT_SYMTAB_SHNDX && s.link === symtab.index);
  return table === undefined ? null : new ByteReader(table.bytes, order, table.name);
}

function readSymbols(
  sections: readonly ElfSection[],
  symtab: ElfSection,
  order: ByteOrder,
): ElfSymbol[] {
  checkEntrySize(symtab, ELF.SYM_SIZE);
  const strings = sections[symtab.link];
  if (strings?.type !== ELF.SHT_STRTAB) {
    throw new DecodeError(
      `cannot read section ${symtab.name}: ${
        strings === undefined ? "no section" : "no string table in section"
      } ${symtab.link} for its names`,
      { section: symtab.name },
    );
  }
  const names = new StringTable(strings.bytes, strings.name);
  const extended = extendedIndices(sections, symtab, order);
  const reader = new ByteReader(symtab.bytes, order, symtab.name);
  const symbols: ElfSymbol[] = [];
  const count = symtab.size / ELF.SYM_SIZE;
  for (let index = 0; index < count; index++) {
    const nameOffset = reader.u32();
    const info = reader.u8();
    const other = reader.u8();
    let section = reader.u16();
    if (section === ELF.SHN_XINDEX && extended !== null) {
      extended.offset = index * 4;
      section = extended.u32();
    }
    const value = reader.size64();
    const size = reader.size64();
    const type = info & 15;
    let name = names.at(nameOffset);
    if (name === "" && type === ELF.STT_SECTION) name = sections[section]?.name ?? "";
    symbols.push({ index, name, type, bind: info >> 4, other, section, value, size });
  }
  return symbols;
}

function readRelocations(
  section: ElfSection,
  order: ByteOrder,
  symbolCount: number,
): ElfRelocation[] {
  const explicit = section.type === ELF.SHT_RELA;
  checkEntrySize(section, explicit ? ELF.RELA_SIZE : ELF.REL_SIZE);
  const { bytes } = section;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = order === "little";
  const entries: ElfRelocation[] = [];
  for (let at = 0; at < bytes.length; at += section.entrySize) {
    const offset = view.getUint32(at + (little ? 0 : 4), little);
    const beyond = view.getUint32(at + (little ? 4 : 0), little);
    const type = view.getUint32(at + (little ? 8 : 12), little);
    const symbol = view.getUint32(at + (little ? 12 : 8), little);
    if (symbol >= symbolCount || beyond !== 0) {
      throw new DecodeError(
        `cannot read section ${section.name}: ${
          beyond !== 0 ? "an offset beyond 4 GiB" : `no symbol ${symbol}`
        }`,
        { section: section.name, offset: at },
      );
    }
    entries.push({
      offset,
      type,
      symbol,
      addend: explicit ? view.getBigInt64(at + 16, little) : null,
    });
  }
  return entries;
}

/**
 * Reads an ELF64 relocatable object for BPF.
 *
 * @param bytes The whole file.
 * @returns Its tables; contents are views of `bytes`.
 * @throws {DecodeError} If a table is malformed or lies outside the file.
 * @throws {UnsupportedError} If it is ELF of another kind.
 */
export function readElf(bytes: Uint8Array): ElfFile {
  if (!isElf(bytes)) throw new DecodeError("cannot read ELF header: no magic", { offset: 0 });
  const header = readHeader(bytes);
  const sections = nameSections(readSectionHeaders(bytes, header), header.names);
  const symbolSection = sections.find((s) => s.type === ELF.SHT_SYMTAB) ?? null;
  const symbols = symbolSection === null ? [] : readSymbols(sections, symbolSection, header.order);
  const tables: RelocationTable[] = [];
  for (const section of sections) {
    if (section.type !== ELF.SHT_REL && section.type !== ELF.SHT_RELA) continue;
    if (section.info >= sections.length) {
      throw new DecodeError(
        `cannot read section ${section.name}: no section ${section.info} to relocate`,
        { section: section.name },
      );
    }
    tables.push({
      section,
      target: section.info,
      entries: readRelocations(section, header.order, symbols.length),
    });
  }
  return {
    bytes,
    order: header.order,
    machine: header.machine,
    headersOffset: header.headersOffset,
    segments: header.segments,
    sections,
    symbolSection,
    symbols,
    tables,
  };
}
