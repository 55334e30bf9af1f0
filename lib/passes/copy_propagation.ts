/**
 * Copy propagation: uses of a 64-bit move read what was moved.
 *
 * Before: `v2 = copy v1; v3 = add v2, v0`. After: `v2 = copy v1; v3 = add v1, v0`.
 *
 * Needs nothing; dead-code removes what becomes unused. Moves that carry a CO-RE record stay, and so do moves of a
 * CO-RE constant, since the loader patches that one instruction.
 *
 * @module
 */

import { replaceUses } from "../ir/cfg.ts";
import type { IrFunction, Value } from "../ir/function.ts";
import { removeTrivialParams } from "../ir/trivial_params.ts";
import type { Pass } from "./pass.ts";

function run(fn: IrFunction): boolean {
  const table: (Value | undefined)[] = new Array(fn.valueCount);
  let found = false;
  for (const { insns } of fn.blocks) {
    for (const value of insns) {
      if (value.op !== "copy" || value.core !== null || value.args[0].op === "core") continue;
      table[value.id] = value.args[0];
      found = true;
    }
  }
  if (found) replaceUses(fn, table);
  return removeTrivialParams(fn) || found;
}

/** The pass. */
export const copyPropagation: Pass = {
  name: "copy-propagation",
  summary: "uses of a move read its source",
  options: [],
  run,
};
