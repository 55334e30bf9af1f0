/**
 * Edits of the control-flow graph. Edits that a pass does many of take a list, and cost one sweep for all of it.
 *
 * @module
 */

import { invariant } from "../errors.ts";
import { Block, Edge, type IrFunction, Terminator, type Value } from "./function.ts";
import { reversePostOrder } from "./order.ts";

/**
 * Adds an edge at the end of a block's terminator.
 *
 * @param from A block with a terminator.
 * @param to The target.
 * @param args Arguments for the parameters of the target.
 * @returns The edge.
 */
export function connect(from: Block, to: Block, args: Value[] = []): Edge {
  invariant(from.term !== null, `b${from.id} has no terminator to connect`);
  const edge = new Edge(from, to, args);
  from.term.edges.push(edge);
  to.preds.push(edge);
  return edge;
}

/**
 * Removes edges from their terminators and targets. The caller leaves each terminator with the number of edges that it
 * needs.
 *
 * @param edges Connected edges, each once.
 */
export function disconnect(edges: readonly Edge[]): void {
  if (edges.length === 1) {
    const [edge] = edges;
    if (edge.from.term !== null) without(edge.from.term.edges, edge);
    without(edge.to.preds, edge);
    return;
  }
  const gone = new Set(edges);
  const keep = (edge: Edge) => !gone.has(edge);
  for (const term of new Set(edges.map((edge) => edge.from.term))) {
    if (term !== null) term.edges = term.edges.filter(keep);
  }
  for (const to of new Set(edges.map((edge) => edge.to))) to.preds = to.preds.filter(keep);
}

/** Removes an edge from a list. */
function without(edges: Edge[], edge: Edge): void {
  const at = edges.indexOf(edge);
  if (at >= 0) edges.splice(at, 1);
}

/**
 * Takes the terminator off a block, with its edges.
 *
 * @param block A block with a terminator.
 */
export function removeTerminator(block: Block): void {
  invariant(block.term !== null, `b${block.id} has no terminator to remove`);
  disconnect(block.term.edges.slice());
  block.term = null;
}

/**
 * Turns terminators into jumps.
 *
 * @param edges The only edge that each terminator keeps.
 */
export function keepOnly(edges: readonly Edge[]): void {
  const targets = new Set<Block>();
  for (const kept of edges) {
    const { term } = kept.from;
    invariant(term !== null, `b${kept.from.id} has no terminator`);
    for (const edge of term.edges) if (edge !== kept) targets.add(edge.to);
    term.op = "jump";
    term.fn = "";
    term.width = 64;
    term.args = [];
    term.edges = [kept];
  }
  for (const to of targets) {
    to.preds = to.preds.filter((edge) => {
      const { op, edges } = edge.from.term!;
      return op !== "jump" || edges[0] === edge;
    });
  }
}

/**
 * Makes an edge enter another block.
 *
 * @param edge A connected edge.
 * @param to The new target.
 * @param args Arguments for the parameters of the new target.
 */
export function redirect(edge: Edge, to: Block, args: Value[]): void {
  without(edge.to.preds, edge);
  edge.to = to;
  edge.args = args;
  to.preds.push(edge);
}

/** A new block that only jumps along what was the edge. */
function interpose(fn: IrFunction, edge: Edge): Block {
  const { to, args } = edge;
  const block = new Block(fn.blockCount++);
  const tail = new Edge(block, to, args);
  block.term = new Terminator("jump");
  block.term.pc = edge.from.term?.pc ?? -1;
  block.term.edges.push(tail);
  edge.to = block;
  edge.args = [];
  block.preds.push(edge);
  return block;
}

/** By block id: 1 if the block above in the layout has an edge to it. */
function enteredFromAbove(fn: IrFunction): Uint8Array {
  const entered = new Uint8Array(fn.blockCount);
  fn.blocks.forEach((block, i) => {
    const below = fn.blocks[i + 1];
    if (below !== undefined && block.succs.some((edge) => edge.to === below)) entered[below.id] = 1;
  });
  return entered;
}

/**
 * Puts a new block on each of several edges; its jump carries the arguments. In the layout it comes before the target
 * where nothing falls into that, else after the source.
 *
 * @param fn The function.
 * @param edges Connected edges, each once.
 * @returns The new blocks, parallel to the edges.
 */
export function splitEdges(fn: IrFunction, edges: readonly Edge[]): Block[] {
  const entered = enteredFromAbove(fn);
  // The new blocks around each old one in the layout, by its id.
  const before: (Block[] | undefined)[] = new Array(fn.blockCount);
  const after: (Block[] | undefined)[] = new Array(fn.blockCount);
  const targets = edges.map((edge) => edge.to);
  const created = edges.map((edge) => {
    const { from, to } = edge;
    const last = from.succs[from.succs.length - 1] === edge;
    const block = interpose(fn, edge);
    const [places, anchor] = last || entered[to.id] !== 0 ? [after, from] : [before, to];
    const list = places[anchor.id] ??= [];
    if (last) list.unshift(block);
    else list.push(block);
    return block;
  });
  for (const to of new Set(targets)) {
    // A predecessor that was split now enters its new block.
    to.preds = to.preds.map((edge) => edge.to === to ? edge : edge.to.succs[0]);
  }
  const layout: Block[] = [];
  for (const block of fn.blocks) {
    for (const added of before[block.id] ?? []) layout.push(added);
    layout.push(block);
    for (const added of after[block.id] ?? []) layout.push(added);
  }
  fn.blocks = layout;
  return created;
}

/**
 * Puts a new block on an edge; see {@link splitEdges}, which is cheaper for many.
 *
 * @param fn The function.
 * @param edge A connected edge.
 * @returns The new block.
 */
export function splitEdge(fn: IrFunction, edge: Edge): Block {
  return splitEdges(fn, [edge])[0];
}

/**
 * Cuts a block in two: the tail and the terminator move to a new block, next in the layout, to which the head jumps.
 *
 * @param fn The function.
 * @param block The block.
 * @param index Index of the first instruction that moves.
 * @returns The new block.
 */
export function splitBlock(fn: IrFunction, block: Block, index: number): Block {
  const tail = new Block(fn.blockCount++);
  tail.insns = block.insns.splice(index);
  for (const value of tail.insns) value.block = tail;
  tail.term = block.term;
  for (const edge of tail.succs) edge.from = tail;
  block.term = new Terminator("jump");
  block.term.pc = tail.insns.length > 0 ? tail.insns[0].pc : tail.term?.pc ?? -1;
  connect(block, tail);
  fn.blocks.splice(fn.blocks.indexOf(block) + 1, 0, tail);
  return tail;
}

/** Takes blocks that no block outside the list enters out of the function. */
function removeBlocks(fn: IrFunction, removed: Uint8Array): void {
  for (const block of fn.blocks) {
    if (removed[block.id] === 0) {
      if (block.preds.some((edge) => removed[edge.from.id] !== 0)) {
        block.preds = block.preds.filter((edge) => removed[edge.from.id] === 0);
      }
      continue;
    }
    for (const value of block.params) value.block = null;
    for (const value of block.insns) value.block = null;
  }
  for (const block of fn.blocks) {
    if (removed[block.id] === 0) continue;
    block.term = null;
    block.preds = [];
  }
  fn.blocks = fn.blocks.filter((block) => removed[block.id] === 0);
}

/**
 * Removes a block that nothing enters.
 *
 * @param fn The function.
 * @param block A block without predecessors other than itself, not the entry.
 */
export function removeBlock(fn: IrFunction, block: Block): void {
  invariant(
    block !== fn.entry && block.preds.every((edge) => edge.from === block),
    `b${block.id} of ${fn.name} is still entered`,
  );
  const removed = new Uint8Array(fn.blockCount);
  removed[block.id] = 1;
  removeBlocks(fn, removed);
}

/**
 * Removes the blocks that the entry does not reach.
 *
 * @param fn The function.
 * @returns Whether there were any.
 */
export function removeUnreachable(fn: IrFunction): boolean {
  const reached = reversePostOrder(fn);
  if (reached.length === fn.blocks.length) return false;
  const removed = new Uint8Array(fn.blockCount).fill(1);
  for (const block of reached) removed[block.id] = 0;
  removeBlocks(fn, removed);
  return true;
}

/** What a value finally becomes; shortens the chain on the way. */
function resolve(table: (Value | undefined)[], value: Value): Value {
  let root = value;
  for (let next = table[root.id]; next !== undefined; next = table[root.id]) root = next;
  for (let at = value; at !== root;) {
    const next = table[at.id]!;
    table[at.id] = root;
    at = next;
  }
  return root;
}

function resolveAll(table: (Value | undefined)[], args: Value[]): void {
  for (let i = 0; i < args.length; i++) {
    if (table[args[i].id] !== undefined) args[i] = resolve(table, args[i]);
  }
}

/**
 * Replaces values wherever they are used, in one sweep. Chains of replacements are followed. The replaced values stay
 * where they are, without uses.
 *
 * @param fn The function.
 * @param table The replacement by value id, `undefined` for none; must not be cyclic. Chains in it are shortened.
 */
export function replaceUses(fn: IrFunction, table: (Value | undefined)[]): void {
  for (const block of fn.blocks) {
    for (const value of block.insns) resolveAll(table, value.args);
    if (block.term === null) continue;
    resolveAll(table, block.term.args);
    for (const edge of block.term.edges) resolveAll(table, edge.args);
  }
}

/**
 * Removes parameters with the arguments for them. Their uses must be gone.
 *
 * @param block The block.
 * @param removed Whether the parameter at an index goes.
 */
export function removeParams(block: Block, removed: (index: number) => boolean): void {
  const kept: number[] = [];
  block.params.forEach((param, i) => {
    if (removed(i)) param.block = null;
    else kept.push(i);
  });
  if (kept.length === block.params.length) return;
  block.params = kept.map((i) => block.params[i]);
  for (const edge of block.preds) {
    const { args } = edge;
    edge.args = kept.map((i) => args[i]);
  }
}

/**
 * Removes a parameter with the arguments for it. Its uses must be gone.
 *
 * @param block The block.
 * @param index Index of the parameter.
 */
export function removeParam(block: Block, index: number): void {
  removeParams(block, (i) => i === index);
}

/**
 * Removes instructions. Their uses must be gone.
 *
 * @param fn The function.
 * @param removed By value id: not 0 for one that goes.
 */
export function removeInsns(fn: IrFunction, removed: Uint8Array): void {
  for (const block of fn.blocks) {
    const { insns } = block;
    let kept = 0;
    for (let i = 0; i < insns.length; i++) {
      if (removed[insns[i].id] === 0) insns[kept++] = insns[i];
      else insns[i].block = null;
    }
    insns.length = kept;
  }
}
