/**
 * Programs built by hand for the tests of the lifter: a stream of instructions cut into functions.
 *
 * @module
 */

import { liftContext } from "../../lib/lift/context.ts";
import { liftFunction } from "../../lib/lift/lift.ts";
import type { IrFunction } from "../../lib/ir/function.ts";
import { assemble } from "../../lib/isa/assemble.ts";
import { encode } from "../../lib/isa/codec.ts";
import { type Instruction, slotTable } from "../../lib/isa/instruction.ts";
import type {
  CodeRelocation,
  CodeSection,
  CodeTarget,
  CoreRecord,
  Format,
  Program,
  ProgramFunction,
} from "../../lib/object/program.ts";

/** What a hand-built program has besides its instructions. */
export interface Extras {
  /** The format; a dump by default. */
  readonly format?: Format;
  /** Index of the first instruction of each function; one function by default. */
  readonly starts?: readonly number[];
  /** Number of parameters by BTF of each function; unknown by default. */
  readonly params?: readonly number[];
  /** Relocations by slot. */
  readonly relocations?: ReadonlyMap<number, CodeRelocation>;
  /** CO-RE records by slot. */
  readonly core?: ReadonlyMap<number, CoreRecord>;
  /** Targets by slot, besides those of local calls and function addresses. */
  readonly targets?: ReadonlyMap<number, CodeTarget>;
  /** Why a function cannot be separated. */
  readonly entangled?: string;
}

/** The function that starts at the target of a local call or function address. */
function targetsOf(insns: readonly Instruction[], slots: Int32Array, starts: readonly number[]) {
  const targets = new Map<number, CodeTarget>();
  const functionAt = new Map(starts.map((start, index) => [slots[start], index]));
  insns.forEach(({ op, imm }, i) => {
    if (!(op.kind === "call" && op.fn === "local" || op.kind === "lddw" && op.fn === "func")) {
      return;
    }
    const index = functionAt.get(slots[i] + 1 + imm);
    if (index !== undefined) targets.set(slots[i], { kind: "function", index });
  });
  return targets;
}

/** A program of one raw stream. */
export function programOf(insns: readonly Instruction[], extras: Extras = {}): Program {
  const slots = slotTable(insns);
  const starts = extras.starts ?? [0];
  const section: CodeSection = {
    name: "",
    elfIndex: -1,
    insns,
    slots,
    relocations: extras.relocations ?? new Map(),
    core: extras.core ?? new Map(),
    targets: new Map([...targetsOf(insns, slots, starts), ...extras.targets ?? []]),
    lines: [],
  };
  const functions = starts.map((first, index): ProgramFunction => ({
    index,
    name: `f${index}`,
    section,
    first,
    last: starts[index + 1] ?? insns.length,
    global: true,
    subprogram: index > 0,
    params: extras.params?.[index] ?? -1,
    entangled: extras.entangled ?? "",
  }));
  return {
    format: extras.format ?? "dump",
    order: "little",
    bytes: encode(insns),
    elf: null,
    sections: [section],
    functions,
  };
}

/** Lifts one function of a hand-built program, given as assembly or as instructions. */
export function lift(
  code: string | readonly Instruction[],
  extras: Extras = {},
  index = 0,
): IrFunction {
  const program = programOf(typeof code === "string" ? assemble(code).insns : code, extras);
  return liftFunction(program, index, liftContext(program));
}
