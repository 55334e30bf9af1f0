/**
 * The passes that there are, and the only ordered lists of them.
 *
 * @module
 */

import { bitCount } from "./bit_count.ts";
import { copyPropagation } from "./copy_propagation.ts";
import { deadCode } from "./dead_code.ts";
import { deadStores } from "./dead_stores.ts";
import { displacements } from "./displacements.ts";
import { ifConversion } from "./if_conversion.ts";
import { loadElimination } from "./load_elimination.ts";
import { loopIdiom } from "./loop_idiom.ts";
import { loopUnroll } from "./loop_unroll.ts";
import { mergeBlocks } from "./merge_blocks.ts";
import { mergeLoads } from "./merge_loads.ts";
import { mergeStores } from "./merge_stores.ts";
import type { Pass } from "./pass.ts";
import { shareLeaves } from "./share_leaves.ts";
import { simplify } from "./simplify.ts";
import { valueNumbering } from "./value_numbering.ts";
import { strengthReduction } from "./strength_reduction.ts";
import { wideCompare } from "./wide_compare.ts";
import { parsePass, type PassUse } from "./selection.ts";

/** Optimisation level: none, what is cheap, all that pays, all there is, and for size. */
export type Level = 0 | 1 | 2 | 3 | "s";

/** All passes, by name. */
export const PASSES: readonly Pass[] = [
  bitCount,
  copyPropagation,
  deadCode,
  deadStores,
  displacements,
  ifConversion,
  loopIdiom,
  loopUnroll,
  loadElimination,
  mergeBlocks,
  mergeLoads,
  mergeStores,
  shareLeaves,
  simplify,
  strengthReduction,
  valueNumbering,
  wideCompare,
];

/** What takes no more registers than the input. */
const GENTLE = ["copy-propagation", "simplify", "merge-loads", "merge-stores", "dead-code"];

/** All that pays. */
const FULL = [
  "copy-propagation",
  "simplify",
  "merge-loads",
  "merge-stores",
  "load-elimination",
  "value-numbering",
  "simplify",
  "dead-code",
  "dead-stores",
  "dead-code",
];

/** Passes for the kernel, in order, by level. */
const BPF: { readonly [K in Level]: readonly string[] } = {
  0: [],
  1: GENTLE,
  2: FULL,
  3: FULL,
  s: FULL,
};

/**
 * Other lists that may give less code, since what a pass saves can cost registers: what keeps more in registers, and
 * what keeps less.
 */
const BPF_VARIANTS: readonly (readonly string[])[] = [[...FULL, "share-leaves"], GENTLE, [
  ...GENTLE,
  "share-leaves",
]];

/** Passes for the virtual machine, in order. An access that would fault stays, whether its result is used or not. */
const VM: readonly string[] = [
  "copy-propagation",
  "simplify",
  "load-elimination",
  "merge-blocks",
  "value-numbering",
  "dead-code(loads=0)",
  "if-conversion",
  "bit-count",
  "loop-idiom",
  "wide-compare",
  "strength-reduction",
  "loop-unroll",
  "copy-propagation",
  "simplify",
  "displacements",
  "dead-code(loads=0)",
  "dead-stores",
  "dead-code(loads=0)",
  "merge-blocks",
];

/** Passes for the virtual machine where it counts every instruction: they leave each block and its calls in place. */
const VM_COUNTED: readonly string[] = [
  "copy-propagation",
  "simplify",
  "load-elimination",
  "value-numbering",
  "copy-propagation",
  "simplify",
  "dead-code(loads=0)",
];

const uses = (names: readonly string[]): readonly PassUse[] =>
  names.map((name) => parsePass(name, PASSES));

/** What runs for the kernel, by level. */
export const BPF_PIPELINES: { readonly [K in Level]: readonly PassUse[] } = {
  0: uses(BPF[0]),
  1: uses(BPF[1]),
  2: uses(BPF[2]),
  3: uses(BPF[3]),
  s: uses(BPF.s),
};

/** What may be tried beside the list of a level from 2 on; the least code is taken. */
export const BPF_ALTERNATIVES: readonly (readonly PassUse[])[] = BPF_VARIANTS.map(uses);

/** What runs for the virtual machine. */
export const VM_PIPELINE: readonly PassUse[] = uses(VM);
/** What runs for the virtual machine where it counts every instruction. */
export const VM_COUNTED_PIPELINE: readonly PassUse[] = uses(VM_COUNTED);

/** `[before, after, reason]`: where both run, the last run of the first pass comes before the last of the second. */
export const ORDER: readonly (readonly [before: string, after: string, reason: string])[] = [
  ["copy-propagation", "dead-code", "the moves that nobody reads any more are still there"],
  ["loop-idiom", "simplify", "it computes with constants"],
  ["bit-count", "dead-code", "the arithmetic that it replaced is still there"],
  [
    "merge-loads",
    "merge-stores",
    "what was copied bytewise is a wide load then, to be stored whole",
  ],
  ["load-elimination", "dead-stores", "a store is dead when nothing loads it any more"],
  ["simplify", "share-leaves", "rules look for leaves, and find moves of them"],
  ["dead-code", "share-leaves", "what is dead must not count among the users"],
];

/**
 * Checks a list of passes against {@link ORDER}.
 *
 * @param list The passes.
 * @returns A line for each violation.
 */
export function orderViolations(list: readonly PassUse[]): string[] {
  const names = list.map(({ pass }) => pass.name);
  return ORDER.flatMap(([before, after, reason]) =>
    names.includes(after) && names.lastIndexOf(before) > names.lastIndexOf(after)
      ? [`${before} must come before ${after}: ${reason}`]
      : []
  );
}
