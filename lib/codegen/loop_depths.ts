/**
 * How deep blocks are in loops, for the choices of the register allocator.
 *
 * @module
 */

import { loopDepths, loopForest } from "../ir/loop_forest.ts";
import type { MachineFunction } from "./machine.ts";

/**
 * How many loops hold each block.
 *
 * @param fn The function.
 * @param order Its reachable blocks in reverse post order.
 * @returns The depth by block.
 */
export function machineLoopDepths({ blocks }: MachineFunction, order: Int32Array): Int32Array {
  const rank = new Int32Array(blocks.length).fill(-1);
  for (let i = 0; i < order.length; i++) rank[order[i]] = i;
  const predStart = new Int32Array(blocks.length + 1);
  let goesBack = false;
  for (let b = 0; b < blocks.length; b++) {
    const { preds } = blocks[b];
    predStart[b + 1] = predStart[b] + preds.length;
    for (let i = 0; i < preds.length; i++) goesBack ||= rank[preds[i].from.index] >= rank[b];
  }
  if (!goesBack) return new Int32Array(blocks.length);
  const sources = new Int32Array(predStart[blocks.length]);
  for (let b = 0; b < blocks.length; b++) {
    const { preds } = blocks[b];
    for (let i = 0; i < preds.length; i++) sources[predStart[b] + i] = preds[i].from.index;
  }
  return loopDepths(loopForest({ order, rank, predStart, preds: sources }), order);
}
