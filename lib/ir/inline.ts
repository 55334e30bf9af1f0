/**
 * Replaces calls by the bodies of their callees.
 *
 * @module
 */

import { invariant } from "../errors.ts";
import { replaceUses } from "./cfg.ts";
import { Block, Edge, type IrFunction, Terminator, Value } from "./function.ts";

/** Slots of a section, at most. */
const SLOTS = 2 ** 24;

/**
 * The `pc` of what comes from another function of the program: a number that tells both.
 *
 * @param index Index of that function.
 * @param pc Slot in its section.
 * @returns The number; {@link originOf} takes it apart.
 */
export function inlinedPc(index: number, pc: number): number {
  return (index + 1) * SLOTS + pc;
}

/**
 * Where an instruction comes from.
 *
 * @param index Index of the function that it is in.
 * @param pc Its `pc`.
 * @returns Index of the function that it was lifted from, and its slot in the section of that.
 */
export function originOf(
  index: number,
  pc: number,
): { readonly index: number; readonly pc: number } {
  return pc < SLOTS ? { index, pc } : { index: Math.floor(pc / SLOTS) - 1, pc: pc % SLOTS };
}

/** Copies one body into a function, in place of one call. */
class BodyCopy {
  readonly #fn: IrFunction;
  readonly #call: Value;
  readonly #values: (Value | undefined)[];
  readonly #blocks: (Block | undefined)[];

  constructor(fn: IrFunction, call: Value, body: IrFunction) {
    this.#fn = fn;
    this.#call = call;
    this.#values = new Array(body.valueCount);
    this.#blocks = new Array(body.blockCount);
  }

  /**
   * Copies a body: its entry goes to the end of a block without terminator.
   *
   * @returns The other blocks, in their order.
   */
  copy(body: IrFunction, head: Block, tail: Block): Block[] {
    const [entry, ...others] = body.blocks;
    entry.params.forEach((param, i) => {
      this.#values[param.id] = this.#call.args[i] ?? this.#fn.undef;
    });
    this.#blocks[entry.id] = head;
    const blocks = others.map((block) => {
      const copy = new Block(this.#fn.blockCount++);
      this.#blocks[block.id] = copy;
      copy.params = block.params.map((param) => this.#place(param, copy));
      return copy;
    });
    for (const block of body.blocks) this.#define(block);
    for (const block of body.blocks) this.#finish(block, tail);
    return blocks;
  }

  #place(value: Value, block: Block): Value {
    const copy = new Value(this.#fn.valueCount++, value.op, []);
    copy.fn = value.fn;
    copy.width = value.width;
    copy.size = value.size;
    copy.sign = value.sign;
    copy.off = value.off;
    copy.imm = value.imm;
    copy.callee = value.callee;
    copy.pc = value.op === "param" ? -1 : this.#slotOf(value);
    copy.block = block;
    this.#values[value.id] = copy;
    return copy;
  }

  /** The slot of what is copied; that of the call for code that comes from no program. */
  #slotOf({ pc }: { readonly pc: number }): number {
    return pc < 0 ? this.#call.pc : pc;
  }

  #define(block: Block): void {
    const copy = this.#blocks[block.id]!;
    for (const value of block.insns) copy.insns.push(this.#place(value, copy));
  }

  #operand(value: Value): Value {
    const copy = this.#values[value.id];
    if (copy !== undefined) return copy;
    invariant(value.op === "const" || value.op === "undef", `cannot inline a ${value.op}`);
    return value.op === "const" ? this.#fn.constant(value.imm) : this.#fn.undef;
  }

  #operands(values: readonly Value[]): Value[] {
    return values.map((value) => this.#operand(value));
  }

  /** Gives the copies their operands, and blocks their terminators; a return becomes a jump to the tail. */
  #finish(block: Block, tail: Block): void {
    const copy = this.#blocks[block.id]!;
    for (const value of block.insns) {
      const { args } = this.#values[value.id]!;
      for (const arg of value.args) args.push(this.#operand(arg));
    }
    const { op, fn, width, args, edges, trap } = block.term!;
    const isReturn = op === "return";
    const term = new Terminator(
      isReturn ? "jump" : op,
      isReturn ? [] : this.#operands(args),
      fn,
      width,
    );
    term.trap = trap;
    term.pc = this.#slotOf(block.term!);
    copy.term = term;
    const targets = isReturn
      ? [new Edge(copy, tail, this.#operands(args))]
      : edges.map((e) => new Edge(copy, this.#blocks[e.to.id]!, this.#operands(e.args)));
    for (const edge of targets) {
      term.edges.push(edge);
      edge.to.preds.push(edge);
    }
  }
}

/** Inlines the calls of a block; the blocks that it becomes go to the layout. */
function inlineBlock(
  fn: IrFunction,
  block: Block,
  bodyOf: (call: Value) => IrFunction | null,
  results: (Value | undefined)[],
  layout: Block[],
): void {
  const { insns, term } = block;
  let head = block;
  layout.push(block);
  let kept: Value[] = [];
  for (const value of insns) {
    const body = value.op === "call" ? bodyOf(value) : null;
    if (body === null) {
      value.block = head;
      kept.push(value);
      continue;
    }
    head.insns = kept;
    head.term = null;
    kept = [];
    const tail = new Block(fn.blockCount++);
    const result = fn.newValue("param");
    result.block = tail;
    tail.params.push(result);
    results[value.id] = result;
    value.block = null;
    layout.push(...new BodyCopy(fn, value, body).copy(body, head, tail), tail);
    head = tail;
  }
  head.insns = kept;
  head.term = term;
  if (head !== block) { for (const edge of head.succs) edge.from = head; }
}

/**
 * Replaces calls by bodies, in one sweep: calls in a body stay. What has no slot of its own
 * carries that of the call.
 *
 * @param fn The function.
 * @param bodyOf The body for a call, or null to leave it. A body has no frame and no symbols; its parameters are the arguments of
 *   the call.
 * @returns Whether any call was replaced.
 */
export function inlineCalls(
  fn: IrFunction,
  bodyOf: (call: Value) => IrFunction | null,
): boolean {
  const results: (Value | undefined)[] = [];
  const before = fn.blockCount;
  const layout: Block[] = [];
  for (const block of fn.blocks) inlineBlock(fn, block, bodyOf, results, layout);
  if (fn.blockCount === before) return false;
  fn.blocks = layout;
  replaceUses(fn, results);
  return true;
}
