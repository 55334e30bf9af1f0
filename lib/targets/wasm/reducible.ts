/**
 * Makes a graph reducible: a loop that is entered in several places gets one header, which goes on to the place that
 * the edge wanted.
 *
 * Before: `b0 → b1, b2; b1 ⇄ b2`. After: `b0 → b3(0), b3(1); b3(v): branch v = 0, b1, b2; b1 → b3(1); b2 → b3(0)`.
 *
 * Loops are strongly connected components (Tarjan, 1972), outer ones first. A value that is used in the loop and was
 * defined before it dominates all its entries, and one that is defined in the loop dominates what it did, since every
 * way through the new header ends in a way that the old graph had from an entry. So nothing else changes.
 *
 * @module
 */

import { connect, redirect } from "../../ir/cfg.ts";
import { Dominators } from "../../ir/dominators.ts";
import { UnsupportedError } from "../../errors.ts";
import { type Block, type Edge, type IrFunction, Terminator } from "../../ir/function.ts";

/** Edges looked at for each edge of the graph, at most: nests of such loops cost more than they are worth. */
const PATIENCE = 200;

/** The strongly connected components of a part of a graph, without recursion. */
class Components {
  readonly #part: Int32Array;
  readonly #index: Int32Array;
  readonly #low: Int32Array;
  readonly #cursor: Int32Array;
  readonly #onStack: Uint8Array;
  readonly #stack: Block[] = [];
  readonly #found: Block[][] = [];
  #count = 0;

  constructor(blockCount: number, part: Int32Array) {
    this.#part = part;
    this.#index = new Int32Array(blockCount).fill(-1);
    this.#low = new Int32Array(blockCount);
    this.#cursor = new Int32Array(blockCount);
    this.#onStack = new Uint8Array(blockCount);
  }

  /** Components with an edge inside. */
  find(blocks: readonly Block[], number: number): Block[][] {
    for (const block of blocks) if (this.#index[block.id] < 0) this.#search(block, number);
    return this.#found;
  }

  #enter(block: Block, path: Block[]): void {
    this.#index[block.id] = this.#low[block.id] = this.#count++;
    this.#onStack[block.id] = 1;
    this.#stack.push(block);
    path.push(block);
  }

  #search(root: Block, number: number): void {
    const path: Block[] = [];
    this.#enter(root, path);
    while (path.length > 0) {
      const block = path[path.length - 1];
      const edge = block.succs[this.#cursor[block.id]++];
      if (edge === undefined) {
        path.pop();
        this.#leave(block, path.at(-1));
        continue;
      }
      const { id } = edge.to;
      if (this.#part[id] !== number) continue;
      if (this.#index[id] < 0) this.#enter(edge.to, path);
      else if (this.#onStack[id] !== 0) {
        this.#low[block.id] = Math.min(this.#low[block.id], this.#index[id]);
      }
    }
  }

  #leave(block: Block, parent: Block | undefined): void {
    const low = this.#low[block.id];
    if (parent !== undefined) this.#low[parent.id] = Math.min(this.#low[parent.id], low);
    if (low !== this.#index[block.id]) return;
    const component: Block[] = [];
    for (;;) {
      const member = this.#stack.pop()!;
      this.#onStack[member.id] = 0;
      component.push(member);
      if (member === block) break;
    }
    if (component.length > 1 || block.succs.some(({ to }) => to === block)) {
      this.#found.push(component);
    }
  }
}

/** Makes a header for several entries: all edges that enter them go through it. */
function dispatch(fn: IrFunction, entries: readonly Block[]): void {
  const edges = entries.map((entry) => [...entry.preds]);
  const header = fn.newBlock();
  const parameter = (block: Block) => {
    const value = fn.newValue("param");
    value.block = block;
    block.params.push(value);
    return value;
  };
  const selector = parameter(header);
  const forwarded = entries.map(({ params }) => params.map(() => parameter(header)));
  edges.forEach((list, k) => {
    for (const edge of list) {
      const args = entries.flatMap(({ params }, j) =>
        j === k ? edge.args : params.map(() => fn.undef)
      );
      redirect(edge, header, [fn.constant(k), ...args]);
    }
  });
  let block = header;
  for (let k = 0; k < entries.length - 1; k++) {
    block.term = new Terminator("branch", [selector, fn.constant(k)], "eq");
    connect(block, entries[k], forwarded[k]);
    const last = k === entries.length - 2;
    const next = last ? entries[k + 1] : fn.newBlock();
    connect(block, next, last ? forwarded[k + 1] : []);
    block = next;
  }
}

/** Splits a graph into loops, from the outside in. */
class LoopEntries {
  readonly #fn: IrFunction;
  readonly #regions: Block[][] = [];
  #budget: number;

  constructor(fn: IrFunction, blocks: readonly Block[]) {
    this.#fn = fn;
    this.#regions.push([...blocks]);
    this.#budget = PATIENCE * (2 * blocks.length + 16);
  }

  run(): void {
    for (let region = this.#regions.pop(); region !== undefined; region = this.#regions.pop()) {
      this.#region(region);
    }
  }

  #region(blocks: readonly Block[]): void {
    const { blockCount } = this.#fn;
    this.#budget -= blocks.length + (blockCount >> 6);
    if (this.#budget < 0) {
      throw new UnsupportedError("cannot structure control flow: too many loops without a header", {
        function: this.#fn.name,
      });
    }
    const part = new Int32Array(blockCount);
    for (const { id } of blocks) part[id] = 1;
    for (const component of new Components(blockCount, part).find(blocks, 1)) {
      this.#component(component);
    }
  }

  #component(component: readonly Block[]): void {
    const inside = new Set(component);
    const enters = ({ from }: Edge) => !inside.has(from);
    const entries = component.filter(({ preds }) => preds.some(enters)).reverse();
    if (entries.length > 1) {
      dispatch(this.#fn, entries);
      this.#regions.push([...component]);
    } else this.#regions.push(component.filter((block) => block !== entries[0]));
  }
}

/**
 * Makes the graph of a function reducible. Unreachable blocks must be gone.
 *
 * @param fn A valid function; it is changed unless it is reducible already.
 * @returns Its dominator tree.
 * @throws {UnsupportedError} If that would take too long.
 */
export function makeReducible(fn: IrFunction): Dominators {
  const dominators = new Dominators(fn);
  const { order } = dominators;
  const rank = new Int32Array(fn.blockCount);
  order.forEach((block, i) => rank[block.id] = i);
  const sound = order.every((block) =>
    block.succs.every(({ to }) => rank[to.id] > rank[block.id] || dominators.dominates(to, block))
  );
  if (sound) return dominators;
  new LoopEntries(fn, order).run();
  return new Dominators(fn);
}
