/**
 * Arguments of scripts that rewrite: `-O2`, `--passes LIST`, `--cpu N`, `--registers MASK`.
 *
 * @module
 */

import type { CompileOptions } from "../lib/compile.ts";
import type { Version } from "../lib/isa/ops.ts";
import { type Level, PASSES } from "../lib/passes/pipeline.ts";
import { parsePasses } from "../lib/passes/selection.ts";

/** Their definition for `parseArgs`. */
export const REWRITE_ARGUMENTS = {
  level: { type: "string" },
  passes: { type: "string" },
  cpu: { type: "string" },
  registers: { type: "string" },
} as const;

/**
 * Arguments with levels in the form that `parseArgs` understands.
 *
 * @param args The arguments of a script.
 * @returns The same, `-O2` as `--level=2`.
 */
export function spelledOut(args: readonly string[]): string[] {
  return args.map((arg) => arg.replace(/^-O(?=[0-3s]$)/, "--level="));
}

/**
 * What the arguments ask of the compiler.
 *
 * @param values Values by the names of {@link REWRITE_ARGUMENTS}.
 * @returns How to compile.
 * @throws {EpassError} If a pass is not known.
 */
export function rewriteOptions(
  values: { readonly [K in keyof typeof REWRITE_ARGUMENTS]?: string | undefined },
): CompileOptions {
  const { level, passes, cpu, registers } = values;
  return {
    ...(level === undefined ? {} : { level: (level === "s" ? "s" : Number(level)) as Level }),
    ...(passes === undefined ? {} : { passes: parsePasses(passes, PASSES) }),
    ...(cpu === undefined ? {} : { cpu: Number(cpu) as Version }),
    ...(registers === undefined ? {} : { registers: Number(registers) }),
  };
}
