/**
 * Which accesses need no check of their base.
 *
 * @module
 */

import type { Dominators } from "../../ir/dominators.ts";
import type { IrFunction, Value } from "../../ir/function.ts";
import type { SafeAccesses } from "./accesses.ts";

/**
 * Finds the accesses whose base is known to be a good address.
 *
 * @param fn A valid function.
 * @param dominators Its dominator tree.
 * @returns The answers.
 */
export function safeAccesses(fn: IrFunction, dominators: Dominators): SafeAccesses {
  const safe = new Uint8Array(fn.valueCount);
  /** By base: the block in which it was checked. */
  const checked: (Value["block"] | undefined)[] = new Array(fn.valueCount);
  for (const block of dominators.tree) {
    for (const access of block.insns) {
      const { op, args, off } = access;
      if (op !== "load" && op !== "store" && op !== "atomic" || off < 0) continue;
      const base = args[0];
      const place = checked[base.id];
      if (place !== undefined && place !== null && dominators.dominates(place, block)) {
        safe[access.id] = 1;
      } else checked[base.id] = block;
    }
  }
  return { isSafe: ({ id }) => safe[id] !== 0 };
}
