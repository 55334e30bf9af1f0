/**
 * Makes a minimal object from a stream of instructions.
 *
 * @module
 */

import { type ByteOrder, concatBytes } from "../bytes.ts";
import { encode } from "../isa/codec.ts";
import { slotTable } from "../isa/instruction.ts";
import { ELF } from "./elf.ts";
import type { Linked } from "./link.ts";

/** A string table under construction. */
class Strings {
  readonly #parts: Uint8Array[] = [new Uint8Array(1)];
  #size = 1;

  /** Adds a string and returns its offset in bytes. */
  add(text: string): number {
    if (text === "") return 0;
    const offset = this.#size;
    const bytes = new TextEncoder().encode(`${text}\0`);
    this.#parts.push(bytes);
    this.#size += bytes.length;
    return offset;
  }

  bytes(): Uint8Array {
    return concatBytes(this.#parts);
  }
}

interface NewSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly bytes: Uint8Array;
  readonly link?: number;
  readonly info?: number;
  readonly align: number;
  readonly entrySize?: number;
}

interface NewSymbol {
  readonly name: string;
  readonly info: number;
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

function encodeSymbols(
  symbols: readonly NewSymbol[],
  strings: Strings,
  order: ByteOrder,
): Uint8Array {
  const bytes = new Uint8Array((symbols.length + 1) * ELF.SYM_SIZE);
  const view = new DataView(bytes.buffer);
  const little = order === "little";
  symbols.forEach((symbol, i) => {
    const at = (i + 1) * ELF.SYM_SIZE;
    view.setUint32(at, strings.add(symbol.name), little);
    bytes[at + 4] = symbol.info;
    view.setUint16(at + 6, symbol.section, little);
    view.setBigUint64(at + 8, BigInt(symbol.value), little);
    view.setBigUint64(at + 16, BigInt(symbol.size), little);
  });
  return bytes;
}

function encodeHeader(order: ByteOrder, headers: number, count: number, names: number): Uint8Array {
  const bytes = new Uint8Array(ELF.EHDR_SIZE);
  const view = new DataView(bytes.buffer);
  const little = order === "little";
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, little ? 1 : 2, 1]);
  view.setUint16(16, ELF.ET_REL, little);
  view.setUint16(18, ELF.EM_BPF, little);
  view.setUint32(20, 1, little);
  view.setBigUint64(40, BigInt(headers), little);
  view.setUint16(52, ELF.EHDR_SIZE, little);
  view.setUint16(58, ELF.SHDR_SIZE, little);
  view.setUint16(60, count, little);
  view.setUint16(62, names, little);
  return bytes;
}

/** Lays sections out behind the header, the section headers last. */
function assembleFile(
  sections: readonly NewSection[],
  names: Strings,
  order: ByteOrder,
): Uint8Array<ArrayBuffer> {
  const little = order === "little";
  const headers = new Uint8Array((sections.length + 1) * ELF.SHDR_SIZE);
  const view = new DataView(headers.buffer);
  const parts: Uint8Array[] = [];
  let offset: number = ELF.EHDR_SIZE;
  const align = (to: number): void => {
    const pad = (to - offset % to) % to;
    parts.push(new Uint8Array(pad));
    offset += pad;
  };
  sections.forEach((section, i) => {
    align(section.align);
    const at = (i + 1) * ELF.SHDR_SIZE;
    view.setUint32(at, names.add(section.name), little);
    view.setUint32(at + 4, section.type, little);
    view.setBigUint64(at + 8, BigInt(section.flags), little);
    view.setBigUint64(at + 24, BigInt(offset), little);
    view.setUint32(at + 40, section.link ?? 0, little);
    view.setUint32(at + 44, section.info ?? 0, little);
    view.setBigUint64(at + 48, BigInt(section.align), little);
    view.setBigUint64(at + 56, BigInt(section.entrySize ?? 0), little);
    // The last section holds the names, its own among them, and is encoded when all are known.
    const bytes = i === sections.length - 1 ? names.bytes() : section.bytes;
    view.setBigUint64(at + 32, BigInt(bytes.length), little);
    parts.push(bytes);
    offset += bytes.length;
  });
  align(8);
  const header = encodeHeader(order, offset, sections.length + 1, sections.length);
  return concatBytes([header, ...parts, headers]);
}

/** Names of the section and the license. */
export interface MakeOptions {
  /** Section of the code; `.text` by default. */
  readonly section?: string;
  /** The license; `GPL` by default. */
  readonly license?: string;
}

/**
 * Makes an object with one code section, a symbol for each function, and a license.
 *
 * @param linked The code.
 * @param order Byte order.
 * @param options Names.
 * @returns The file.
 */
export function makeElf(
  linked: Linked,
  order: ByteOrder,
  options: MakeOptions = {},
): Uint8Array<ArrayBuffer> {
  const code = encode(linked.insns, order);
  const license = new TextEncoder().encode(`${options.license ?? "GPL"}\0`);
  const starts = [...linked.starts];
  const size = slotTable(linked.insns)[linked.insns.length];
  const functions = starts.map(([slot, fn], i): NewSymbol => ({
    name: fn.name,
    info: ELF.STT_FUNC | (i === 0 ? ELF.STB_GLOBAL : ELF.STB_LOCAL) << 4,
    section: 1,
    value: slot * 8,
    size: ((i + 1 < starts.length ? starts[i + 1][0] : size) - slot) * 8,
  }));
  const symbols: NewSymbol[] = [
    { name: "", info: ELF.STT_SECTION, section: 1, value: 0, size: 0 },
    ...functions.slice(1),
    functions[0],
    {
      name: "_license",
      info: ELF.STT_OBJECT | ELF.STB_GLOBAL << 4,
      section: 2,
      value: 0,
      size: license.length,
    },
  ];
  const names = new Strings();
  const symbolBytes = encodeSymbols(symbols, names, order);
  const codeFlags = ELF.SHF_ALLOC | ELF.SHF_EXECINSTR;
  const dataFlags = ELF.SHF_ALLOC | ELF.SHF_WRITE;
  const { SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB } = ELF;
  return assembleFile(
    [
      {
        name: options.section ?? ".text",
        type: SHT_PROGBITS,
        flags: codeFlags,
        bytes: code,
        align: 8,
      },
      { name: "license", type: SHT_PROGBITS, flags: dataFlags, bytes: license, align: 1 },
      {
        name: ".symtab",
        type: SHT_SYMTAB,
        flags: 0,
        bytes: symbolBytes,
        link: 4,
        info: functions.length + 1,
        align: 8,
        entrySize: ELF.SYM_SIZE,
      },
      { name: ".strtab", type: SHT_STRTAB, flags: 0, bytes: new Uint8Array(0), align: 1 },
    ],
    names,
    order,
  );
}
