/**
 * The dominator tree, by Lengauer and Tarjan's algorithm with path compression ("A fast algorithm for finding
 * dominators in a flowgraph", 1979): O(edges × log blocks) whatever the shape of the graph.
 *
 * @module
 */

import type { Block, IrFunction } from "./function.ts";
import { type DepthFirstOrder, depthFirstOrder } from "./order.ts";

/** The forest of the second phase: links between preorder numbers, with path compression. */
class LinkForest {
  readonly #semi: Int32Array;
  readonly #ancestor: Int32Array;
  readonly #label: Int32Array;
  readonly #path: Int32Array;

  constructor(semi: Int32Array) {
    this.#semi = semi;
    this.#ancestor = new Int32Array(semi.length).fill(-1);
    this.#label = Int32Array.from(semi.keys());
    this.#path = new Int32Array(semi.length);
  }

  link(parent: number, node: number): void {
    this.#ancestor[node] = parent;
  }

  /** The node of least semidominator on the path from a node up to, but without, the root of its tree. */
  evaluate(node: number): number {
    const ancestor = this.#ancestor, label = this.#label, semi = this.#semi, path = this.#path;
    if (ancestor[node] < 0) return node;
    let length = 0;
    for (let at = node; ancestor[ancestor[at]] >= 0; at = ancestor[at]) path[length++] = at;
    while (length > 0) {
      const at = path[--length];
      const up = ancestor[at];
      if (semi[label[up]] < semi[label[at]]) label[at] = label[up];
      ancestor[at] = ancestor[up];
    }
    return label[node];
  }
}

/** Immediate dominators by preorder number; -1 for the entry. */
function immediateDominators(order: DepthFirstOrder): Int32Array {
  const { preorder, numbers, parents } = order;
  const count = preorder.length;
  const semi = Int32Array.from({ length: count }, (_, i) => i);
  const idom = new Int32Array(count).fill(-1);
  const forest = new LinkForest(semi);
  // Nodes by semidominator, as linked lists.
  const first = new Int32Array(count).fill(-1);
  const next = new Int32Array(count);
  for (let node = count - 1; node > 0; node--) {
    for (const { from } of preorder[node].preds) {
      const pred = numbers[from.id];
      if (pred < 0) continue;
      const candidate = semi[forest.evaluate(pred)];
      if (candidate < semi[node]) semi[node] = candidate;
    }
    next[node] = first[semi[node]];
    first[semi[node]] = node;
    const parent = parents[node];
    forest.link(parent, node);
    for (let other = first[parent]; other >= 0; other = next[other]) {
      const least = forest.evaluate(other);
      idom[other] = semi[least] < parent ? least : parent;
    }
    first[parent] = -1;
  }
  for (let node = 1; node < count; node++) {
    if (idom[node] !== semi[node]) idom[node] = idom[idom[node]];
  }
  return idom;
}

/** The dominator tree of a function as it was when this was made. Blocks that the entry does not reach are not in it. */
export class Dominators {
  /** Blocks that the entry reaches, in reverse post order. */
  readonly order: readonly Block[];
  /** The tree in preorder: each block after its immediate dominator; siblings in reverse post order. */
  readonly tree: readonly Block[];
  readonly #idoms: (Block | null)[];
  /** Place in {@link tree} by block id, -1 for a block not in it; and the last place of the subtree. */
  readonly #enter: Int32Array;
  readonly #leave: Int32Array;
  readonly #depth: Int32Array;

  /**
   * Computes the tree.
   *
   * @param fn The function.
   */
  constructor(fn: IrFunction) {
    const search = depthFirstOrder(fn);
    const { preorder, postorder, numbers } = search;
    const idom = immediateDominators(search);
    this.order = postorder.toReversed();
    this.#idoms = new Array(fn.blockCount).fill(null);
    this.#depth = new Int32Array(fn.blockCount);
    const size = new Int32Array(preorder.length).fill(1);
    for (const block of this.order) {
      const number = numbers[block.id];
      if (idom[number] < 0) continue;
      const parent = preorder[idom[number]];
      this.#idoms[block.id] = parent;
      this.#depth[block.id] = this.#depth[parent.id] + 1;
    }
    for (let node = preorder.length - 1; node > 0; node--) size[idom[node]] += size[node];
    this.#enter = new Int32Array(fn.blockCount).fill(-1);
    this.#leave = new Int32Array(fn.blockCount);
    // A parent comes before its children in reverse post order, so places can be dealt out in one pass.
    const free = new Int32Array(preorder.length);
    const tree: Block[] = new Array(preorder.length);
    for (const block of this.order) {
      const number = numbers[block.id];
      const parent = idom[number];
      const place = parent < 0 ? 0 : free[parent];
      if (parent >= 0) free[parent] += size[number];
      free[number] = place + 1;
      this.#enter[block.id] = place;
      this.#leave[block.id] = place + size[number] - 1;
      tree[place] = block;
    }
    this.tree = tree;
  }

  /**
   * Whether a block can be reached.
   *
   * @param block A block.
   * @returns Whether the entry reaches it.
   */
  reaches(block: Block): boolean {
    return this.#enter[block.id] >= 0;
  }

  /**
   * The immediate dominator of a block.
   *
   * @param block A block.
   * @returns Its immediate dominator; null for the entry and for a block that is not reached.
   */
  idom(block: Block): Block | null {
    return this.#idoms[block.id];
  }

  /**
   * How deep a block is in the tree.
   *
   * @param block A block.
   * @returns How many blocks dominate it, itself not counted.
   */
  depth(block: Block): number {
    return this.#depth[block.id];
  }

  /**
   * Whether a block dominates another.
   *
   * @param a A block.
   * @param b A block.
   * @returns Whether every path from the entry to `b` goes through `a`; true for a block and itself, false if either is
   * not reached.
   */
  dominates(a: Block, b: Block): boolean {
    const at = this.#enter[b.id];
    const from = this.#enter[a.id];
    return from >= 0 && at >= from && at <= this.#leave[a.id];
  }
}
