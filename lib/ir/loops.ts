/**
 * Natural loops and how they nest. A loop is what an edge to a dominating header closes; edges that go back to a block
 * that does not dominate make a graph irreducible, and are listed.
 *
 * @module
 */

import type { Dominators } from "./dominators.ts";
import type { Block, Edge, IrFunction } from "./function.ts";

/** A natural loop. */
export class Loop {
  /** The only block through which it is entered. */
  readonly header: Block;
  /** The innermost loop around it, if any. */
  parent: Loop | null = null;
  /** Loops directly inside. */
  readonly children: Loop[] = [];
  /** Its blocks in reverse post order, without those of loops inside. */
  readonly blocks: Block[] = [];
  /** The edges back to the header. */
  readonly backEdges: readonly Edge[];
  /** How many loops hold its blocks: 1 for an outermost loop. */
  depth = 0;

  /**
   * Makes a loop of its header only.
   *
   * @param header The header.
   * @param backEdges The edges back to the header.
   */
  constructor(header: Block, backEdges: readonly Edge[]) {
    this.header = header;
    this.backEdges = backEdges;
  }
}

/** The loops of a function as it was when this was made. */
export class Loops {
  /** All loops, outer before inner, siblings in reverse post order of their headers. */
  readonly all: readonly Loop[];
  /** Edges that go back, in a depth-first search, to a block that does not dominate their source. */
  readonly irreducible: readonly Edge[];
  readonly #innermost: (Loop | null)[];

  /**
   * Finds the loops of a function.
   *
   * @param fn The function.
   * @param dominators Its dominator tree.
   */
  constructor(fn: IrFunction, dominators: Dominators) {
    const { order } = dominators;
    const place = new Int32Array(fn.blockCount).fill(-1);
    order.forEach((block, i) => place[block.id] = i);
    const innermost: (Loop | null)[] = new Array(fn.blockCount).fill(null);
    const nest = new NestBuilder(innermost, place);
    const irreducible: Edge[] = [];
    const inToOut: Loop[] = [];
    for (let i = order.length - 1; i >= 0; i--) {
      const header = order[i];
      const back: Edge[] = [];
      for (const edge of header.preds) {
        if (place[edge.from.id] < i) continue;
        (dominators.dominates(header, edge.from) ? back : irreducible).push(edge);
      }
      if (back.length === 0) continue;
      const loop = new Loop(header, back);
      inToOut.push(loop);
      nest.gather(loop);
    }
    this.all = inToOut.reverse();
    for (const loop of this.all) {
      loop.depth = loop.parent === null ? 1 : loop.parent.depth + 1;
      loop.parent?.children.push(loop);
    }
    for (const block of order) innermost[block.id]?.blocks.push(block);
    this.#innermost = innermost;
    this.irreducible = irreducible.reverse();
  }

  /**
   * The innermost loop around a block.
   *
   * @param block A block.
   * @returns The innermost loop that holds it, if any.
   */
  innermost(block: Block): Loop | null {
    return this.#innermost[block.id];
  }

  /**
   * How many loops are around a block.
   *
   * @param block A block.
   * @returns How many loops hold it.
   */
  depth(block: Block): number {
    return this.#innermost[block.id]?.depth ?? 0;
  }
}

/** Fills loops from the inside out. */
class NestBuilder {
  readonly #innermost: (Loop | null)[];
  readonly #place: Int32Array;
  /** For a loop that is inside another: one further out, by path halving near the outermost so far. */
  readonly #outer = new Map<Loop, Loop>();

  constructor(innermost: (Loop | null)[], place: Int32Array) {
    this.#innermost = innermost;
    this.#place = place;
  }

  /** The outermost loop so far around a loop. */
  #outermost(loop: Loop): Loop {
    const outer = this.#outer;
    let at = loop;
    for (let up = outer.get(at); up !== undefined; up = outer.get(at)) {
      const beyond = outer.get(up);
      if (beyond !== undefined) outer.set(at, beyond);
      at = up;
    }
    return at;
  }

  /** Walks from the back edges to the header; a loop met on the way becomes a child and is stepped over. */
  gather(loop: Loop): void {
    const innermost = this.#innermost;
    innermost[loop.header.id] = loop;
    const work = loop.backEdges.map((edge) => edge.from);
    while (work.length > 0) {
      const block = work.pop()!;
      const held = innermost[block.id];
      let entry = block;
      if (held === null) {
        innermost[block.id] = loop;
      } else {
        const inner = this.#outermost(held);
        if (inner === loop) continue;
        inner.parent = loop;
        this.#outer.set(inner, loop);
        entry = inner.header;
      }
      for (const { from } of entry.preds) if (this.#place[from.id] >= 0) work.push(from);
    }
  }
}
