/**
 * Structured control flow for a reducible graph, by its dominator tree (Ramsey, "Beyond Relooper", 2022): a block whose
 * several forward edges merge is placed behind the `end` of a `block` construct that its immediate dominator opens, a
 * loop header opens a `loop`, and any other block follows its only predecessor. Of two blocks that could follow a branch
 * the one with the smaller subtree goes into the `if`, so that chains of branches do not nest. Worklists only.
 *
 * Where loops are metered, what an empty counter needs is behind the loop, in a loop around it, so that V8 sees no call
 * in the loop itself: `loop; block; loop; …; br 1 if the counter is empty, else br 0; end; end; refuel; br 0; end`.
 *
 * Before: `b0 → b1, b2; b1 → b3; b2 → b3`. After: `block; body b0; if b0; body b1; br 1; end; body b2; br 0; end;
 * body b3`.
 *
 * @module
 */

import { Dominators } from "../../ir/dominators.ts";
import type { Block, Edge, IrFunction } from "../../ir/function.ts";

/** A step of structured code. */
export type Step =
  /** Opens a construct: the target of a merge, or a loop. */
  | { readonly op: "block" | "loop" }
  /** Opens an `if` on the condition of a block's terminator, or on its opposite. */
  | { readonly op: "if"; readonly block: Block; readonly inverted: boolean }
  /** Closes the innermost construct. */
  | { readonly op: "end" }
  /** Fills the counter, and goes back to the loop around: behind a loop that is metered. */
  | { readonly op: "refuel" }
  /** Runs the instructions of a block. */
  | { readonly op: "body"; readonly block: Block }
  /** Takes an edge to a label so many constructs out, or to what follows if that is -1. */
  | { readonly op: "edge"; readonly edge: Edge; readonly depth: number; readonly back: boolean }
  /** The same, if the condition of the block's terminator (or its opposite) holds. */
  | {
    readonly op: "edge-if";
    readonly edge: Edge;
    readonly depth: number;
    readonly back: boolean;
    readonly inverted: boolean;
  }
  /** Ends the function as the terminator of a block says. */
  | { readonly op: "leave"; readonly block: Block };

const BLOCK: Step = { op: "block" };
const LOOP: Step = { op: "loop" };
const END: Step = { op: "end" };
const REFUEL: Step = { op: "refuel" };

/** What remains to be done: place a subtree, or a step. */
type Task = Block | Step;

/** Places the blocks of one function. */
class Structurer {
  readonly #steps: Step[] = [];
  readonly #tasks: Task[] = [];
  readonly #rank: Int32Array;
  readonly #forward: Int32Array;
  readonly #header: Uint8Array;
  /** Blocks in the subtree of each block. */
  readonly #size: Int32Array;
  /** By block: those that it dominates immediately and that are merged into, in reverse post order. */
  readonly #merges: (Block[] | undefined)[];
  /** By block: how many constructs were open when its label was opened. */
  readonly #label: Int32Array;
  #depth = 0;
  readonly #metered: boolean;

  constructor(fn: IrFunction, dominators: Dominators, metered: boolean) {
    this.#metered = metered;
    const { order } = dominators;
    this.#rank = new Int32Array(fn.blockCount).fill(-1);
    this.#forward = new Int32Array(fn.blockCount);
    this.#header = new Uint8Array(fn.blockCount);
    this.#size = new Int32Array(fn.blockCount).fill(1);
    this.#merges = new Array(fn.blockCount);
    this.#label = new Int32Array(fn.blockCount);
    order.forEach((block, i) => this.#rank[block.id] = i);
    for (const block of order) {
      for (const { to } of block.succs) {
        if (this.#rank[to.id] > this.#rank[block.id]) this.#forward[to.id]++;
        else this.#header[to.id] = 1;
      }
    }
    for (let i = order.length - 1; i > 0; i--) {
      this.#size[dominators.idom(order[i])!.id] += this.#size[order[i].id];
    }
    for (const block of order) {
      if (this.#forward[block.id] > 1) {
        (this.#merges[dominators.idom(block)!.id] ??= []).push(block);
      }
    }
  }

  run(entry: Block): Step[] {
    const tasks = this.#tasks;
    tasks.push(entry);
    for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
      if ("id" in task) this.#place(task);
      else this.#step(task);
    }
    return this.#steps;
  }

  #open(of: Block, step: Step): void {
    this.#label[of.id] = this.#depth;
    this.#step(step);
  }

  #step(step: Step): void {
    if (step.op === "end") this.#depth--;
    else if (step.op === "block" || step.op === "loop" || step.op === "if") this.#depth++;
    this.#steps.push(step);
  }

  /** Places a block with all that it dominates. */
  #place(block: Block): void {
    const tasks = this.#tasks;
    const merges = this.#merges[block.id] ?? [];
    if (this.#header[block.id] !== 0) {
      if (this.#metered) {
        this.#step(LOOP);
        this.#step(BLOCK);
        tasks.push(END, REFUEL, END);
      }
      this.#open(block, LOOP);
      tasks.push(END);
    }
    for (let i = merges.length - 1; i >= 0; i--) {
      this.#open(merges[i], BLOCK);
      tasks.push(merges[i], END);
    }
    this.#step({ op: "body", block });
    this.#terminate(block);
  }

  /** Whether an edge goes to a label; otherwise its target follows. */
  #jumps({ from, to }: Edge): boolean {
    return this.#forward[to.id] > 1 || this.#goesBack(from, to);
  }

  #goesBack(from: Block, to: Block): boolean {
    return this.#rank[to.id] <= this.#rank[from.id];
  }

  #terminate(block: Block): void {
    const edges = block.succs;
    if (edges.length === 0) return this.#step({ op: "leave", block });
    if (edges.length === 1) return this.#take(edges[0]);
    const [taken, otherwise] = edges;
    if (this.#jumps(taken)) {
      this.#takeIf(taken, false);
      return this.#take(otherwise);
    }
    if (this.#jumps(otherwise)) {
      this.#takeIf(otherwise, true);
      return this.#take(taken);
    }
    const inverted = this.#size[otherwise.to.id] < this.#size[taken.to.id];
    const [inside, behind] = inverted ? [otherwise, taken] : [taken, otherwise];
    this.#step({ op: "if", block, inverted });
    this.#tasks.push(behind.to, this.#follow(behind), END);
    this.#take(inside);
  }

  #follow(edge: Edge): Step {
    return { op: "edge", edge, depth: -1, back: false };
  }

  #distance(to: Block): number {
    return this.#depth - 1 - this.#label[to.id];
  }

  #take(edge: Edge): void {
    const { from, to } = edge;
    if (this.#jumps(edge)) {
      const back = this.#goesBack(from, to);
      this.#step({ op: "edge", edge, depth: this.#distance(to), back });
    } else {
      this.#step(this.#follow(edge));
      this.#tasks.push(to);
    }
  }

  #takeIf(edge: Edge, inverted: boolean): void {
    const { from, to } = edge;
    const back = this.#goesBack(from, to);
    this.#step({ op: "edge-if", edge, depth: this.#distance(to), back, inverted });
  }
}

/**
 * Structures the control flow of a function.
 *
 * @param fn A valid function whose graph is reducible and whose blocks have at most two successors.
 * @param dominators Its dominator tree.
 * @param metered Whether an edge back may leave its loop by one more construct than it jumps, to fill the counter.
 * @returns The steps; blocks that the entry does not reach are not among them.
 */
export function structure(
  fn: IrFunction,
  dominators: Dominators = new Dominators(fn),
  metered = false,
): Step[] {
  return new Structurer(fn, dominators, metered).run(fn.entry);
}

/**
 * Writes structured code as text, for tests and listings.
 *
 * @param steps The steps.
 * @returns A line for each, indented by its depth.
 */
export function printSteps(steps: readonly Step[]): string {
  let depth = 0;
  const lines = steps.map((step) => {
    if (step.op === "end") depth--;
    const line = "  ".repeat(depth) + printStep(step);
    if (step.op === "block" || step.op === "loop" || step.op === "if") depth++;
    return line;
  });
  return lines.join("\n") + "\n";
}

function printStep(step: Step): string {
  switch (step.op) {
    case "if":
      return `if ${step.inverted ? "not " : ""}b${step.block.id}`;
    case "body":
    case "leave":
      return `${step.op} b${step.block.id}`;
    case "edge":
    case "edge-if": {
      const { from, to } = step.edge;
      const condition = step.op === "edge" ? "" : step.inverted ? "if not " : "if ";
      const target = step.depth < 0 ? "" : ` br ${step.depth}`;
      return `${condition}b${from.id} -> b${to.id}${target}`;
    }
    default:
      return step.op;
  }
}
