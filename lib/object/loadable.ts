/**
 * A program ready for whoever loads it: one stream of instructions, the maps that it needs, and which instructions stand
 * for them. A loader creates the maps and puts its handles in: file descriptors for the kernel.
 *
 * @module
 */

import { cString } from "../bytes.ts";
import { UnsupportedError } from "../errors.ts";
import { Instruction } from "../isa/instruction.ts";
import { findOp } from "../isa/ops.ts";
import type { ElfObject } from "./elf_object.ts";
import { CoreRelocator } from "./core_relocate.ts";
import { ELF } from "./elf.ts";
import { ExternLinker, type ModuleReference } from "./externs.ts";
import { kconfigContents, kconfigLayout } from "./kconfig.ts";
import { MAP_TYPE } from "./kernel_names.ts";
import { type Linked, linkFunction, type RelocateCore } from "./link.ts";
import type { MapFile } from "./map_file.ts";
import { type MapPlan, planMap } from "./map_plan.ts";
import { type MapDefinition, readMaps } from "./maps.ts";
import type { CodeRelocation, Program, ProgramFunction } from "./program.ts";
import { type DataReference, referenceFinder } from "./references.ts";
import type { TargetKernel } from "./target_kernel.ts";

const LDDW_MAP = findOp({ kind: "lddw", fn: "map_fd" });
const LDDW_VALUE = findOp({ kind: "lddw", fn: "map_value" });

/** An `lddw` that stands for a map. */
export interface MapReference {
  /** Index of the instruction. */
  readonly insn: number;
  /** Index of the map. */
  readonly map: number;
  /** Which byte of the map's first value it stands for; null for the map itself. */
  readonly offset: number | null;
}

/** A program with all that a loader must provide. */
export interface Loadable extends Linked {
  /** The maps that the program uses, in the order of their first use. */
  readonly maps: readonly MapPlan[];
  /** Where it uses them, ascending. */
  readonly references: readonly MapReference[];
  /** Ids of the types of the modules that it refers to; a call of a kfunc holds the index counted from 1. */
  readonly modules: readonly number[];
  /** Where it takes the file descriptors of such types. */
  readonly moduleReferences: readonly ModuleReference[];
  /** Its license. */
  readonly license: string;
}

/** Numbers maps in the order of their first use. */
class MapSet {
  readonly plans: MapPlan[] = [];
  readonly #indices = new Map<string | number, number>();

  /** The index of the map with a key; the first time, of the plan that is made for it. */
  add(key: string | number, plan: () => MapPlan): number {
    let index = this.#indices.get(key);
    if (index === undefined) {
      index = this.plans.length;
      this.#indices.set(key, index);
      this.plans.push(plan());
    }
    return index;
  }
}

/** An object's maps as a program refers to them. */
class ObjectMaps {
  readonly #object: ElfObject;
  readonly #kernel: TargetKernel | null;
  readonly #definitions: readonly MapDefinition[];
  readonly #find: (relocation: CodeRelocation, imm: number) => DataReference | null;

  constructor(object: ElfObject, kernel: TargetKernel | null) {
    this.#object = object;
    this.#kernel = kernel;
    this.#definitions = readMaps(object);
    this.#find = referenceFinder(object, this.#definitions);
  }

  /** What an instruction stands for; null if it is no map of the object. */
  find(relocation: CodeRelocation, insn: Instruction): DataReference | null {
    const found = insn.op.kind === "lddw" ? this.#find(relocation, insn.imm) : null;
    if (found === null) return null;
    const { definition, offset } = found;
    // Values of a kernel's configuration.
    if (definition.section < 0 && this.#kernel === null) return null;
    if (definition.type !== MAP_TYPE.ARENA || definition.style !== "data") return found;
    const arena = this.#definitions.find(({ type, style }) =>
      type === MAP_TYPE.ARENA && style !== "data"
    );
    if (arena === undefined) {
      throw new UnsupportedError(`cannot link ${relocation.name}: the object has no arena for it`);
    }
    return { definition: arena, offset };
  }

  /** How to create a map. The variables of an arena are at its start. */
  plan(definition: MapDefinition): MapPlan {
    const plan = planMap(definition, this.#object);
    if (definition.section < 0 && definition.style === "data") {
      const layout = kconfigLayout(this.#object.btf!);
      const valueOf = (name: string) => this.#kernel!.config(name);
      return {
        ...plan,
        contents: kconfigContents(layout, this.#object, valueOf),
        frozen: true,
      };
    }
    if (definition.type !== MAP_TYPE.ARENA) return plan;
    const data = this.#definitions.find(({ type, style }) =>
      type === MAP_TYPE.ARENA && style === "data"
    );
    const contents = this.#object.sections[data?.section ?? -1]?.bytes ?? null;
    return { ...plan, contents: contents?.length === 0 ? null : contents };
  }
}

/** Resolves the references of an object's program to maps and, given a kernel, to externs. */
function linkObject(
  object: ElfObject,
  linked: Linked,
  maps: MapSet,
  kernel: TargetKernel | null,
): Pick<Loadable, "insns" | "references" | "modules" | "moduleReferences"> {
  const objectMaps = new ObjectMaps(object, kernel);
  const externs = kernel === null ? null : new ExternLinker(object, kernel);
  const insns = linked.insns.slice();
  const references: MapReference[] = [];
  for (const [insn, relocation] of linked.relocations) {
    const found = objectMaps.find(relocation, insns[insn]);
    if (found !== null) {
      const { definition, offset } = found;
      const map = maps.add(definition.name, () => objectMaps.plan(definition));
      references.push({ insn, map, offset });
      continue;
    }
    const extern = object.symbols[relocation.symbol]?.section === ELF.SHN_UNDEF;
    if (!extern || externs === null) {
      throw new UnsupportedError(
        `cannot link ${relocation.name}: it is neither a map nor a variable of this object`,
      );
    }
    insns[insn] = externs.link(insns[insn], insn, relocation);
  }
  const { modules = [], moduleReferences = [] } = externs ?? {};
  return { insns, references, modules, moduleReferences };
}

/** References of a stream: it holds the file descriptors of the process that it was dumped from. */
function streamReferences(
  linked: Linked,
  file: MapFile | null,
  maps: MapSet,
): MapReference[] {
  const references: MapReference[] = [];
  linked.insns.forEach((insn, index) => {
    const { op, imm, high } = insn;
    if (op !== LDDW_MAP && op !== LDDW_VALUE) return;
    const entry = file?.maps.get(imm);
    if (entry === undefined) {
      throw new UnsupportedError(
        `cannot link map ${imm}: it is not described${
          file === null ? "; give a file that does with --maps" : ""
        }`,
      );
    }
    const map = maps.add(entry.key, () => entry.plan);
    references.push({ insn: index, map, offset: op === LDDW_VALUE ? high : null });
  });
  return references;
}

/** Relocates to the types of a kernel, which are asked for at the first record. */
function coreRelocation({ elf }: Program, kernel: TargetKernel): RelocateCore | null {
  const local = elf?.btf ?? null;
  if (local === null) return null;
  let relocator: CoreRelocator | null = null;
  return (insn, record) => {
    relocator ??= new CoreRelocator(local, kernel.types, (type) => kernel.modulesWith(type));
    return relocator.relocate(insn, record);
  };
}

/**
 * Links a program for loading.
 *
 * @param program The input.
 * @param fn The function to load.
 * @param file What the maps of a stream are; unused for objects.
 * @param kernel The kernel that externs and CO-RE records are resolved against; without, records stay as compiled.
 * @returns The program.
 * @throws {UnsupportedError} If it needs what nothing describes, or the kernel does not allow it.
 */
export function linkLoadable(
  program: Program,
  fn: ProgramFunction,
  file: MapFile | null = null,
  kernel: TargetKernel | null = null,
): Loadable {
  if (program.order === "big") {
    throw new UnsupportedError(`cannot link ${fn.name}: it is big-endian`, { function: fn.name });
  }
  const linked = linkFunction(
    program,
    fn,
    kernel === null ? null : coreRelocation(program, kernel),
  );
  const maps = new MapSet();
  const { elf } = program;
  const resolved = elf === null
    ? { references: streamReferences(linked, file, maps), modules: [], moduleReferences: [] }
    : linkObject(elf, linked, maps, kernel);
  const section = elf?.sections.find((s) => s.name === "license" && s.size > 0);
  const license = section === undefined
    ? (elf === null ? file?.license ?? "GPL" : "")
    : cString(section.bytes, 0);
  return { ...linked, ...resolved, maps: maps.plans, license };
}

/**
 * Puts a loader's handles into the instructions that stand for maps and modules.
 *
 * @param loadable The program.
 * @param handles Handle of each map, signed 32 bits: a file descriptor.
 * @param moduleHandles Handle of the types of each module: a file descriptor.
 * @returns The instructions, final.
 */
export function bindHandles(
  loadable: Loadable,
  handles: readonly number[],
  moduleHandles: readonly number[] = [],
): Instruction[] {
  const insns = loadable.insns.slice();
  for (const { insn, map, offset } of loadable.references) {
    const op = offset === null ? LDDW_MAP : LDDW_VALUE;
    insns[insn] = new Instruction(op, insns[insn].dst, 0, 0, handles[map], offset ?? 0);
  }
  for (const { insn, module } of loadable.moduleReferences) {
    const { op, dst, imm } = insns[insn];
    insns[insn] = new Instruction(op, dst, 0, 0, imm, moduleHandles[module]);
  }
  return insns;
}
