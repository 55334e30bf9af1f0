/**
 * Bytecode to SSA. Registers become values in one pass over the blocks in reverse post-order: where control flow joins,
 * a live register with different values becomes a block parameter; at the head of a loop every live register does, and
 * those that turn out not to change are removed at the end.
 *
 * A function is either lifted whole or not at all.
 *
 * @module
 */

import { type Block, IrFunction, type Value } from "../ir/function.ts";
import { removeTrivialParams } from "../ir/trivial_params.ts";
import type { Cond } from "../isa/ops.ts";
import type { Program, ProgramFunction } from "../object/program.ts";
import type { LiftContext } from "./calls.ts";
import { parameterRegisters } from "./context.ts";
import { type Flow, flowOf } from "./flow.ts";
import { liveIn } from "./liveness.ts";
import { REGISTERS, Translator } from "./translate.ts";

/**
 * Lifts a function.
 *
 * @param program The program.
 * @param index Index of the function in it.
 * @param context Facts about the program, from {@link liftContext}.
 * @returns The function in SSA form.
 * @throws {UnsupportedError} If the function cannot be lifted, with the reason and the place.
 */
export function liftFunction(
  program: Program,
  index: number,
  context: LiftContext,
): IrFunction {
  const source = program.functions[index];
  const flow = flowOf(source);
  const lifter = new Lifter(source, flow, liveIn(source, flow, context), context);
  return lifter.run();
}

/** Builds one function. */
class Lifter {
  readonly #source: ProgramFunction;
  readonly #flow: Flow;
  readonly #live: Int32Array;
  readonly #fn: IrFunction;
  readonly #translator: Translator;
  /** The block made for each block of the flow. */
  readonly #blocks: Block[] = [];
  /** The value of each register in each block, at its end once it is built: r0 to r9 in a row. */
  readonly #values: Value[];

  constructor(source: ProgramFunction, flow: Flow, live: Int32Array, context: LiftContext) {
    this.#source = source;
    this.#flow = flow;
    this.#live = live;
    this.#fn = new IrFunction(source.name);
    this.#values = new Array<Value>(flow.count * REGISTERS).fill(this.#fn.undef);
    this.#translator = new Translator(context, source, this.#fn, this.#values);
  }

  run(): IrFunction {
    const { order, count, predStart } = this.#flow;
    // The entry has no predecessors: where the first instruction is a loop header, it gets a block of its own.
    const entry = predStart[1] > 0 ? this.#fn.newBlock() : null;
    for (let block = 0; block < count; block++) this.#blocks.push(this.#fn.newBlock());
    const initial = this.#parameters(entry ?? this.#blocks[0]);
    if (entry === null) { for (let r = 0; r < REGISTERS; r++) this.#values[r] = initial[r]; }
    for (let i = 0; i < count; i++) this.#build(order[i]);
    if (entry !== null) {
      this.#translator.builder.pc = -1;
      this.#translator.builder.atEnd(entry).jump(
        this.#blocks[0],
        this.#blocks[0].params.map((param) => initial[param.hint]),
      );
    }
    for (let block = 0; block < count; block++) this.#passArguments(block);
    removeTrivialParams(this.#fn);
    return this.#fn;
  }

  /** Makes the parameters of the function; returns the value of each register at its start. */
  #parameters(entry: Block): Value[] {
    const registers = parameterRegisters(this.#source, this.#live[0]);
    this.#translator.builder.atEnd(entry);
    return Array.from(
      { length: REGISTERS },
      (_, r) => (registers >>> r & 1) !== 0 ? this.#parameter(r) : this.#fn.undef,
    );
  }

  /** Makes a parameter of the block under the cursor. */
  #parameter(register: number): Value {
    const param = this.#translator.builder.param();
    param.hint = register;
    return param;
  }

  /** Sets the registers at the start of a block from its predecessors, which are built unless the edge goes back. */
  #merge(block: number): void {
    const { predStart, preds, rank } = this.#flow;
    const start = predStart[block], end = predStart[block + 1];
    const values = this.#values, row = block * REGISTERS;
    const live = this.#live[block] | this.#live[block] >>> 16;
    let header = false;
    for (let i = start; i < end; i++) header ||= rank[preds[i]] >= rank[block];
    for (let r = 0; r < REGISTERS; r++) {
      if ((live >>> r & 1) === 0) continue;
      let value = header ? null : values[preds[start] * REGISTERS + r];
      for (let i = start + 1; i < end && value !== null; i++) {
        if (values[preds[i] * REGISTERS + r] !== value) value = null;
      }
      values[row + r] = value ?? this.#parameter(r);
    }
  }

  /** Fills a block. Edges are made without arguments: their targets may not have their parameters yet. */
  #build(block: number): void {
    const translator = this.#translator, { builder } = translator;
    const { first, end, taken, next } = this.#flow;
    const { insns, slots } = this.#source.section;
    translator.enter(this.#blocks[block], block * REGISTERS);
    if (this.#flow.predStart[block] < this.#flow.predStart[block + 1]) this.#merge(block);
    let last = end[block] - 1;
    const falls = taken[block] < 0 && next[block] >= 0;
    if (falls) last++;
    for (let i = first[block]; i < last; i++) translator.translate(insns[i], slots[i]);
    builder.pc = slots[last];
    if (falls) {
      builder.jump(this.#blocks[next[block]]);
      return;
    }
    const insn = insns[last], { op } = insn;
    const to = this.#blocks[taken[block]], otherwise = this.#blocks[next[block]];
    if (op.kind === "goto") builder.jump(to);
    else if (op.kind === "may_goto") builder.mayGoto(to, otherwise);
    else if (op.kind === "exit") builder.ret(translator.read(0));
    else {
      const a = translator.read(insn.dst), b = translator.source(insn);
      builder.branch(op.fn as Cond, op.width, a, b, to, otherwise);
    }
  }

  /** Gives each edge that leaves a block its arguments. */
  #passArguments(block: number): void {
    const row = block * REGISTERS;
    for (const edge of this.#blocks[block].succs) {
      for (const param of edge.to.params) edge.args.push(this.#values[row + param.hint]);
    }
  }
}
