/**
 * Locals for values. V8 merges all locals of a function where control flow joins, so few are better than many: values
 * that are not alive at the same time share one. In SSA form it is enough to deal them out greedily along the dominator
 * tree (Hack, "Register allocation for programs in SSA form", 2006).
 *
 * @module
 */

import type { Dominators } from "../../ir/dominators.ts";
import type { Block, IrFunction, Value } from "../../ir/function.ts";
import { hasResult } from "../../ir/operations.ts";
import type { Folding } from "./folding.ts";

/** Values that are alive where blocks begin and end. */
interface Liveness {
  /** By block id. */
  readonly in: (Value[] | undefined)[];
  /** By block id: the last value of a mark is alive at the end. */
  readonly out: (Value[] | undefined)[];
}

/** The blocks that use each value at their end or inside, then backwards to the definition. */
class LivenessScan implements Liveness {
  readonly in: (Value[] | undefined)[];
  readonly out: (Value[] | undefined)[];
  /** By block: the id of the last value that was entered at its start, and at its end. */
  readonly #inMark: Int32Array;
  readonly #outMark: Int32Array;
  readonly #work: Block[] = [];

  constructor({ blockCount, valueCount }: IrFunction, order: readonly Block[], folding: Folding) {
    this.in = new Array(blockCount);
    this.out = new Array(blockCount);
    this.#inMark = new Int32Array(blockCount).fill(-1);
    this.#outMark = new Int32Array(blockCount).fill(-1);
    const { users, atEnd } = usersOf(valueCount, order, folding);
    for (const block of order) {
      for (const value of block.params) this.#scan(value, users[value.id], atEnd[value.id]);
      for (const value of block.insns) this.#scan(value, users[value.id], atEnd[value.id]);
    }
  }

  #scan(value: Value, users: Block[] | undefined, atEnd: Block[] | undefined): void {
    for (const block of atEnd ?? []) this.#liveOut(value, block);
    for (const block of users ?? []) if (block !== value.block) this.#liveIn(value, block);
    for (let block = this.#work.pop(); block !== undefined; block = this.#work.pop()) {
      for (const { from } of block.preds) this.#liveOut(value, from);
    }
  }

  #liveIn(value: Value, block: Block): void {
    if (this.#inMark[block.id] === value.id) return;
    this.#inMark[block.id] = value.id;
    (this.in[block.id] ??= []).push(value);
    this.#work.push(block);
  }

  #liveOut(value: Value, block: Block): void {
    if (this.#outMark[block.id] === value.id) return;
    this.#outMark[block.id] = value.id;
    (this.out[block.id] ??= []).push(value);
    if (value.block !== block) this.#liveIn(value, block);
  }
}

/** By value id: the blocks that use it inside, and those whose terminator or edges do. */
function usersOf(
  count: number,
  order: readonly Block[],
  folding: Folding,
): { readonly users: (Block[] | undefined)[]; readonly atEnd: (Block[] | undefined)[] } {
  const users: (Block[] | undefined)[] = new Array(count);
  const atEnd: (Block[] | undefined)[] = new Array(count);
  let block: Block;
  const add = (table: (Block[] | undefined)[]) => ({ id }: Value): void => {
    const list = table[id] ??= [];
    if (list[list.length - 1] !== block) list.push(block);
  };
  const inside = add(users), end = add(atEnd);
  for (block of order) {
    for (const value of block.insns) {
      if (folding.has(value)) continue;
      for (const arg of value.args) folding.eachLocal(arg, inside);
    }
    for (const arg of block.term!.args) folding.eachLocal(arg, end);
    for (const { args } of block.term!.edges) for (const arg of args) folding.eachLocal(arg, end);
  }
  return { users, atEnd };
}

/** The locals of one function. */
export interface Locals {
  /** By value id: the number of its local from 0; -1 for a value without one. */
  readonly of: Int32Array;
  /** How many there are. */
  readonly count: number;
}

/** Deals out locals. */
class Dealer implements Locals {
  readonly of: Int32Array;
  count = 0;
  readonly #folding: Folding;
  /** By local: the mark of the block in which it was last in use. */
  readonly #free: number[] = [];
  readonly #used: boolean[] = [];
  /** By value id: the place of its last use in the current block, plus one; the mark of the block it belongs to. */
  readonly #lastUse: Int32Array;
  readonly #ends: Int32Array;

  constructor(valueCount: number, folding: Folding) {
    this.of = new Int32Array(valueCount).fill(-1);
    this.#folding = folding;
    this.#lastUse = new Int32Array(valueCount);
    this.#ends = new Int32Array(valueCount).fill(-1);
  }

  block(block: Block, { in: liveIn, out }: Liveness): void {
    this.#enter(liveIn[block.id] ?? []);
    const { insns } = block;
    for (const { id } of out[block.id] ?? []) this.#ends[id] = block.id;
    this.#findLastUses(block);
    for (const param of block.params) this.#define(param);
    for (const param of block.params) this.#releaseUnused(param, block);
    for (let i = 0; i < insns.length; i++) {
      const value = insns[i];
      if (this.#folding.has(value)) continue;
      for (const arg of value.args) {
        this.#folding.eachLocal(arg, (used) => {
          if (this.#lastUse[used.id] === i + 1 && this.#ends[used.id] !== block.id) {
            this.#release(used);
          }
        });
      }
      if (!hasResult(value)) continue;
      this.#define(value);
      this.#releaseUnused(value, block);
    }
  }

  /** Takes the locals of what is alive; all others are free. */
  #enter(alive: readonly Value[]): void {
    this.#used.fill(false);
    for (const { id } of alive) this.#used[this.of[id]] = true;
    this.#free.length = 0;
    for (let local = this.count - 1; local >= 0; local--) {
      if (!this.#used[local]) this.#free.push(local);
    }
  }

  #findLastUses({ params, insns }: Block): void {
    for (const { id } of params) this.#lastUse[id] = 0;
    for (let i = 0; i < insns.length; i++) {
      const value = insns[i];
      this.#lastUse[value.id] = 0;
      if (this.#folding.has(value)) continue;
      for (const arg of value.args) {
        this.#folding.eachLocal(arg, ({ id }) => this.#lastUse[id] = i + 1);
      }
    }
  }

  #define(value: Value): void {
    let local = this.#free.pop();
    if (local === undefined) {
      local = this.count++;
      this.#used.push(false);
    }
    this.of[value.id] = local;
    this.#used[local] = true;
  }

  #release({ id }: Value): void {
    const local = this.of[id];
    if (!this.#used[local]) return;
    this.#used[local] = false;
    this.#free.push(local);
  }

  /** What nothing uses gives its local back at once. */
  #releaseUnused(value: Value, block: Block): void {
    if (this.#lastUse[value.id] === 0 && this.#ends[value.id] !== block.id) this.#release(value);
  }
}

/**
 * Deals out locals to the values of a function that are not folded.
 *
 * @param fn A valid function.
 * @param dominators Its dominator tree.
 * @param folding What needs no local.
 * @returns The locals; parameters of the function are among them.
 */
export function dealLocals(fn: IrFunction, dominators: Dominators, folding: Folding): Locals {
  const liveness = new LivenessScan(fn, dominators.order, folding);
  const dealer = new Dealer(fn.valueCount, folding);
  for (const block of dominators.tree) dealer.block(block, liveness);
  return dealer;
}
