/**
 * A rewrite that the kernel takes: what it refuses goes back to the original, first the function where the verifier
 * stopped, then the whole program.
 *
 * @module
 */

import { linkFunction } from "../object/link.ts";
import { loadProgram } from "../object/load.ts";
import type { Program, ProgramFunction } from "../object/program.ts";
import type { Kernel, KernelLoadOptions } from "./kernel.ts";
import type { Verdict } from "./verdict.ts";
import { isWorse, verifyPrograms, type VerifyRow } from "./verify.ts";

/** A rewrite and what the kernel says of it. */
export interface Settled {
  /** Functions to carry verbatim, by their index, each with the reason. */
  readonly verbatim: ReadonlyMap<number, string>;
  /** The verdicts on the programs with these verbatim, beside the originals'. */
  readonly rows: readonly VerifyRow[];
  /** Whether every program is accepted that was before. */
  readonly accepted: boolean;
}

/** The functions to carry verbatim next, for a program that was refused. */
function suspects(
  rewritten: Program,
  { program, section, failure }: Verdict,
  verbatim: ReadonlyMap<number, string>,
): ProgramFunction[] {
  const root = rewritten.functions.find((fn) => fn.name === program && fn.section.name === section);
  if (root === undefined) return [];
  const { starts } = linkFunction(rewritten, root);
  const pc = failure?.pc ?? -1;
  let failing = root;
  for (const [start, fn] of starts) if (start <= pc) failing = fn;
  if (!verbatim.has(failing.index)) return [failing];
  return [...starts.values()].filter((fn) => !verbatim.has(fn.index));
}

/**
 * Rewrites a program so that the kernel accepts all that it accepted before.
 *
 * @param kernel The kernel.
 * @param program The original.
 * @param rewrite Rewrites it with some functions verbatim, in the format of the original.
 * @param options How to load its programs.
 * @returns Which functions to carry verbatim.
 */
export function settleRewrite(
  kernel: Kernel,
  program: Program,
  rewrite: (verbatim: ReadonlyMap<number, string>) => Uint8Array,
  options: KernelLoadOptions = {},
): Settled {
  const verbatim = new Map<number, string>();
  for (;;) {
    const rewritten = loadProgram(rewrite(verbatim), { from: program.format });
    const rows = verifyPrograms(kernel, rewritten, program, undefined, options);
    const refused = rows.filter(isWorse);
    const before = verbatim.size;
    for (const { verdict } of refused) {
      for (const fn of suspects(rewritten, verdict, verbatim)) {
        verbatim.set(fn.index, `the kernel refuses ${verdict.program}: ${verdict.reason}`);
      }
    }
    if (verbatim.size === before) return { verbatim, rows, accepted: refused.length === 0 };
  }
}
