/**
 * What instructions cost: exactly, a segment at a time (a block, cut at calls), or for a turn of a loop what every turn
 * runs at least: the blocks between its header and its end on the dominator tree.
 *
 * @module
 */

import type { Dominators } from "../../ir/dominators.ts";
import type { Block, Value } from "../../ir/function.ts";

/**
 * Whether an instruction ends a segment: what follows may not run, or runs after a callee has counted.
 *
 * @param value An instruction.
 * @returns Whether it does.
 */
export function endsSegment({ op, callee }: Value): boolean {
  return op === "packet" || op === "call" && callee!.kind !== "intrinsic";
}

/**
 * The instructions of a block, as few as the input can have had.
 *
 * @param block The block.
 * @returns How many.
 */
export function weightOf({ insns, term }: Block): number {
  let count = term!.pc >= 0 ? 1 : 0;
  let last = -1;
  for (const { pc } of insns) {
    if (pc >= 0 && pc !== last) count++;
    last = pc;
  }
  return count;
}

/**
 * The weights of a block and of all blocks that dominate it, together.
 *
 * @param blockCount How many block ids there are.
 * @param dominators The dominator tree.
 * @returns The sums by block id.
 */
export function weightsOf(blockCount: number, dominators: Dominators): Float64Array {
  const weights = new Float64Array(blockCount);
  for (const block of dominators.tree) {
    const idom = dominators.idom(block);
    weights[block.id] = weightOf(block) + (idom === null ? 0 : weights[idom.id]);
  }
  return weights;
}

/**
 * Whether a reducible graph has loops.
 *
 * @param dominators Its dominator tree.
 * @returns Whether an edge goes back.
 */
export function hasLoops(dominators: Dominators): boolean {
  return dominators.order.some((block) =>
    block.succs.some(({ to }) => dominators.dominates(to, block))
  );
}
