/**
 * Which accesses need no check of their base: those whose base is surely an address from {@link GUEST_BASE} on that fits
 * 32 bits.
 *
 * Before: `v1 = load.u8 v0; v2 = add.64 v0, 8; v3 = load.u8 v2` checks `v0` and `v2`. After: it checks `v0`; where the
 * first load went well, `v2` is in reach of memory.
 *
 * Unsigned bounds of all values, in a walk over the dominator tree: what an access or a branch tells holds in what it
 * dominates. Loops begin with what enters them and are walked again until nothing changes; bounds that go on changing
 * are loosened, so that this ends.
 *
 * @module
 */

import type { Dominators } from "../../ir/dominators.ts";
import type { Block, Edge, IrFunction, Value } from "../../ir/function.ts";
import { COND, type Cond } from "../../isa/ops.ts";
import { Facts } from "../../passes/analysis/facts.ts";
import { transfer } from "../../passes/analysis/transfer.ts";
import type { SafeAccesses } from "./accesses.ts";
import { FRAME_STRIDE, GUEST_BASE } from "./host.ts";

const TWO31 = 0x8000_0000, TWO32 = 0x1_0000_0000;
/** What no address that was accessed exceeds, with room for steps from there. */
const REACH = GUEST_BASE + TWO31 + 0x1_0000;
/** Walks before bounds that change are loosened to the next that matters, and before all are given up. */
const PATIENCE = 2, MOST_WALKS = 12;

const looserLow = (low: number): number => low >= GUEST_BASE ? GUEST_BASE : 0;
const looserHigh = (high: number): number =>
  high <= REACH ? REACH : high < TWO32 ? TWO32 - 1 : Infinity;

/** Lower and upper bounds by value id. */
class Bounds {
  readonly low: Float64Array;
  readonly high: Float64Array;

  constructor(count: number) {
    this.low = new Float64Array(count).fill(Infinity);
    this.high = new Float64Array(count).fill(-1);
  }

  /** Takes in more values; whether that changed anything. */
  join(id: number, low: number, high: number): boolean {
    const changed = low < this.low[id] || high > this.high[id];
    if (low < this.low[id]) this.low[id] = low;
    if (high > this.high[id]) this.high[id] = high;
    return changed;
  }
}

/** The walks over one function. */
class AccessScan implements SafeAccesses {
  readonly #fn: IrFunction;
  readonly #dominators: Dominators;
  readonly #rank: Int32Array;
  readonly #low: Float64Array;
  readonly #high: Float64Array;
  /** Bounds of parameters by what goes around loops, of the walks so far. */
  readonly #back: Bounds;
  /** What facts replaced, to be put back: value, lower and upper bound. */
  readonly #undo: number[] = [];
  readonly #safe: Uint8Array;
  readonly #a = new Facts();
  readonly #b = new Facts();
  readonly #out = new Facts();
  #forward: Bounds;
  #changed = false;
  #walks = 0;

  constructor(fn: IrFunction, dominators: Dominators, pointer: boolean) {
    this.#fn = fn;
    this.#dominators = dominators;
    this.#rank = new Int32Array(fn.blockCount);
    dominators.order.forEach(({ id }, i) => this.#rank[id] = i);
    this.#low = new Float64Array(fn.valueCount);
    this.#high = new Float64Array(fn.valueCount).fill(Infinity);
    this.#back = new Bounds(fn.valueCount);
    this.#forward = this.#back;
    this.#safe = new Uint8Array(fn.valueCount);
    for (const { id, hint } of pointer ? fn.entry.params : []) {
      if (hint !== 1) continue;
      this.#low[id] = GUEST_BASE;
      this.#high[id] = GUEST_BASE + TWO31;
    }
  }

  isSafe({ id }: Value): boolean {
    return this.#safe[id] !== 0;
  }

  run(): this {
    do {
      if (++this.#walks > MOST_WALKS) {
        this.#safe.fill(0);
        return this;
      }
      this.#changed = false;
      this.#walk();
    } while (this.#changed);
    return this;
  }

  #walk(): void {
    const { tree } = this.#dominators;
    const path: { readonly block: Block; readonly mark: number }[] = [];
    this.#forward = new Bounds(this.#fn.valueCount);
    for (const block of tree) {
      const idom = this.#dominators.idom(block);
      while (path.length > 0 && path[path.length - 1].block !== idom) {
        this.#restore(path.pop()!.mark);
      }
      path.push({ block, mark: this.#undo.length });
      this.#block(block);
    }
    if (path.length > 0) this.#restore(path[0].mark);
  }

  #restore(mark: number): void {
    const undo = this.#undo;
    while (undo.length > mark) {
      const high = undo.pop()!, low = undo.pop()!, id = undo.pop()!;
      this.#low[id] = low;
      this.#high[id] = high;
    }
  }

  #block(block: Block): void {
    for (const param of block.params) this.#parameter(block, param);
    if (block.preds.length === 1) this.#branched(block.preds[0]);
    for (const value of block.insns) {
      const { op } = value;
      if (op === "load" || op === "store" || op === "atomic") this.#access(value);
      this.#define(value);
    }
    for (const edge of block.succs) this.#pass(edge);
  }

  #parameter(block: Block, { id }: Value): void {
    if (block === this.#fn.entry) return;
    const low = Math.min(this.#forward.low[id], this.#back.low[id]);
    const high = Math.max(this.#forward.high[id], this.#back.high[id]);
    this.#low[id] = low;
    this.#high[id] = high;
  }

  /** Gives the arguments of an edge to the parameters of its target. */
  #pass({ from, to, args }: Edge): void {
    const goesBack = this.#rank[to.id] <= this.#rank[from.id];
    for (let i = 0; i < args.length; i++) {
      const { id } = to.params[i];
      const low = this.#lowOf(args[i]), high = this.#highOf(args[i]);
      if (!goesBack) {
        this.#forward.join(id, low, high);
        continue;
      }
      const loosened = this.#walks > PATIENCE;
      const more = this.#back.join(
        id,
        loosened && low < this.#back.low[id] ? looserLow(low) : low,
        loosened && high > this.#back.high[id] ? looserHigh(high) : high,
      );
      if (more) this.#changed = true;
    }
  }

  #lowOf(value: Value): number {
    switch (value.op) {
      case "const":
        return value.imm <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value.imm) : TWO32;
      case "frame":
        return GUEST_BASE + FRAME_STRIDE;
      default:
        return value.block === null ? 0 : this.#low[value.id];
    }
  }

  #highOf(value: Value): number {
    switch (value.op) {
      case "const":
        return value.imm <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value.imm) : Infinity;
      case "frame":
        return GUEST_BASE + TWO31;
      case "undef":
        return 0;
      default:
        return value.block === null ? Infinity : this.#high[value.id];
    }
  }

  #factsOf(value: Value, into: Facts): Facts {
    into.clear();
    if (value.op === "const") return into.exactly(value.imm);
    const high = this.#highOf(value);
    return high === Infinity ? into : into.between(this.#lowOf(value), high);
  }

  #define(value: Value): void {
    const { id, op, args } = value;
    if (op === "select") {
      this.#low[id] = Math.min(this.#lowOf(args[2]), this.#lowOf(args[3]));
      this.#high[id] = Math.max(this.#highOf(args[2]), this.#highOf(args[3]));
      return;
    }
    const out = this.#out;
    const a = args.length > 0 ? this.#factsOf(args[0], this.#a) : this.#a.clear();
    const b = args.length > 1 ? this.#factsOf(args[1], this.#b) : this.#b.clear();
    out.clear();
    if (op === "cast") a.truncate();
    if (op === "cast") out.set(a);
    else transfer(value, a, b, out);
    this.#low[id] = out.min;
    this.#high[id] = out.max;
  }

  /** Learns bounds of a value, for what is dominated. */
  #learn(value: Value, low: number, high: number): void {
    const { id } = value;
    if (value.block === null) return;
    if (low <= this.#low[id] && high >= this.#high[id]) return;
    this.#undo.push(id, this.#low[id], this.#high[id]);
    this.#low[id] = Math.max(low, this.#low[id]);
    this.#high[id] = Math.min(high, this.#high[id]);
  }

  #access(access: Value): void {
    const base = access.args[0], { off } = access;
    const low = this.#lowOf(base) + Math.min(off, 0);
    this.#safe[access.id] = low >= GUEST_BASE && this.#highOf(base) < TWO32 ? 1 : 0;
    this.#learn(base, GUEST_BASE - Math.min(off, 0), GUEST_BASE + TWO31 - Math.min(off, 0));
  }

  /** Learns what the branch that led here tells. */
  #branched(edge: Edge): void {
    const { op, fn, width, args, edges } = edge.from.term!;
    if (op !== "branch" || edges[0].to === edges[1].to) return;
    const condition = edges[0] === edge ? fn as Cond : COND[fn as Cond].inverse;
    if (condition === null) return;
    const [a, b] = args;
    const bound = width === 64 ? Infinity : TWO32;
    if (this.#highOf(a) >= bound || this.#highOf(b) >= bound) {
      if (width === 32 || condition.startsWith("s")) return;
    }
    if (condition.startsWith("s")) this.#compareSigned(condition, width, a, b);
    else this.#compare(condition, a, b);
  }

  #compareSigned(condition: Cond, width: number, a: Value, b: Value): void {
    const sign = width === 32 ? TWO31 : Number.MAX_SAFE_INTEGER;
    if (condition === "set" || this.#highOf(a) >= sign || this.#highOf(b) >= sign) return;
    this.#compare(condition.slice(1) as Cond, a, b);
  }

  #compare(condition: Cond, a: Value, b: Value): void {
    const lowA = this.#lowOf(a), highA = this.#highOf(a);
    const lowB = this.#lowOf(b), highB = this.#highOf(b);
    switch (condition) {
      case "eq":
        this.#learn(a, lowB, highB);
        return this.#learn(b, lowA, highA);
      case "ne":
        if (lowB === highB) {
          this.#learn(a, lowA === lowB ? lowB + 1 : 0, highA === lowB ? lowB - 1 : Infinity);
        }
        return;
      case "lt":
      case "le": {
        const step = condition === "lt" ? 1 : 0;
        this.#learn(a, 0, highB - step);
        return this.#learn(b, lowA + step, Infinity);
      }
      case "gt":
      case "ge":
        return this.#compare(condition === "gt" ? "lt" : "le", b, a);
    }
  }
}

/**
 * Finds the accesses whose base is known to be a good address.
 *
 * @param fn A valid function whose graph is reducible.
 * @param dominators Its dominator tree.
 * @param pointer Whether r1 is known to be a good address.
 * @returns The answers.
 */
export function safeAccesses(
  fn: IrFunction,
  dominators: Dominators,
  pointer: boolean,
): SafeAccesses {
  return new AccessScan(fn, dominators, pointer).run();
}
