/**
 * Copy propagation: uses of a 64-bit move read what was moved.
 *
 * Before: `v2 = copy v1; v3 = add v2, v0`. After: `v2 = copy v1; v3 = add v1, v0`.
 *
 * A move of a leaf stays for the edges that pass it: one move serves all of them, where the bare leaf would be
 * materialised on each.
 *
 * Needs nothing; dead-code removes what becomes unused. Moves that carry a CO-RE record stay, and so do moves of a
 * CO-RE constant, since the loader patches that one instruction.
 *
 * @module
 */

import { replaceUses } from "../ir/cfg.ts";
import { type IrFunction, isLeaf, type Value } from "../ir/function.ts";
import { removeTrivialParams } from "../ir/trivial_params.ts";
import type { Pass } from "./pass.ts";

/** Makes instructions and terminators, but not edges, read leaves instead of moves of them. */
function propagateLeaves(fn: IrFunction, leaves: readonly (Value | undefined)[]): void {
  const resolve = (args: Value[]): void => {
    for (let i = 0; i < args.length; i++) args[i] = leaves[args[i].id] ?? args[i];
  };
  for (const { insns, term } of fn.blocks) {
    for (const { args } of insns) resolve(args);
    resolve(term!.args);
  }
}

function run(fn: IrFunction): boolean {
  const moves: (Value | undefined)[] = new Array(fn.valueCount);
  const leaves: (Value | undefined)[] = new Array(fn.valueCount);
  let found = false;
  for (const { insns } of fn.blocks) {
    for (const value of insns) {
      const [source] = value.args;
      if (value.op !== "copy" || value.core !== null || source.op === "core") continue;
      (isLeaf(source) ? leaves : moves)[value.id] = source;
      found = true;
    }
  }
  if (found) {
    replaceUses(fn, moves);
    propagateLeaves(fn, leaves);
  }
  return removeTrivialParams(fn) || found;
}

/** The pass. */
export const copyPropagation: Pass = {
  name: "copy-propagation",
  summary: "uses of a move read its source",
  options: [],
  run,
};
