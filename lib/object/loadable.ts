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
import type { CoreTypes } from "./core_types.ts";
import { type Linked, linkFunction, type RelocateCore } from "./link.ts";
import type { MapFile } from "./map_file.ts";
import { type MapPlan, planMap } from "./map_plan.ts";
import type { Program, ProgramFunction } from "./program.ts";
import { referenceFinder } from "./references.ts";

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

function objectReferences(object: ElfObject, linked: Linked, maps: MapSet): MapReference[] {
  const find = referenceFinder(object);
  return [...linked.relocations].map(([insn, relocation]) => {
    const { op, imm } = linked.insns[insn];
    const found = op.kind === "lddw" ? find(relocation, imm) : null;
    // The values of the kernel's configuration are not known here.
    if (found !== null && found.definition.section >= 0) {
      const { definition, offset } = found;
      return { insn, map: maps.add(definition.name, () => planMap(definition, object)), offset };
    }
    throw new UnsupportedError(
      `cannot link ${relocation.name}: it is neither a map nor a variable of this object`,
    );
  });
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

/** Relocates to the types that a program meets, which are asked for at the first record. */
function coreRelocation({ elf }: Program, types: () => CoreTypes): RelocateCore | null {
  const local = elf?.btf ?? null;
  if (local === null) return null;
  let relocator: CoreRelocator | null = null;
  return (insn, record) => {
    relocator ??= new CoreRelocator(local, types());
    return relocator.relocate(insn, record);
  };
}

/**
 * Links a program for loading.
 *
 * @param program The input.
 * @param fn The function to load.
 * @param file What the maps of a stream are; unused for objects.
 * @param types Gives the types that the program meets, for CO-RE; without, what depends on them stays as compiled.
 * @returns The program.
 * @throws {UnsupportedError} If it needs what nothing describes, or the types that it meets do not allow it.
 */
export function linkLoadable(
  program: Program,
  fn: ProgramFunction,
  file: MapFile | null = null,
  types: (() => CoreTypes) | null = null,
): Loadable {
  if (program.order === "big") {
    throw new UnsupportedError(`cannot link ${fn.name}: it is big-endian`, { function: fn.name });
  }
  const linked = linkFunction(
    program,
    fn,
    types === null ? null : coreRelocation(program, types),
  );
  const maps = new MapSet();
  const { elf } = program;
  const references = elf === null
    ? streamReferences(linked, file, maps)
    : objectReferences(elf, linked, maps);
  const section = elf?.sections.find((s) => s.name === "license" && s.size > 0);
  const license = section === undefined
    ? (elf === null ? file?.license ?? "GPL" : "")
    : cString(section.bytes, 0);
  return { ...linked, maps: maps.plans, references, license };
}

/**
 * Puts a loader's handles into the instructions that stand for maps.
 *
 * @param loadable The program.
 * @param handles Handle of each map, signed 32 bits: a file descriptor.
 * @returns The instructions, final.
 */
export function bindMaps(loadable: Loadable, handles: readonly number[]): Instruction[] {
  const insns = loadable.insns.slice();
  for (const { insn, map, offset } of loadable.references) {
    const op = offset === null ? LDDW_MAP : LDDW_VALUE;
    insns[insn] = new Instruction(op, insns[insn].dst, 0, 0, handles[map], offset ?? 0);
  }
  return insns;
}
