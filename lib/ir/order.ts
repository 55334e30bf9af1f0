/**
 * Depth-first orders of the blocks that the entry reaches.
 *
 * @module
 */

import type { Block, IrFunction } from "./function.ts";

/** The result of a depth-first search from the entry. */
export interface DepthFirstOrder {
  /** Blocks in the order in which they were first reached; the index is a block's preorder number. */
  readonly preorder: readonly Block[];
  /** Blocks in the order in which they were left. */
  readonly postorder: readonly Block[];
  /** Preorder number by block id; -1 for a block that is not reached. */
  readonly numbers: Int32Array;
  /** Preorder number of the parent in the search tree, by preorder number; -1 for the entry. */
  readonly parents: Int32Array;
}

/**
 * Searches the graph depth first, without recursion. Successors are visited in the order of the edges, so that in
 * reverse post order a branch is followed by its `otherwise` side.
 *
 * @param fn The function.
 * @returns The orders.
 */
export function depthFirstOrder(fn: IrFunction): DepthFirstOrder {
  const numbers = new Int32Array(fn.blockCount).fill(-1);
  const parents = new Int32Array(fn.blocks.length).fill(-1);
  const cursor = new Int32Array(fn.blockCount);
  const preorder: Block[] = [fn.entry];
  const postorder: Block[] = [];
  const stack: Block[] = [fn.entry];
  numbers[fn.entry.id] = 0;
  while (stack.length > 0) {
    const block = stack[stack.length - 1];
    const { succs } = block;
    const next = cursor[block.id]++;
    if (next >= succs.length) {
      postorder.push(block);
      stack.pop();
      continue;
    }
    const { to } = succs[next];
    if (numbers[to.id] >= 0) continue;
    parents[preorder.length] = numbers[block.id];
    numbers[to.id] = preorder.length;
    preorder.push(to);
    stack.push(to);
  }
  return { preorder, postorder, numbers, parents };
}

/**
 * The blocks that the entry reaches, each before its successors but for edges that go back.
 *
 * @param fn The function.
 * @returns The blocks; the entry is first.
 */
export function reversePostOrder(fn: IrFunction): Block[] {
  return depthFirstOrder(fn).postorder.toReversed();
}
