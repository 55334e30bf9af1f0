/**
 * Loading for the sandbox: the programs that are wanted with what they refer to, made plain, their maps created and filled,
 * their helpers bound.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import { EpassError, UnsupportedError } from "../errors.ts";
import { Btf } from "../object/btf.ts";
import { CoreRelocator } from "../object/core_relocate.ts";
import { CoreTypes } from "../object/core_types.ts";
import { ELF } from "../object/elf.ts";
import { sectionType } from "../object/section_names.ts";
import type { RelocateCore } from "../object/link.ts";
import type { MapFile } from "../object/map_file.ts";
import { LINUX_FORMATS, type Program } from "../object/program.ts";
import { referenceFinder } from "../object/references.ts";
import { findFunction } from "../object/select.ts";
import { type FurtherFunctions, type Subset, subsetProgram } from "../object/subset.ts";
import { functionAddresses, type SymbolResolver } from "./code.ts";
import { Environment, type EnvironmentOptions } from "./environment.ts";
import {
  bindHelpers,
  bindKfuncs,
  type CalledFunction,
  calledFunctions,
} from "./helpers/registry.ts";
import type { HelperTable, KfuncTable } from "./machine.ts";
import { KernelObjects } from "./kernel_objects.ts";
import { MapTable } from "./maps/table.ts";
import { GuestMemory, type MemoryLevel } from "./memory.ts";
import { plainProgram } from "./plain_program.ts";
import { Symbols, type VariableValue } from "./symbols.ts";
import { helperByName } from "../isa/helpers.ts";

/** How to load a program into a sandbox. */
export interface SandboxOptions extends EnvironmentOptions {
  /** The programs to load, by name; by default all functions of the input. */
  readonly programs?: readonly string[] | undefined;
  /** Program type, such as `xdp`, of programs whose section does not tell. */
  readonly type?: string | undefined;
  /** Types to apply CO-RE relocations to: the BTF of a kernel; without, accesses stay as they were compiled. */
  readonly btf?: Uint8Array | undefined;
  /** What the maps of a stream are. */
  readonly file?: MapFile | undefined;
  /** Memory of the program; by default a new one. */
  readonly memory?: GuestMemory | undefined;
  /** The most bytes of memory, 512 MiB by default. */
  readonly maximumMemory?: number | undefined;
  /** How accesses are checked, `sandbox` by default. */
  readonly level?: MemoryLevel | undefined;
  /** Number of CPUs: how many values an element of a per-CPU map has; by default 1. */
  readonly cpus?: number | undefined;
  /** Addresses of kernel variables and functions by name. */
  readonly ksyms?: Readonly<Record<string, bigint>> | undefined;
  /** First values of global variables by name, constant ones included. */
  readonly variables?: Readonly<Record<string, VariableValue>> | undefined;
  /**
   * When a helper that the sandbox lacks is a failure: when a program that calls it is loaded, or when the call is
   * reached. By default `load` for programs for Linux, `call` for raw ones.
   */
  readonly missing?: "load" | "call" | undefined;
  /** Provides the values of symbols that nothing else gives. */
  readonly resolve?: SymbolResolver | undefined;
}

/** A program of a sandbox. */
export interface SandboxProgram {
  /** Its name. */
  readonly name: string;
  /** Program type, such as `xdp`; empty if unknown. */
  readonly type: string;
  /** What it attaches to, by its section; empty for none. */
  readonly attach: string;
  /** Name of its section. */
  readonly section: string;
  /** Index of its function. */
  readonly index: number;
}

/** A loaded program: all that an engine and its caller need. */
export interface Sandbox {
  /** The input. */
  readonly source: Program;
  /** The plain program that engines run. */
  readonly program: Program;
  /** Which part of the input it is; null for the whole. */
  readonly subset: Subset | null;
  /** Its memory. */
  readonly memory: GuestMemory;
  /** What its programs find around them. */
  readonly environment: Environment;
  /** Its maps and variables. */
  readonly symbols: Symbols;
  /** Helpers by id. */
  readonly helpers: HelperTable;
  /** Kfuncs by name. */
  readonly kfuncs: KfuncTable;
}

/** Programs call helpers or kfuncs that the sandbox does not have. */
export class MissingHelpersError extends UnsupportedError {
  /** Name of the class. */
  override name = "MissingHelpersError";
  /** What is missing. */
  readonly missing: readonly CalledFunction[];

  /**
   * Makes an error.
   *
   * @param missing What is missing.
   */
  constructor(missing: readonly CalledFunction[]) {
    const names = missing.map(({ kind, name }) => `${kind} ${name}`).join(", ");
    super(`cannot load the program: the sandbox does not have ${names}`);
    this.missing = missing;
  }
}

/** The functions that maps referred to by code hold from the start. */
function heldFunctions(program: Program): FurtherFunctions {
  if (program.elf === null) return () => [];
  const find = referenceFinder(program.elf);
  const byName = new Map(program.functions.map(({ name, index }) => [name, index]));
  return (section, slot, insn) => {
    if (insn.op.kind !== "lddw") return [];
    const values = find(section.relocations.get(slot)!, insn.imm)?.definition.values ?? [];
    return values.map(({ name }) => byName.get(name)).filter((index) => index !== undefined);
  };
}

function chosen(program: Program, names: readonly string[] | undefined): Subset | null {
  if (names === undefined || program.elf === null) return null;
  const roots = names.map((name) => findFunction(program, name).index);
  return subsetProgram(program, roots, heldFunctions(program));
}

/** Reads types when they are first needed. */
function typesOf(bytes: Uint8Array, order: ByteOrder): () => Btf {
  let types: Btf | null = null;
  return () => types ??= new Btf(bytes, order);
}

/** Relocates to the types of a kernel. */
function coreRelocation(
  { elf }: Program,
  kernelTypes: (() => Btf) | null,
): RelocateCore | null {
  const local = elf?.btf ?? null;
  if (local === null || kernelTypes === null) return null;
  let relocator: CoreRelocator | null = null;
  return (insn, record) => {
    relocator ??= new CoreRelocator(local, new CoreTypes(kernelTypes()));
    return relocator.relocate(insn, record);
  };
}

/** Names of externs that may be missing. */
function weakExterns({ elf }: Program): ReadonlySet<string> {
  const weak = (elf?.symbols ?? []).filter((s) =>
    s.section === ELF.SHN_UNDEF && s.bind === ELF.STB_WEAK
  );
  return new Set(weak.map(({ name }) => name));
}

/**
 * Fails if functions call what a sandbox does not have.
 *
 * @param sandbox The sandbox.
 * @throws {MissingHelpersError} With all that is missing; weak externs may be.
 */
export function checkHelpers({ program, helpers, kfuncs }: Sandbox): void {
  const weak = weakExterns(program);
  const missing = calledFunctions(program).filter(({ kind, name }) =>
    kind === "kfunc"
      ? !kfuncs.has(name) && !weak.has(name)
      : !helpers.has(helperByName(name)?.id ?? Number(name.slice(1)))
  );
  if (missing.length > 0) throw new MissingHelpersError(missing);
}

/** Puts into the maps that exist what their definitions give them from the start. */
function fillMaps(program: Program, symbols: Symbols, maps: MapTable): void {
  const addresses = functionAddresses(program);
  const byName = new Map(program.functions.map(({ name, index }) => [name, addresses[index]]));
  const little = program.order === "little";
  const word = (value: number): Uint8Array => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, little);
    return bytes;
  };
  // Maps in maps are created as they are met, and come after those that hold them.
  for (const { name: holder, values } of symbols.definitions) {
    if (values.length === 0 || maps.byName(holder) === null) continue;
    for (const { slot, name } of values) {
      const value = byName.get(name) ?? symbols.map(name)?.handle;
      const status = value === undefined ? -1 : maps.byName(holder)!.write(word(slot), word(value));
      if (status === 0) continue;
      throw new EpassError(`cannot fill map ${holder}: ${name} does not fit slot ${slot}`, {
        section: ".maps",
      });
    }
  }
}

/** What programs of the sandbox are called by. */
function describeProgram(
  sandbox: Sandbox,
  index: number,
  options: SandboxOptions,
): SandboxProgram {
  const { name, section } = sandbox.program.functions[index];
  const guess = sectionType(section.name);
  const type = options.type ?? (guess.type || (options.file?.type ?? ""));
  const attach = guess.attach || (options.file?.attach ?? "");
  return { name, type, attach, section: section.name, index };
}

/**
 * Loads a program.
 *
 * @param source The input.
 * @param options How to load it.
 * @returns The sandbox.
 * @throws {MissingHelpersError} If a program calls what the sandbox does not have.
 * @throws {EpassError} If a program cannot be linked, or memory does not suffice.
 */
export function loadSandbox(source: Program, options: SandboxOptions = {}): Sandbox {
  const subset = chosen(source, options.programs);
  const part = subset?.program ?? source;
  const memory = options.memory ??
    new GuestMemory(source.order, {
      maximum: options.maximumMemory,
      level: options.level,
    });
  const maps = new MapTable(memory, options.cpus);
  const environment = new Environment(memory, maps, options);
  environment.types = source.elf?.btf ?? null;
  const kernelTypes = options.btf === undefined ? null : typesOf(options.btf, source.order);
  if (kernelTypes !== null) environment.kernel = new KernelObjects(memory, kernelTypes);
  const symbols = new Symbols(part, maps, {
    file: options.file ?? null,
    kconfig: options.kconfig ?? {},
    ksyms: options.ksyms ?? {},
    variables: options.variables ?? {},
  });
  const given = options.resolve ?? (() => null);
  const program = plainProgram(part, {
    relocateCore: coreRelocation(source, kernelTypes),
    resolve: (request) => given(request) ?? symbols.resolve(request),
  });
  fillMaps(program, symbols, maps);
  return {
    source,
    program,
    subset,
    memory,
    environment,
    symbols,
    helpers: bindHelpers(environment),
    kfuncs: bindKfuncs(environment),
  };
}

/**
 * Whether a program fails at load if a helper is missing, unless the caller says otherwise.
 *
 * @param program The program.
 * @returns When a missing helper is a failure.
 */
export function missingPolicy(program: Program): "load" | "call" {
  return LINUX_FORMATS.includes(program.format) ? "load" : "call";
}

/**
 * Finds a program of a sandbox.
 *
 * @param sandbox The sandbox.
 * @param wanted Its name, or its index in the input; by default the first function that is not a subprogram.
 * @param options How it was loaded.
 * @returns The program.
 * @throws {EpassError} If there is none.
 */
export function programOf(
  sandbox: Sandbox,
  wanted: string | number | undefined,
  options: SandboxOptions,
): SandboxProgram {
  const { program, subset } = sandbox;
  const { functions } = program;
  const found = wanted === undefined
    ? functions.find((fn) => !fn.subprogram) ?? functions[0]
    : typeof wanted === "number"
    ? functions[subset === null ? wanted : subset.indices[wanted]]
    : findFunction(program, wanted);
  if (found === undefined) {
    throw new EpassError(`cannot run ${wanted ?? "the program"}: no such function`);
  }
  return describeProgram(sandbox, found.index, options);
}
