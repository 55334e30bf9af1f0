/**
 * What the code of an object refers to by relocations: its maps, the variables in its data sections, values of the
 * kernel's configuration.
 *
 * @module
 */

import { ELF } from "./elf.ts";
import type { ElfObject } from "./elf_object.ts";
import { kconfigLayout } from "./kconfig.ts";
import { type MapDefinition, readMaps } from "./maps.ts";
import type { CodeRelocation } from "./program.ts";

/** What an `lddw` stands for. */
export interface DataReference {
  /** The map. */
  readonly definition: MapDefinition;
  /** Which byte of the map's first value; null for the map itself. */
  readonly offset: number | null;
}

/**
 * Finds what an `lddw` stands for.
 *
 * @param relocation Its relocation.
 * @param imm Its low immediate: the addend of a REL entry, in bytes.
 * @returns The map; null if it stands for something else.
 */
export type ReferenceFinder = (relocation: CodeRelocation, imm: number) => DataReference | null;

/**
 * Prepares to find what the code of an object refers to.
 *
 * @param object The object.
 * @param maps Its maps.
 * @returns Finds what one instruction stands for.
 * @throws {DecodeError} If a map definition is malformed.
 */
export function referenceFinder(
  object: ElfObject,
  maps: readonly MapDefinition[] = readMaps(object),
): ReferenceFinder {
  const definitions = new Map<string, MapDefinition>();
  const config = new Map<string, DataReference>();
  for (const map of maps) {
    const isSection = map.style === "data";
    definitions.set(isSection ? `${map.section}` : `${map.section}+${map.offset}`, map);
    if (map.name !== ".kconfig" || map.section >= 0 || object.btf === null) continue;
    for (const { name, offset } of kconfigLayout(object.btf).values) {
      config.set(name, { definition: map, offset });
    }
  }
  return (relocation, imm) => {
    const symbol = object.symbols[relocation.symbol];
    if (symbol === undefined) return null;
    if (symbol.section === ELF.SHN_UNDEF) return config.get(symbol.name) ?? null;
    const offset = symbol.value + Number(relocation.addend ?? imm);
    const data = definitions.get(`${symbol.section}`);
    if (data !== undefined) return { definition: data, offset };
    const definition = definitions.get(`${symbol.section}+${offset}`);
    return definition === undefined ? null : { definition, offset: null };
  };
}
