/**
 * Copies of loop bodies, which peeling and unrolling are made of.
 *
 * @module
 */

import { Builder } from "../../ir/builder.ts";
import { connect, keepOnly, redirect, splitEdge } from "../../ir/cfg.ts";
import { type Block, type Edge, type IrFunction, Terminator, Value } from "../../ir/function.ts";
import type { Loop } from "../../ir/loops.ts";
import type { CounterTest } from "./counted_loop.ts";

/** An innermost loop whose values leave it only as arguments of the edges that leave it. */
export class ClosedLoop {
  readonly #fn: IrFunction;
  readonly #loop: Loop;
  readonly #inside: ReadonlySet<Block>;

  private constructor(fn: IrFunction, loop: Loop) {
    this.#fn = fn;
    this.#loop = loop;
    this.#inside = new Set(loop.blocks);
  }

  /**
   * Closes a loop: what is used behind it becomes a parameter of a block on the edge that leaves it.
   *
   * @param fn The function.
   * @param loop An innermost loop of it.
   * @returns The loop; null if values leave it on several ways.
   */
  static close(fn: IrFunction, loop: Loop): ClosedLoop | null {
    const closed = new ClosedLoop(fn, loop);
    const used = closed.#usedBehind();
    if (used.length === 0) return closed;
    const exits = closed.#exits();
    if (exits.length !== 1) return null;
    const [exit] = exits;
    const landing = splitEdge(fn, exit);
    const builder = new Builder(fn).atEnd(landing);
    const params = new Map(used.map((value) => [value, builder.param()]));
    closed.#replaceBehind(params);
    exit.args = used;
    return closed;
  }

  /** Edges that leave the loop. */
  #exits(): Edge[] {
    return this.#loop.blocks.flatMap(({ succs }) =>
      succs.filter(({ to }) => !this.#inside.has(to))
    );
  }

  /** Calls back for each list of operands outside of the loop. */
  #eachListBehind(visit: (args: Value[]) => void): void {
    for (const block of this.#fn.blocks) {
      if (this.#inside.has(block)) continue;
      for (const { args } of block.insns) visit(args);
      visit(block.term!.args);
      for (const { args } of block.succs) visit(args);
    }
  }

  #usedBehind(): Value[] {
    const used = new Set<Value>();
    this.#eachListBehind((args) => {
      for (const arg of args) if (arg.block !== null && this.#inside.has(arg.block)) used.add(arg);
    });
    // With a block of its own, the only exit passes what it passed on through that block.
    const exits = used.size === 0 ? [] : this.#exits();
    for (const { args } of exits) {
      for (const arg of args) if (arg.block !== null && this.#inside.has(arg.block)) used.add(arg);
    }
    return [...used];
  }

  #replaceBehind(params: ReadonlyMap<Value, Value>): void {
    this.#eachListBehind((args) => {
      for (let i = 0; i < args.length; i++) args[i] = params.get(args[i]) ?? args[i];
    });
  }

  /** Copies the body; what went back to the header goes to a block instead. Returns the copy of the header. */
  #copy(next: Block): Block {
    const fn = this.#fn;
    const values = new Map<Value, Value>();
    const blocks = new Map<Block, Block>();
    for (const block of this.#loop.blocks) {
      const copy = fn.newBlock();
      blocks.set(block, copy);
      copy.params = block.params.map((param) => place(fn, param, copy, values));
      copy.insns = block.insns.map((insn) => place(fn, insn, copy, values));
    }
    const mapped = (args: readonly Value[]) => args.map((arg) => values.get(arg) ?? arg);
    for (const block of this.#loop.blocks) {
      const copy = blocks.get(block)!;
      block.insns.forEach((insn, i) => copy.insns[i].args = mapped(insn.args));
      const { op, args, fn: condition, width, pc, trap, edges } = block.term!;
      copy.term = new Terminator(op, mapped(args), condition, width);
      copy.term.pc = pc;
      copy.term.trap = trap;
      for (const { to, args } of edges) {
        const target = to === this.#loop.header ? next : blocks.get(to) ?? to;
        connect(copy, target, mapped(args));
      }
    }
    return blocks.get(this.#loop.header)!;
  }

  /** Runs the first turn in a copy before the loop. */
  peel(): void {
    const { header } = this.#loop;
    const entries = header.preds.filter(({ from }) => !this.#inside.has(from));
    const first = this.#copy(header);
    for (const entry of entries) redirect(entry, first, entry.args);
  }

  /**
   * Makes one turn of several.
   *
   * @param times How many turns one goes through, at least 1.
   */
  unroll(times: number): void {
    const { header, backEdges } = this.#loop;
    let next = header;
    for (let i = 1; i < times; i++) next = this.#copy(next);
    if (next === header) return;
    for (const edge of backEdges) redirect(edge, next, edge.args);
  }

  /**
   * Lets several turns run without a test between them, as long as there are more than these; the loop does the rest.
   *
   * @param times How many turns, at least 1.
   * @param test How the loop ends, which is of one block.
   */
  unrollCounted(times: number, test: CounterTest): void {
    const { header } = this.#loop;
    const fn = this.#fn;
    const guard = fn.newBlock();
    guard.params = header.params.map((param) => place(fn, param, guard, new Map()));
    const entries = header.preds.filter(({ from }) => from !== header);
    for (const entry of entries) redirect(entry, guard, entry.args);
    let next = guard;
    for (let i = 0; i < times; i++) {
      const copy = this.#copy(next);
      keepOnly([copy.succs.find(({ to }) => to === next)!]);
      next = copy;
    }
    const { width, step, fn: condition, bound, index } = test;
    const builder = new Builder(fn).atEnd(guard);
    builder.pc = header.term!.pc;
    const counter = guard.params[index];
    const distance = builder.alu("sub", width, bound, counter);
    const left = condition === "ne"
      ? distance
      : builder.select("lt", width, counter, bound, distance, fn.constant(0));
    const most = fn.constant(step * BigInt(times));
    builder.branch("gt", width, left, most, next, header, [...guard.params], [...guard.params]);
  }
}

/** A copy of a value in a block, with the operands of the original. */
function place(fn: IrFunction, value: Value, block: Block, values: Map<Value, Value>): Value {
  const copy = new Value(fn.valueCount++, value.op, value.args);
  copy.fn = value.fn;
  copy.width = value.width;
  copy.size = value.size;
  copy.sign = value.sign;
  copy.off = value.off;
  copy.imm = value.imm;
  copy.callee = value.callee;
  copy.core = value.core;
  copy.pc = value.pc;
  copy.hint = value.hint;
  copy.block = block;
  values.set(value, copy);
  return copy;
}
