/**
 * The maps of an object: definitions in a legacy `maps` section (bpf_map_def of libbpf and bpf_load, bpf_elf_map of
 * iproute2), in `.maps` by BTF, and the maps that libbpf makes of data sections and of struct_ops.
 *
 * @module
 */

import { ByteReader } from "../bytes.ts";
import { DecodeError } from "../errors.ts";
import type { Btf, BtfMember, BtfType } from "./btf.ts";
import { ELF, type ElfRelocation, type ElfSection, type ElfSymbol } from "./elf.ts";
import type { ElfObject } from "./elf_object.ts";
import { kconfigLayout } from "./kconfig.ts";
import { MAP_FLAG, MAP_TYPE } from "./kernel_names.ts";

/** Where a map's definition comes from. */
export type MapStyle =
  | "btf" // .maps
  | "legacy" // struct bpf_map_def
  | "iproute2" // struct bpf_elf_map
  | "data" // a data section
  | "struct_ops"; // a variable of .struct_ops

/** A map. Sizes are in bytes. */
export interface MapDefinition {
  /** Its name: of its symbol, or of its section. */
  readonly name: string;
  /** Where its definition comes from. */
  readonly style: MapStyle;
  /** Index of its section in the ELF file; -1 for an inner map. */
  readonly section: number;
  /** Offset of its definition in the section. */
  readonly offset: number;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** Size of a key. */
  readonly keySize: number;
  /** Size of a value. */
  readonly valueSize: number;
  /** Capacity; 0 if it is filled in at load. */
  readonly maxEntries: number;
  /** BPF_F_*. */
  readonly flags: number;
  /** What only some types take: hash functions of a bloom filter, the address of an arena; 0 for none. */
  readonly extra: bigint;
  /** How it is pinned: 0 not, 1 by name (iproute2: per object), 2 globally (iproute2). */
  readonly pinning: number;
  /** Id of the key's type in BTF; 0 if unknown. */
  readonly keyType: number;
  /** Id of the value's type in BTF; 0 if unknown. */
  readonly valueType: number;
  /** Definition of the maps that it holds, if it says. */
  readonly inner: MapDefinition | null;
  /** Maps or programs that it holds from the start, by slot. */
  readonly values: readonly { readonly slot: number; readonly name: string }[];
}

const EMPTY: Omit<MapDefinition, "name" | "style" | "section" | "offset"> = {
  type: 0,
  keySize: 0,
  valueSize: 0,
  maxEntries: 0,
  flags: 0,
  extra: 0n,
  pinning: 0,
  keyType: 0,
  valueType: 0,
  inner: null,
  values: [],
};

/** An object with its tables grouped by section, so that many sections cost no search each. */
interface Indexed {
  readonly object: ElfObject;
  /** Named symbols by section, ascending by value, each value once. */
  readonly symbols: ReadonlyMap<number, readonly ElfSymbol[]>;
  /** Relocations by the section that they patch, ascending by offset. */
  readonly relocations: ReadonlyMap<number, readonly ElfRelocation[]>;
}

function groupBy<T>(items: Iterable<T>, key: (item: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

function indexObject(object: ElfObject): Indexed {
  const named = object.symbols.filter((s) =>
    s.name !== "" && s.type !== ELF.STT_SECTION && s.type !== ELF.STT_FILE
  );
  const symbols = groupBy(named, (s) => s.section);
  for (const [section, group] of symbols) {
    group.sort((a, b) => a.value - b.value);
    symbols.set(section, group.filter((s, i) => i === 0 || group[i - 1].value !== s.value));
  }
  const relocations = new Map<number, ElfRelocation[]>();
  for (const [target, tables] of groupBy(object.tables, (t) => t.target)) {
    const entries = tables.flatMap((t) => t.entries);
    relocations.set(target, entries.sort((a, b) => a.offset - b.offset));
  }
  return { object, symbols, relocations };
}

/** Whether the definitions of a legacy section are iproute2's: they are larger, or BTF says so. */
function isIproute2(object: ElfObject, symbol: ElfSymbol, size: number): boolean {
  const variable = object.btf?.find("var", symbol.name);
  if (object.btf !== null && variable != null) {
    return object.btf.resolve(variable.sizeOrType).name === "bpf_elf_map";
  }
  return size >= 36;
}

function legacyMaps(indexed: Indexed, section: ElfSection): MapDefinition[] {
  const { object } = indexed;
  const symbols = indexed.symbols.get(section.index) ?? [];
  return symbols.map((symbol, i) => {
    const end = i + 1 < symbols.length ? symbols[i + 1].value : section.size;
    const size = Math.min(end, section.size) - symbol.value;
    if (size < 16) {
      throw new DecodeError(
        `cannot read map ${symbol.name}: its definition has ${size} bytes`,
        { section: section.name, offset: symbol.value },
      );
    }
    const reader = new ByteReader(section.bytes, object.order, section.name, symbol.value);
    const words = Array.from({ length: Math.min(size >> 2, 9) }, () => reader.u32());
    const iproute2 = isIproute2(object, symbol, size);
    return {
      ...EMPTY,
      name: symbol.name,
      style: iproute2 ? "iproute2" : "legacy",
      section: section.index,
      offset: symbol.value,
      type: words[0],
      keySize: words[1],
      valueSize: words[2],
      maxEntries: words[3],
      flags: words[4] ?? 0,
      pinning: iproute2 ? words[6] ?? 0 : 0,
    };
  });
}

/** The number that `__uint(name, value)` encodes: the length of an array pointed to. */
function uintOf(btf: Btf, member: BtfMember): number {
  const pointer = btf.resolve(member.type);
  const array = pointer.kind === "ptr" ? btf.resolve(pointer.sizeOrType) : null;
  if (array === null || array.kind !== "array") {
    throw new DecodeError(`cannot read map definition: ${member.name} is not a number`, {
      section: ".maps",
    });
  }
  return btf.array(array).count;
}

/** The number that `__ulong(name, value)` encodes: the value of an enumerator; or as in {@link uintOf}. */
function ulongOf(btf: Btf, member: BtfMember): bigint {
  const type = btf.resolve(member.type);
  const isEnum = type.kind === "enum" || type.kind === "enum64";
  const value = isEnum ? btf.enumerators(type)[0]?.value : undefined;
  return BigInt.asUintN(64, value ?? BigInt(uintOf(btf, member)));
}

/** The type that `__type(name, type)` encodes: what a pointer points to. */
function pointeeOf(btf: Btf, member: BtfMember): number {
  const pointer = btf.resolve(member.type);
  if (pointer.kind !== "ptr") {
    throw new DecodeError(`cannot read map definition: ${member.name} is not a pointer`, {
      section: ".maps",
    });
  }
  return pointer.sizeOrType;
}

/** Where a definition lies, for the maps and programs that it names. */
interface DefinitionPlace {
  readonly indexed: Indexed;
  readonly section: ElfSection;
  readonly offset: number;
  readonly size: number;
}

/** What relocations put into the `values` of a definition. */
function initialValues(place: DefinitionPlace, bitOffset: number): MapDefinition["values"] {
  const { indexed, section, offset, size } = place;
  const from = offset + bitOffset / 8;
  const entries = indexed.relocations.get(section.index) ?? [];
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle].offset < from) low = middle + 1;
    else high = middle;
  }
  const values: { slot: number; name: string }[] = [];
  for (; low < entries.length && entries[low].offset < offset + size; low++) {
    const slot = Math.floor((entries[low].offset - from) / 8);
    values.push({ slot, name: indexed.object.symbols[entries[low].symbol].name });
  }
  return values;
}

/** The definition that the element type of `values` gives for inner maps; null for programs. */
function innerMap(btf: Btf, member: BtfMember, name: string): MapDefinition | null {
  const array = btf.resolve(member.type);
  if (array.kind !== "array") return null;
  const pointer = btf.resolve(btf.array(array).element);
  const target = pointer.kind === "ptr" ? btf.resolve(pointer.sizeOrType) : null;
  return target?.kind === "struct" && target.vlen <= MAX_MEMBERS
    ? btfMap(btf, target, `${name}.inner`, null)
    : null;
}

/** Reads a map definition from the members of its struct; inner maps have no place. */
function btfMap(
  btf: Btf,
  struct: BtfType,
  name: string,
  place: DefinitionPlace | null,
): MapDefinition {
  const map: { -readonly [K in keyof MapDefinition]: MapDefinition[K] } = {
    ...EMPTY,
    name,
    style: "btf",
    section: place?.section.index ?? -1,
    offset: place?.offset ?? 0,
  };
  for (const member of btf.members(struct)) {
    switch (member.name) {
      case "type":
        map.type = uintOf(btf, member);
        break;
      case "max_entries":
        map.maxEntries = uintOf(btf, member);
        break;
      case "map_flags":
        map.flags = uintOf(btf, member);
        break;
      case "map_extra":
        map.extra = ulongOf(btf, member);
        break;
      case "pinning":
        map.pinning = uintOf(btf, member);
        break;
      case "key_size":
        map.keySize = uintOf(btf, member);
        break;
      case "value_size":
        map.valueSize = uintOf(btf, member);
        break;
      case "key":
        map.keyType = pointeeOf(btf, member);
        map.keySize = btf.sizeOf(map.keyType);
        break;
      case "value":
        map.valueType = pointeeOf(btf, member);
        map.valueSize = btf.sizeOf(map.valueType);
        break;
      case "values":
        // A map in a map in a map is not allowed, so that this ends.
        if (place === null) break;
        map.inner = innerMap(btf, member, name);
        map.values = initialValues(place, member.bitOffset);
        map.keySize ||= 4;
        map.valueSize ||= 4;
        break;
    }
  }
  return map;
}

/** The struct that defines a variable of `.maps`; null if BTF does not describe it. */
function structOf(btf: Btf, name: string): BtfType | null {
  const variable = btf.find("var", name);
  if (variable === null) return null;
  const type = btf.resolve(variable.sizeOrType);
  return type.kind === "struct" ? type : null;
}

/** How many members a definition may have: twice as many as libbpf knows. */
const MAX_MEMBERS = 32;

function btfMaps(indexed: Indexed, btf: Btf, section: ElfSection): MapDefinition[] {
  const maps: MapDefinition[] = [];
  for (const { name, value, size } of indexed.symbols.get(section.index) ?? []) {
    const struct = structOf(btf, name);
    if (struct === null) continue;
    if (struct.vlen > MAX_MEMBERS) {
      throw new DecodeError(`cannot read map ${name}: its definition has ${struct.vlen} members`, {
        section: section.name,
        offset: value,
      });
    }
    maps.push(btfMap(btf, struct, name, {
      indexed,
      section,
      offset: value,
      size: size || struct.sizeOrType,
    }));
  }
  return maps;
}

/** Sections that become an array map with one value: their contents. */
const DATA_SECTION = /^\.(?:rodata|data|bss)(?:\.|$)|^\.kconfig$/;

function dataMap(object: ElfObject, section: ElfSection): MapDefinition {
  const constant = section.name.startsWith(".rodata") || section.name === ".kconfig";
  return {
    ...EMPTY,
    name: section.name,
    style: "data",
    section: section.index,
    offset: 0,
    type: MAP_TYPE.ARRAY,
    keySize: 4,
    valueSize: section.size,
    maxEntries: 1,
    flags: MAP_FLAG.MMAPABLE | (constant ? MAP_FLAG.RDONLY_PROG : 0),
    valueType: object.btf?.find("datasec", section.name)?.id ?? 0,
  };
}

/** The map of externs that libbpf fills from the kernel's configuration: BTF has its section, ELF has not. */
function kconfigMap(btf: Btf): MapDefinition | null {
  const { section, size } = kconfigLayout(btf);
  if (section === 0) return null;
  return {
    ...EMPTY,
    name: ".kconfig",
    style: "data",
    section: -1,
    offset: 0,
    type: MAP_TYPE.ARRAY,
    keySize: 4,
    valueSize: size,
    maxEntries: 1,
    flags: MAP_FLAG.MMAPABLE | MAP_FLAG.RDONLY_PROG,
    valueType: section,
  };
}

function structOpsMaps({ object, symbols }: Indexed, section: ElfSection): MapDefinition[] {
  return (symbols.get(section.index) ?? []).map((symbol) => ({
    ...EMPTY,
    name: symbol.name,
    style: "struct_ops",
    section: section.index,
    offset: symbol.value,
    type: MAP_TYPE.STRUCT_OPS,
    keySize: 4,
    valueSize: symbol.size,
    maxEntries: 1,
    valueType: object.btf?.find("var", symbol.name)?.sizeOrType ?? 0,
  }));
}

/**
 * Reads the maps of an object.
 *
 * @param object The object.
 * @returns Its maps in the order of their sections, then of their definitions.
 * @throws {DecodeError} If a definition is malformed.
 */
export function readMaps(object: ElfObject): MapDefinition[] {
  const maps: MapDefinition[] = [];
  const indexed = indexObject(object);
  for (const section of object.sections) {
    const { name } = section;
    if (section.size === 0 || (section.flags & ELF.SHF_EXECINSTR) !== 0) continue;
    if (name === ".maps") {
      if (object.btf !== null) {
        for (const map of btfMaps(indexed, object.btf, section)) maps.push(map);
      }
    } else if (name === "maps" || name.startsWith("maps/")) {
      for (const map of legacyMaps(indexed, section)) maps.push(map);
    } else if (/^\.struct_ops(?:\.link)?$/.test(name)) {
      for (const map of structOpsMaps(indexed, section)) maps.push(map);
    } else if (DATA_SECTION.test(name) && (section.flags & ELF.SHF_ALLOC) !== 0) {
      maps.push(dataMap(object, section));
    } else if (name === ".addr_space.1") {
      maps.push({ ...dataMap(object, section), type: MAP_TYPE.ARENA });
    }
  }
  const kconfig = object.btf === null ? null : kconfigMap(object.btf);
  if (kconfig !== null) maps.push(kconfig);
  return maps;
}
