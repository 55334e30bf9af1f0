/**
 * The global variables of an object in guest memory.
 *
 * @module
 */

import { ELF } from "../object/elf.ts";
import type { ElfSection } from "../object/elf.ts";
import type { Program } from "../object/program.ts";
import type { SymbolResolver } from "./code.ts";
import type { GuestMemory } from "./memory.ts";

/** Whether a section holds variables: allocated, and neither code nor map definitions. */
function holdsVariables({ name, flags }: ElfSection): boolean {
  const allocated = (flags & ELF.SHF_ALLOC) !== 0 && (flags & ELF.SHF_EXECINSTR) === 0;
  return allocated && name !== "maps" && name !== ".maps" && name !== ".kconfig";
}

/**
 * Places the data sections of an object (`.data`, `.rodata`, `.bss` and their like) in guest memory as they are used.
 *
 * @param program The program; only an object has any.
 * @param memory Where to place them.
 * @returns A resolver of the variables in them; it leaves maps and externs alone.
 */
export function globalData(program: Program, memory: GuestMemory): SymbolResolver {
  const { elf } = program;
  if (elf === null) return () => null;
  const addresses = new Map<number, number>();
  const place = (section: ElfSection): number => {
    const writable = (section.flags & ELF.SHF_WRITE) !== 0;
    const region = memory.allocate(section.name, section.size, writable);
    memory.contents(region).set(section.bytes);
    addresses.set(section.index, region.address);
    return region.address;
  };
  return ({ relocation, imm }) => {
    const symbol = relocation === null ? undefined : elf.symbols[relocation.symbol];
    const section = symbol === undefined ? undefined : elf.sections[symbol.section];
    if (symbol === undefined || section === undefined || !holdsVariables(section)) return null;
    const base = addresses.get(section.index) ?? place(section);
    const addend = relocation?.addend ?? BigInt(imm);
    return BigInt.asUintN(64, BigInt(base + symbol.value) + addend);
  };
}
