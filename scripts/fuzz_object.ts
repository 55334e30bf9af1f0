/**
 * Mutations of ELF objects that know where the tables are: headers, symbols, relocations, BTF, BTF.ext, instructions.
 *
 * @module
 */

import { EpassError } from "../lib/errors.ts";
import { ELF, type ElfFile, type ElfSection, readElf } from "../lib/object/elf.ts";
import type { Random } from "../tests/support/random.ts";
import { changeNumber, mutateBytes } from "./fuzz_bytes.ts";
import { mutateCode } from "./fuzz_code.ts";

/** Fields of a structure: offset and width in bytes. */
type Fields = readonly (readonly [offset: number, width: number])[];

/** Elf64_Ehdr from e_ident[EI_CLASS] on. */
// deno-fmt-ignore
const HEADER: Fields = [
  [4, 1], [5, 1], [16, 2], [18, 2], [20, 4], [24, 8], [32, 8], [40, 8], [48, 4], [52, 2], [54, 2], [56, 2], [58, 2],
  [60, 2], [62, 2],
];
/** Elf64_Shdr. */
// deno-fmt-ignore
const SECTION_HEADER: Fields = [
  [0, 4], [4, 4], [8, 8], [16, 8], [24, 8], [32, 8], [40, 4], [44, 4], [48, 8], [56, 8],
];
/** Elf64_Sym. */
const SYMBOL: Fields = [[0, 4], [4, 1], [5, 1], [6, 2], [8, 8], [16, 8]];
/** Elf64_Rel, and the addend of Elf64_Rela. */
const RELOCATION: Fields = [[0, 8], [8, 4], [12, 4]];
const BTF_HEADER: Fields = [[0, 2], [2, 1], [4, 4], [8, 4], [12, 4], [16, 4], [20, 4]];
// deno-fmt-ignore
const BTF_EXT_HEADER: Fields = [
  [0, 2], [2, 1], [4, 4], [8, 4], [12, 4], [16, 4], [20, 4], [24, 4], [28, 4],
];

/** An object under mutation. */
class Target {
  readonly random: Random;
  readonly bytes: Uint8Array;
  readonly elf: ElfFile;
  readonly little: boolean;

  constructor(random: Random, bytes: Uint8Array, elf: ElfFile) {
    this.random = random;
    this.bytes = bytes;
    this.elf = elf;
    this.little = elf.order === "little";
  }

  /** Changes one field of the structure at an offset. */
  change(base: number, fields: Fields): void {
    const [offset, width] = this.random.pick(fields);
    changeNumber(this.random, this.bytes, base + offset, width, this.little);
  }

  /** Changes one field of one entry of a table. */
  changeEntry(section: ElfSection, entrySize: number, fields: Fields): void {
    const count = Math.floor(section.bytes.length / entrySize);
    if (count > 0) this.change(section.offset + entrySize * this.random.below(count), fields);
  }

  /** A section that is there and fits, or null. */
  find(fits: (section: ElfSection) => boolean): ElfSection | null {
    const found = this.elf.sections.filter((s) => s.bytes.length > 0 && fits(s));
    return found.length === 0 ? null : this.random.pick(found);
  }

  /** Offset of a section header. */
  headerOf(index: number): number {
    return this.elf.headersOffset + ELF.SHDR_SIZE * index;
  }

  /** Changes a 32-bit word of a section. */
  changeWord(section: ElfSection, from: number): void {
    const words = (section.bytes.length - from) >> 2;
    if (words < 1) return;
    const at = section.offset + from + 4 * this.random.below(words);
    changeNumber(this.random, this.bytes, at, 4, this.little);
  }

  /** Sets a 32-bit word of a section. */
  setWord(section: ElfSection, at: number, value: number): void {
    if (at + 4 > section.bytes.length) return;
    new DataView(this.bytes.buffer).setUint32(section.offset + at, value >>> 0, this.little);
  }
}

/** Any kind of BTF type with many members. */
function btfInfo(random: Random): number {
  return (random.below(2) << 31 | random.below(21) << 24 | random.pick([0, 1, 3, 0xff, 0xffff])) >>>
    0;
}

type Mutation = (target: Target) => void;

const MUTATIONS: readonly Mutation[] = [
  function header(target) {
    target.change(0, HEADER);
  },
  function sectionHeader(target) {
    const { random, elf } = target;
    target.change(target.headerOf(random.below(elf.sections.length)), SECTION_HEADER);
  },
  function relatedSections(target) {
    // Links between sections: to itself, to another table, to nothing.
    const { random, elf, bytes, little } = target;
    const at = target.headerOf(random.below(elf.sections.length)) + random.pick([40, 44]);
    if (at + 4 > bytes.length) return;
    new DataView(bytes.buffer).setUint32(at, random.below(elf.sections.length + 2), little);
  },
  function swapContents(target) {
    // Two headers exchange offset and size, or one takes the other's.
    const { random, elf, bytes } = target;
    const a = target.headerOf(random.below(elf.sections.length)) + 24;
    const b = target.headerOf(random.below(elf.sections.length)) + 24;
    const held = bytes.slice(a, a + 16);
    bytes.copyWithin(a, b, b + 16);
    if (random.chance(0.5) && b + held.length <= bytes.length) bytes.set(held, b);
  },
  function sectionType(target) {
    const { random, elf, bytes, little } = target;
    const at = target.headerOf(random.below(elf.sections.length)) + 4;
    if (at + 4 <= bytes.length) {
      new DataView(bytes.buffer).setUint32(at, random.below(20), little);
    }
  },
  function symbol(target) {
    const table = target.elf.symbolSection;
    if (table !== null) target.changeEntry(table, ELF.SYM_SIZE, SYMBOL);
  },
  function relocation(target) {
    const table = target.find((s) => s.type === ELF.SHT_REL || s.type === ELF.SHT_RELA);
    if (table === null) return;
    const rela = table.type === ELF.SHT_RELA;
    const fields: Fields = rela ? [...RELOCATION, [16, 8]] : RELOCATION;
    target.changeEntry(table, rela ? ELF.RELA_SIZE : ELF.REL_SIZE, fields);
  },
  function relocationType(target) {
    const { random, bytes } = target;
    const table = target.find((s) => s.type === ELF.SHT_REL);
    if (table === null) return;
    const at = table.offset + 16 * random.below(Math.max(1, table.bytes.length >> 4));
    const value = random.pick([0, 1, 2, 3, 4, 10, 11, 255]);
    if (at + 12 <= bytes.length) new DataView(bytes.buffer).setUint32(at + 8, value, target.little);
  },
  function btfHeader(target) {
    const btf = target.find((s) => s.name === ".BTF");
    if (btf !== null) target.change(btf.offset, BTF_HEADER);
  },
  function btfWord(target) {
    const btf = target.find((s) => s.name === ".BTF");
    if (btf !== null) target.changeWord(btf, 24);
  },
  function btfKind(target) {
    const { random } = target;
    const btf = target.find((s) => s.name === ".BTF");
    if (btf === null) return;
    const at = 24 + 4 * random.below(Math.max(1, btf.bytes.length >> 2));
    target.setWord(btf, at, random.chance(0.5) ? btfInfo(random) : random.below(64));
  },
  function btfExtHeader(target) {
    const ext = target.find((s) => s.name === ".BTF.ext");
    if (ext !== null) target.change(ext.offset, BTF_EXT_HEADER);
  },
  function btfExtWord(target) {
    const ext = target.find((s) => s.name === ".BTF.ext");
    if (ext !== null) target.changeWord(ext, 32);
  },
  function btfExtCounts(target) {
    // The record size and the first section's count of a subsection.
    const { random, little } = target;
    const ext = target.find((s) => s.name === ".BTF.ext");
    if (ext === null || ext.bytes.length < 32) return;
    const view = new DataView(ext.bytes.buffer, ext.bytes.byteOffset, ext.bytes.length);
    const subsection = view.getUint32(8 * (1 + random.below(3)), little);
    const at = ext.offset + 32 + subsection + 4 * random.below(3);
    changeNumber(random, target.bytes, at, 4, little);
  },
  function mapDefinition(target) {
    const maps = target.find((s) => /^\.?maps$/.test(s.name) || /data|bss/.test(s.name));
    if (maps !== null) target.changeWord(maps, 0);
  },
  function strings(target) {
    const { random, bytes } = target;
    const table = target.find((s) => s.type === ELF.SHT_STRTAB);
    if (table === null) return;
    const at = table.offset + random.below(table.bytes.length);
    if (at < bytes.length) bytes[at] = random.pick([0, 0xff, 0x2e, 0x22, 0x0a, 0x5c]);
  },
  instruction,
  instruction,
  instruction,
];

function instruction(target: Target): void {
  const code = target.find((s) => (s.flags & ELF.SHF_EXECINSTR) !== 0);
  if (code === null) return;
  mutateCode(target.random, target.bytes, code.offset, code.bytes.length, target.little);
}

/**
 * Mutates an object once, keeping its size.
 *
 * @param random Where the choices come from.
 * @param bytes The object, which may be changed.
 * @returns The mutated object; if it is no object any more, its bytes are mutated blindly.
 */
export function mutateObject(random: Random, bytes: Uint8Array): Uint8Array {
  let elf: ElfFile;
  try {
    elf = readElf(bytes);
  } catch (error) {
    if (!(error instanceof EpassError)) throw error;
    return mutateBytes(random, bytes);
  }
  if (elf.sections.length === 0) return mutateBytes(random, bytes);
  random.pick(MUTATIONS)(new Target(random, bytes, elf));
  return bytes;
}
