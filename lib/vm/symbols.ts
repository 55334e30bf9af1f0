/**
 * What the symbols of a program stand for in a sandbox: handles of maps, addresses of variables and of values of the
 * kernel's configuration. A map is created when it is first asked for.
 *
 * @module
 */

import { EpassError, placing, UnsupportedError } from "../errors.ts";
import { Btf } from "../object/btf.ts";
import { completeTypes } from "../object/complete_types.ts";
import { ELF, type ElfSection } from "../object/elf.ts";
import type { ElfObject } from "../object/elf_object.ts";
import { kconfigContents, kconfigLayout } from "../object/kconfig.ts";
import { MAP_TYPE } from "../object/kernel_names.ts";
import type { MapFile } from "../object/map_file.ts";
import { type MapPlan, planMap } from "../object/map_plan.ts";
import { type MapDefinition, readMaps } from "../object/maps.ts";
import type { CodeRelocation, Program } from "../object/program.ts";
import { type ReferenceFinder, referenceFinder } from "../object/references.ts";
import type { SymbolRequest } from "./code.ts";
import { kconfigValues } from "./kconfig_values.ts";
import type { GuestMap } from "./maps/map.ts";
import type { MapTable } from "./maps/table.ts";

/** A value for a variable: a number, or its bytes. */
export type VariableValue = number | bigint | Uint8Array;

/** What the caller knows about symbols. */
export interface SymbolOptions {
  /** What the maps of a stream are. */
  readonly file: MapFile | null;
  /** Values of the kernel's configuration by name. */
  readonly kconfig: Readonly<Record<string, bigint | string>>;
  /** Addresses of kernel variables and functions by name. */
  readonly ksyms: Readonly<Record<string, bigint>>;
  /** First values of global variables by name, constant ones included. */
  readonly variables: Readonly<Record<string, VariableValue>>;
}

/** Whether a section holds variables: allocated, and neither code nor map definitions. */
function holdsVariables({ name, flags }: ElfSection): boolean {
  const allocated = (flags & ELF.SHF_ALLOC) !== 0 && (flags & ELF.SHF_EXECINSTR) === 0;
  return allocated && name !== "maps" && name !== ".maps";
}

/** Whether a definition is the section of variables that lie in an arena. */
const holdsArenaVariables = ({ type, style }: MapDefinition): boolean =>
  type === MAP_TYPE.ARENA && style === "data";

/** Writes a value into the bytes of a variable. */
function putVariable(
  target: Uint8Array,
  value: VariableValue,
  name: string,
  little: boolean,
): void {
  if (typeof value === "object") {
    if (value.length > target.length) {
      throw new EpassError(
        `cannot set variable ${name}: ${value.length} bytes exceed its ${target.length}`,
      );
    }
    target.set(value);
    return;
  }
  let rest = BigInt.asUintN(8 * target.length, BigInt(value));
  for (let i = 0; i < target.length; i++) {
    target[little ? i : target.length - 1 - i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

/** The symbols of one program. */
export class Symbols {
  readonly #elf: ElfObject | null;
  /** The types of maps and variables. */
  readonly #types: Btf | null;
  readonly #little: boolean;
  readonly #maps: MapTable;
  readonly #options: SymbolOptions;
  readonly #find: ReferenceFinder | null;
  readonly #created = new Map<string | number, GuestMap>();
  readonly #sections = new Map<number, number>();
  /** The maps that the program defines. */
  readonly definitions: readonly MapDefinition[];

  /**
   * Reads the definitions; creates nothing.
   *
   * @param program The program.
   * @param maps Where to create its maps.
   * @param options What the caller knows.
   * @throws {EpassError} If a definition is malformed, or a variable is given that there is not.
   */
  constructor(program: Program, maps: MapTable, options: SymbolOptions) {
    this.#elf = program.elf;
    const types = program.elf === null ? null : completeTypes(program.elf);
    this.#types = types === null ? null : new Btf(types, program.order);
    this.#little = program.order === "little";
    this.#maps = maps;
    this.#options = options;
    this.definitions = program.elf === null ? [] : readMaps(program.elf);
    this.#find = program.elf === null ? null : referenceFinder(program.elf, this.definitions);
    for (const name of Object.keys(options.variables)) this.#variable(name);
  }

  /** The symbol of a variable. */
  #variable(name: string) {
    const symbol = this.#elf?.symbols.find((s) =>
      s.name === name && s.type === ELF.STT_OBJECT && s.section !== ELF.SHN_UNDEF
    );
    if (symbol === undefined) {
      throw new EpassError(`cannot set variable ${name}: there is none of that name`);
    }
    return symbol;
  }

  /**
   * The map that a program defines under a name, created if it is not yet.
   *
   * @param name Its name.
   * @returns The map; null if there is no definition.
   * @throws {UnsupportedError} If it cannot be created.
   */
  map(name: string): GuestMap | null {
    const definition = this.definitions.find((d) => d.name === name && d.style !== "struct_ops");
    return definition === undefined ? this.#maps.byName(name) : this.#mapOf(definition);
  }

  /** The map of a definition; the variables of an arena are at the start of the arena. */
  #mapOf(definition: MapDefinition): GuestMap {
    if (holdsArenaVariables(definition)) {
      const arena = this.definitions.find((d) => d.type === MAP_TYPE.ARENA && d.style !== "data");
      if (arena !== undefined) return this.#mapOf(arena);
    }
    let map = this.#created.get(definition.name);
    if (map === undefined) {
      const { section, offset } = definition;
      const place = { section: this.#elf!.sections[section]?.name ?? definition.name, offset };
      map = placing(place, () => this.#maps.create(this.#plan(definition), this.#types));
      this.#created.set(definition.name, map);
    }
    return map;
  }

  #plan(definition: MapDefinition): MapPlan {
    const plan = planMap(definition, this.#elf!);
    if (definition.type === MAP_TYPE.ARENA) {
      const data = this.definitions.find(holdsArenaVariables);
      const bytes = this.#elf!.sections[data?.section ?? -1]?.bytes ?? null;
      return data === undefined ? plan : { ...plan, contents: this.#initialised(data, bytes) };
    }
    if (definition.style !== "data") return plan;
    const contents = definition.section >= 0
      ? this.#initialised(definition, plan.contents)
      : kconfigContents(
        kconfigLayout(this.#elf!.btf!),
        this.#elf!,
        kconfigValues(this.#options.kconfig),
      );
    return { ...plan, contents };
  }

  /** The contents of a data section with the variables that the caller gives. */
  #initialised({ section }: MapDefinition, contents: Uint8Array | null): Uint8Array | null {
    let changed: Uint8Array | null = null;
    for (const [name, value] of Object.entries(this.#options.variables)) {
      const symbol = this.#variable(name);
      if (symbol.section !== section) continue;
      if (changed === null) {
        changed = new Uint8Array(this.#elf!.sections[section].size);
        if (contents !== null) changed.set(contents);
      }
      const target = changed.subarray(symbol.value, symbol.value + symbol.size);
      putVariable(target, value, name, this.#little);
    }
    return changed ?? contents;
  }

  /**
   * The value of an `lddw`.
   *
   * @param request What the instruction asks for.
   * @returns The 64-bit pattern, or null if nobody knows it.
   * @throws {UnsupportedError} If it asks for a map that cannot be created.
   */
  resolve(request: SymbolRequest): bigint | null {
    const { relocation, imm, high, kind } = request;
    if (relocation !== null && this.#find !== null) {
      return this.#relocated(request, relocation, this.#find);
    }
    if (request.extern !== "") return this.#extern(request.extern, false);
    if (kind === "map_fd" || kind === "map_value") {
      const map = this.#streamMap(imm);
      return map === null ? null : kind === "map_fd" ? BigInt(map.handle) : valueAt(map, high);
    }
    return null;
  }

  #relocated(
    { imm }: SymbolRequest,
    relocation: CodeRelocation,
    find: ReferenceFinder,
  ): bigint | null {
    const elf = this.#elf!;
    const found = find(relocation, imm);
    if (found !== null) {
      const map = this.#mapOf(found.definition);
      return found.offset === null ? BigInt(map.handle) : valueAt(map, found.offset);
    }
    const symbol = elf.symbols[relocation.symbol];
    if (symbol === undefined) return null;
    if (symbol.section === ELF.SHN_UNDEF) {
      return this.#extern(symbol.name, symbol.bind === ELF.STB_WEAK);
    }
    const section = elf.sections[symbol.section];
    if (section === undefined || !holdsVariables(section)) return null;
    const addend = relocation.addend ?? BigInt(imm);
    return BigInt.asUintN(64, BigInt(this.#section(section) + symbol.value) + addend);
  }

  /** The address of a kernel variable or function; 0 for a weak one that is not there. */
  #extern(name: string, weak: boolean): bigint | null {
    const address = this.#options.ksyms[name];
    return address ?? (weak ? 0n : null);
  }

  /** The map that a file descriptor in a stream stood for. */
  #streamMap(fd: number): GuestMap | null {
    const entry = this.#options.file?.maps.get(fd);
    if (entry === undefined) return null;
    let map = this.#created.get(entry.key);
    if (map === undefined) this.#created.set(entry.key, map = this.#maps.create(entry.plan));
    return map;
  }

  /** Address of a section of variables that no map stands for. */
  #section(section: ElfSection): number {
    let address = this.#sections.get(section.index);
    if (address === undefined) {
      const writable = (section.flags & ELF.SHF_WRITE) !== 0;
      const region = this.#maps.memory.allocate(section.name, section.size, writable);
      this.#maps.memory.contents(region).set(section.bytes);
      this.#sections.set(section.index, address = region.address);
    }
    return address;
  }
}

/** Address of a byte of a map's first value. */
function valueAt(map: GuestMap, offset: number): bigint {
  const address = map.lookup(new Uint8Array(map.keySize), 0);
  if (address === 0) {
    throw new UnsupportedError(`cannot take the address of a value of ${map.name}: it has none`);
  }
  return BigInt(address + offset);
}
