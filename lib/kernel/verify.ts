/**
 * Verdicts on all programs of an input, beside those on another version of it.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import { isSubprogram } from "../object/describe.ts";
import type { Program, ProgramFunction } from "../object/program.ts";
import { findFunction } from "../object/select.ts";
import type { Kernel, KernelLoadOptions } from "./kernel.ts";
import { judge, type Verdict } from "./verdict.ts";

/** A program, and what it is compared with. */
export interface VerifyRow {
  /** The verdict on the program. */
  readonly verdict: Verdict;
  /** The verdict on its other version; null if there is none. */
  readonly original: Verdict | null;
}

/** The functions that a loader would load. */
function programsOf(program: Program, name: string | undefined): ProgramFunction[] {
  if (name !== undefined) return [findFunction(program, name)];
  return program.functions.filter((fn) => !isSubprogram(fn, program));
}

/**
 * A verdict in any case: what cannot be brought before the kernel is refused, with the reason.
 *
 * @param kernel The kernel.
 * @param program The input.
 * @param fn The function to load.
 * @param options How to load it.
 * @returns The verdict; nothing stays loaded.
 */
export function verdictOn(
  kernel: Kernel,
  program: Program,
  fn: ProgramFunction,
  options: KernelLoadOptions,
): Verdict {
  try {
    const { verdict, loaded } = kernel.load(program, fn, options);
    loaded?.close();
    return verdict;
  } catch (error) {
    if (!(error instanceof EpassError)) throw error;
    return judge({
      program: fn.name,
      section: fn.section.name,
      type: options.type ?? "",
      instructions: 0,
      problem: error.message,
      log: "",
      sizes: null,
    });
  }
}

/**
 * Asks the kernel for its verdicts.
 *
 * @param kernel The kernel.
 * @param program The input.
 * @param original Another version of it, loaded the same way; null for none.
 * @param name Name of the only program to load; all by default.
 * @param options How to load them.
 * @param known Verdicts on programs of the original, by section and name; those that are missing are added.
 * @returns A row for each program.
 * @throws {EpassError} If there is no program of that name.
 */
export function verifyPrograms(
  kernel: Kernel,
  program: Program,
  original: Program | null,
  name: string | undefined,
  options: KernelLoadOptions = {},
  known: Map<string, Verdict> = new Map(),
): VerifyRow[] {
  return programsOf(program, name).map((fn) => {
    const before = original?.functions.find((f) =>
      f.name === fn.name && f.section.name === fn.section.name
    );
    if (original === null || before === undefined) {
      return { verdict: verdictOn(kernel, program, fn, options), original: null };
    }
    const key = `${fn.section.name} ${fn.name}`;
    const first = known.get(key) ?? verdictOn(kernel, original, before, options);
    known.set(key, first);
    // What the section does not tell, the original has shown.
    const type = first.accepted ? first.type : options.type;
    return { verdict: verdictOn(kernel, program, fn, { ...options, type }), original: first };
  });
}

/**
 * Whether a program fares worse than it must.
 *
 * @param row The program.
 * @returns True if it is refused, unless its original is too.
 */
export function isWorse({ verdict, original }: VerifyRow): boolean {
  return !verdict.accepted && original?.accepted !== false;
}
