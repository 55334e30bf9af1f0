/**
 * Runs random programs as they are and after lift → emit with few registers, and compares what the interpreter sees.
 *
 * @module
 */

import { equalBytes } from "../../lib/bytes.ts";
import { type CompileOptions, compileProgram } from "../../lib/compile.ts";
import { encode } from "../../lib/isa/codec.ts";
import { disassemble } from "../../lib/isa/disassemble.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { Program } from "../../lib/object/program.ts";
import { type RunResult, Vm } from "../../lib/vm/vm.ts";
import { randomProgram } from "../support/random_program.ts";

/** Sets of registers that the allocator may choose. */
export const BUDGETS: readonly { readonly name: string; readonly registers: number }[] = [
  { name: "all ten", registers: 0x3ff },
  { name: "six", registers: 0b01_1100_0111 },
  // Three are what the instruction with the most free operands, cmpxchg, needs; calls name theirs themselves.
  { name: "three", registers: 0b111 },
];

/** What one program did. */
export interface Comparison {
  /** Functions that went through SSA and functions carried verbatim, over all budgets. */
  readonly lifted: number;
  readonly verbatim: number;
  /** Whether the original ended in a fault. */
  readonly faulted: boolean;
  /** What differed, empty if nothing did. */
  readonly mismatch: string;
}

const LIMIT = 200_000;

function run(program: Program, context: Uint8Array): RunResult {
  const vm = Vm.loadSync(program, { engine: "interpreter" });
  vm.registerHelper(5, (_context, r1) => r1);
  return vm.run({ context, limit: LIMIT });
}

function difference(before: RunResult, after: RunResult): string {
  const kinds = [before.fault?.kind ?? "none", after.fault?.kind ?? "none"];
  // A program that runs into the limit is cut off at another place.
  if (kinds[0] === "limit" && kinds[1] === "limit") return "";
  if (kinds[0] !== kinds[1]) return `fault ${kinds[0]}, then ${kinds[1]}: ${after.fault?.message}`;
  if (before.returnValue !== after.returnValue) {
    return `r0 0x${before.returnValue.toString(16)}, then 0x${after.returnValue.toString(16)}`;
  }
  return equalBytes(before.context, after.context) ? "" : "memory differs";
}

/**
 * Compares one random program with its rewritten forms. With passes, one that faults says nothing: a load that nobody
 * reads may go.
 *
 * @param seed Seed of the program.
 * @param options How to optimise; not at all by default.
 * @returns What it did.
 */
export function compareRewritten(seed: number, options: CompileOptions = {}): Comparison {
  const optimised = (options.passes ?? []).length > 0 || (options.level ?? 0) !== 0;
  const { insns, context } = randomProgram(seed, optimised ? { faults: 0 } : {});
  const original = loadProgram(encode(insns), { from: "raw" });
  const before = run(original, context);
  let lifted = 0, verbatim = 0, mismatch = "";
  for (const { name, registers } of BUDGETS) {
    const { bytes, functions } = compileProgram(original, {
      ...options,
      registers,
      check: true,
    });
    for (const fn of functions) fn.lifted ? lifted++ : verbatim++;
    const rewritten = loadProgram(bytes, { from: "raw" });
    if (optimised && before.fault !== null) continue;
    const what = difference(before, run(rewritten, context));
    if (what !== "" && mismatch === "") {
      mismatch = `seed ${seed}, ${name} registers: ${what}\n` +
        `${disassemble(insns)}\nrewritten:\n${disassemble(rewritten.sections[0].insns)}`;
    }
  }
  return { lifted, verbatim, faulted: before.fault !== null, mismatch };
}
