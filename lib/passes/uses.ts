/**
 * How often values are used.
 *
 * @module
 */

import type { IrFunction } from "../ir/function.ts";

/**
 * Counts uses: by instructions, terminators and edges.
 *
 * @param fn The function.
 * @returns The number of uses by value id.
 */
export function useCounts(fn: IrFunction): Int32Array<ArrayBuffer> {
  const counts = new Int32Array(fn.valueCount);
  for (const { insns, term } of fn.blocks) {
    for (let i = 0; i < insns.length; i++) {
      const { args } = insns[i];
      for (let k = 0; k < args.length; k++) counts[args[k].id]++;
    }
    for (const arg of term!.args) counts[arg.id]++;
    for (const { args } of term!.edges) {
      for (let k = 0; k < args.length; k++) counts[args[k].id]++;
    }
  }
  return counts;
}
