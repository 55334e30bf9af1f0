/**
 * How the loops of a flow graph nest, by block numbers only, for clients that have no use for {@link Loops}: a loop is
 * the target of an edge that goes back in reverse post-order, with all that reaches the edge without passing its header
 * (Tarjan, "Testing flow graph reducibility", 1974).
 *
 * @module
 */

/** A flow graph over block numbers. */
export interface FlowGraph {
  /** The reachable blocks in reverse post-order; the first is the entry. */
  readonly order: Int32Array;
  /** Place of each block in `order`, -1 for one that is not reached. */
  readonly rank: Int32Array;
  /** Predecessors of block `b`: `preds[predStart[b]]` up to `preds[predStart[b + 1]]`. */
  readonly predStart: Int32Array;
  /** The predecessors of all blocks. */
  readonly preds: Int32Array;
}

/** The loops of a flow graph. */
export interface LoopForest {
  /** By block: the header of the innermost loop that holds it, itself for a header; -1 for none. */
  readonly innermost: Int32Array;
  /** By header: the header of the loop around its loop; -1 for none. */
  readonly parent: Int32Array;
  /** Whether every loop is entered through its header only. */
  readonly reducible: boolean;
}

/**
 * Finds the loops, in time almost linear in the number of edges. In an irreducible graph what enters a loop beside its
 * header is not part of it.
 *
 * @param graph The graph.
 * @returns Its loops.
 */
export function loopForest({ order, rank, predStart, preds }: FlowGraph): LoopForest {
  const innermost = new Int32Array(rank.length).fill(-1);
  const parent = innermost.slice();
  // For each block one further out that is on the way to the header of the outermost loop so far; itself if none.
  const outer = new Int32Array(rank.length);
  for (let block = 0; block < outer.length; block++) outer[block] = block;
  const work = new Int32Array(preds.length);
  let reducible = true;
  for (let place = order.length - 1; place >= 0; place--) {
    const header = order[place];
    let waiting = 0;
    for (let i = predStart[header]; i < predStart[header + 1]; i++) {
      if (rank[preds[i]] >= place) work[waiting++] = preds[i];
    }
    if (waiting > 0) innermost[header] = header;
    while (waiting > 0) {
      let block = work[--waiting];
      while (outer[block] !== block) block = outer[block] = outer[outer[block]];
      if (block === header) continue;
      outer[block] = header;
      if (innermost[block] < 0) innermost[block] = header;
      else parent[block] = header;
      for (let i = predStart[block]; i < predStart[block + 1]; i++) {
        if (rank[preds[i]] >= place) work[waiting++] = preds[i];
        else if (rank[preds[i]] >= 0) reducible = false;
      }
    }
  }
  return { innermost, parent, reducible };
}

/**
 * How many loops hold each block.
 *
 * @param forest The loops.
 * @param order The reachable blocks in reverse post-order.
 * @returns The depth of each block; 0 outside loops.
 */
export function loopDepths({ innermost, parent }: LoopForest, order: Int32Array): Int32Array {
  const depths = new Int32Array(innermost.length);
  for (let i = 0; i < order.length; i++) {
    const block = order[i];
    const header = innermost[block];
    if (header < 0) continue;
    // A header comes before the rest of its loop.
    if (header !== block) depths[block] = depths[header];
    else depths[block] = parent[block] < 0 ? 1 : depths[parent[block]] + 1;
  }
  return depths;
}
