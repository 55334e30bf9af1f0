/**
 * Bytecode to SSA. Registers become values in one pass over the blocks in reverse post-order: where control flow joins,
 * a live register with different values becomes a block parameter; at the head of a loop every live register does that
 * the loop overwrites, and those that turn out not to change are removed at the end.
 *
 * A function is either lifted whole or not at all.
 *
 * @module
 */

import { type Block, Edge, IrFunction, Terminator, type Value } from "../ir/function.ts";
import { removeTrivialParams } from "../ir/trivial_params.ts";
import type { Program, ProgramFunction } from "../object/program.ts";
import type { LiftContext } from "./calls.ts";
import { parameterRegisters } from "./context.ts";
import { type Flow, flowOf } from "./flow.ts";
import { loopWrites, type RegisterUse, registerUse } from "./liveness.ts";
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
  const lifter = new Lifter(source, flow, registerUse(source, flow, context), context);
  return lifter.run();
}

/** Builds one function. */
class Lifter {
  readonly #source: ProgramFunction;
  readonly #flow: Flow;
  readonly #live: Int32Array;
  /** By loop header: the registers that change in the loop. */
  readonly #changing: Int32Array;
  readonly #fn: IrFunction;
  readonly #translator: Translator;
  /** The block made for each block of the flow. */
  readonly #blocks: Block[] = [];
  /** The values of r0 to r9 at the end of each block that is built. */
  readonly #registers: Value[][];
  /** Some block is entered by an edge that goes back. */
  #loops = false;

  constructor(source: ProgramFunction, flow: Flow, use: RegisterUse, context: LiftContext) {
    this.#source = source;
    this.#flow = flow;
    this.#live = use.live;
    this.#changing = loopWrites(flow, use.writes);
    this.#fn = new IrFunction(source.name);
    this.#registers = new Array(flow.count);
    this.#translator = new Translator(context, source, this.#fn);
  }

  run(): IrFunction {
    const { order, count, predStart } = this.#flow;
    // The entry has no predecessors: where the first instruction is a loop header, it gets a block of its own.
    const entry = predStart[1] > 0 ? this.#fn.newBlock() : null;
    for (let block = 0; block < count; block++) this.#blocks.push(this.#fn.newBlock());
    const initial = this.#parameters(entry ?? this.#blocks[0]);
    for (let i = 0; i < count; i++) this.#build(order[i], initial);
    if (entry !== null) {
      entry.term = new Terminator("jump");
      entry.term.edges = [this.#edge(entry, this.#blocks[0], initial)];
    }
    for (let block = 0; block < count; block++) this.#connect(block);
    // Without a loop every parameter stands for different values.
    if (this.#loops) removeTrivialParams(this.#fn);
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

  /**
   * The values of registers at the start of a block, from its predecessors; these are built unless the edge goes back.
   * Registers that are not live have any value.
   */
  #merge(block: number, initial: readonly Value[]): Value[] {
    const { predStart, preds, rank } = this.#flow;
    const start = predStart[block], end = predStart[block + 1];
    let entering = -1, header = false;
    for (let i = end - 1; i >= start; i--) {
      if (rank[preds[i]] >= rank[block]) header = true;
      else entering = preds[i];
    }
    const values = (entering < 0 ? initial : this.#registers[entering]).slice();
    if (end - start <= 1 && !header) return values;
    this.#loops ||= header;
    const live = this.#live[block] | this.#live[block] >>> 16;
    const changing = header ? this.#changing[block] : 0;
    for (let r = 0; r < REGISTERS; r++) {
      if ((live >>> r & 1) === 0) continue;
      let same = (changing >>> r & 1) === 0;
      for (let i = start; i < end && same; i++) {
        same = rank[preds[i]] >= rank[block] || this.#registers[preds[i]][r] === values[r];
      }
      if (!same) values[r] = this.#parameter(r);
    }
    return values;
  }

  /** Fills a block. Edges are made later, when all blocks have their parameters. */
  #build(block: number, initial: readonly Value[]): void {
    const translator = this.#translator;
    const { first, end, taken, next } = this.#flow;
    const { insns, slots } = this.#source.section;
    const target = this.#blocks[block];
    translator.builder.atEnd(target);
    const registers = this.#registers[block] = this.#merge(block, initial);
    translator.enter(target, registers);
    const falls = taken[block] < 0 && next[block] >= 0;
    const last = falls ? end[block] : end[block] - 1;
    for (let i = first[block]; i < last; i++) translator.translate(insns[i], slots[i]);
    // A pushed array keeps room for 17 elements, which would double the memory of many short blocks.
    target.insns = target.insns.slice();
    target.term = falls ? new Terminator("jump") : translator.terminator(insns[last], slots[last]);
  }

  /** Makes the edges that leave a block. */
  #connect(block: number): void {
    const from = this.#blocks[block], { term } = from;
    if (term === null) return;
    const taken = this.#flow.taken[block], next = this.#flow.next[block];
    const registers = this.#registers[block];
    const first = taken < 0 ? null : this.#edge(from, this.#blocks[taken], registers);
    const last = next < 0 ? null : this.#edge(from, this.#blocks[next], registers);
    if (first !== null) term.edges = last === null ? [first] : [first, last];
    else if (last !== null) term.edges = [last];
  }

  /** Makes an edge, with an argument for each parameter of its target. */
  #edge(from: Block, to: Block, registers: readonly Value[]): Edge {
    const { params, preds } = to;
    const args: Value[] = new Array(params.length);
    for (let i = 0; i < params.length; i++) args[i] = registers[params[i].hint];
    const edge = new Edge(from, to, args);
    // Appending reserves room for many more; most blocks have one or two.
    if (preds.length === 0) to.preds = [edge];
    else if (preds.length === 1) to.preds = [preds[0], edge];
    else preds.push(edge);
    return edge;
  }
}
