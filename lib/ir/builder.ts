/**
 * Makes instructions and terminators at a cursor.
 *
 * @module
 */

import { invariant } from "../errors.ts";
import type { AluOp, AtomicOp, Cond, Size, UnaryOp, Width } from "../isa/ops.ts";
import { connect } from "./cfg.ts";
import {
  type Block,
  type Callee,
  type IrFunction,
  Terminator,
  type TrapKind,
  type Value,
} from "./function.ts";

/**
 * A cursor at which instructions are made. Appending costs constant time; inserting before an instruction costs the
 * length of the block, so a pass that expands many instructions takes the block's list with {@link Builder.rebuild}
 * and adds them again.
 *
 * @example
 * ```ts
 * import { Builder } from "./builder.ts";
 * import { IrFunction } from "./function.ts";
 *
 * const fn = new IrFunction("five");
 * const b = new Builder(fn).atEnd(fn.newBlock());
 * b.ret(b.alu("add", 64, fn.constant(2), fn.constant(3)));
 * ```
 */
export class Builder {
  /** The function under construction. */
  readonly fn: IrFunction;
  /** Slot of the source instruction, given to everything made; -1 for none. */
  pc: number = -1;
  #block: Block | null = null;
  /** Where the next instruction goes in the block; -1 for its end. */
  #index = -1;

  /**
   * Makes a builder without a place to insert.
   *
   * @param fn The function under construction.
   */
  constructor(fn: IrFunction) {
    this.fn = fn;
  }

  /** The block of the cursor. */
  get block(): Block {
    invariant(this.#block !== null, `the builder of ${this.fn.name} has no cursor`);
    return this.#block;
  }

  /**
   * Moves the cursor to the end of a block.
   *
   * @param block The block.
   * @returns This builder.
   */
  atEnd(block: Block): this {
    this.#block = block;
    this.#index = -1;
    return this;
  }

  /**
   * Moves the cursor to just before an instruction.
   *
   * @param value An instruction in a block.
   * @returns This builder.
   */
  before(value: Value): this {
    invariant(value.block !== null, `v${value.id} of ${this.fn.name} is in no block`);
    this.#block = value.block;
    this.#index = value.block.insns.indexOf(value);
    invariant(this.#index >= 0, `v${value.id} is no instruction of b${value.block.id}`);
    return this;
  }

  /**
   * Empties a block, but for its parameters and terminator, and moves the cursor into it.
   *
   * @param block The block.
   * @returns Its instructions so far; {@link Builder.add} puts one back.
   */
  rebuild(block: Block): Value[] {
    const { insns } = block;
    block.insns = [];
    this.atEnd(block);
    return insns;
  }

  /**
   * Puts an instruction at the cursor.
   *
   * @param value A value that is in no block, or was taken from one by {@link Builder.rebuild}.
   * @returns The value.
   */
  add(value: Value): Value {
    const { block } = this;
    value.block = block;
    if (this.#index < 0) block.insns.push(value);
    else block.insns.splice(this.#index++, 0, value);
    return value;
  }

  /**
   * Appends a parameter to the block; edges that enter it already must be given their argument by the caller.
   *
   * @returns The parameter.
   */
  param(): Value {
    const value = this.fn.newValue("param");
    value.block = this.block;
    this.block.params.push(value);
    return value;
  }

  /**
   * Inserts a 64-bit move.
   *
   * @param a The operand.
   * @returns A 64-bit move of it.
   */
  copy(a: Value): Value {
    const value = this.fn.newValue("copy", [a]);
    value.pc = this.pc;
    return this.add(value);
  }

  /**
   * Inserts a zero extension.
   *
   * @param a The operand.
   * @returns Its low 32 bits.
   */
  zext(a: Value): Value {
    const value = this.fn.newValue("zext", [a]);
    value.pc = this.pc;
    return this.add(value);
  }

  /**
   * Inserts a sign extension.
   *
   * @param a The operand.
   * @param bits How many low bits hold the signed number.
   * @param width Width in bits of the result.
   * @returns The number, sign-extended to the width.
   */
  sext(a: Value, bits: 8 | 16 | 32, width: Width): Value {
    const value = this.fn.newValue("sext", [a]);
    value.sign = bits;
    value.width = width;
    value.pc = this.pc;
    return this.add(value);
  }

  /**
   * Inserts binary arithmetic.
   *
   * @param fn The operation.
   * @param width Width in bits.
   * @param a First operand.
   * @param b Second operand.
   * @returns The result.
   */
  alu(fn: AluOp, width: Width, a: Value, b: Value): Value {
    const value = this.fn.newValue("alu", [a, b]);
    value.fn = fn;
    value.width = width;
    value.pc = this.pc;
    return this.add(value);
  }

  /**
   * Inserts unary arithmetic.
   *
   * @param fn The operation.
   * @param width Width in bits of a negation; 64 for a byte swap.
   * @param a The operand.
   * @returns The result.
   */
  unary(fn: UnaryOp, width: Width, a: Value): Value {
    const value = this.fn.newValue("unary", [a]);
    value.fn = fn;
    value.width = width;
    value.pc = this.pc;
    return this.add(value);
  }

  /**
   * Inserts a move between address spaces.
   *
   * @param a The pointer.
   * @param spaces Address spaces as the instruction has them: to << 16 | from.
   * @returns The pointer in the other address space.
   */
  cast(a: Value, spaces: number): Value {
    const value = this.fn.newValue("cast", [a]);
    value.imm = BigInt(spaces >>> 0);
    value.pc = this.pc;
    return this.add(value);
  }

  /**
   * Inserts a choice between two values.
   *
   * @param fn The condition.
   * @param width Width in bits of the comparison.
   * @param a First operand of the comparison.
   * @param b Second operand of the comparison.
   * @param x The result if it holds.
   * @param y The result if it does not.
   * @returns The result.
   */
  select(fn: Cond, width: Width, a: Value, b: Value, x: Value, y: Value): Value {
    const value = this.fn.newValue("select", [a, b, x, y]);
    value.fn = fn;
    value.width = width;
    value.pc = this.pc;
    return this.add(value);
  }

  /**
   * Inserts a load.
   *
   * @param size Bytes read.
   * @param base The address.
   * @param off Displacement in bytes.
   * @param sign Bits to sign-extend, 8 × size; 0 to zero-extend.
   * @returns What memory holds.
   */
  load(size: Size, base: Value, off: number, sign: 0 | 8 | 16 | 32 = 0): Value {
    const value = this.fn.newValue("load", [base]);
    value.size = size;
    value.off = off;
    value.sign = sign;
    value.pc = this.pc;
    return this.add(value);
  }

  /**
   * Inserts a store.
   *
   * @param size Bytes written.
   * @param base The address.
   * @param off Displacement in bytes.
   * @param source What to write.
   * @returns The store, which has no result.
   */
  store(size: Size, base: Value, off: number, source: Value): Value {
    const value = this.fn.newValue("store", [base, source]);
    value.size = size;
    value.off = off;
    value.pc = this.pc;
    return this.add(value);
  }

  /**
   * Inserts an atomic operation.
   *
   * @param fn The operation.
   * @param size Bytes accessed.
   * @param off Displacement in bytes.
   * @param args The base; the source unless it loads; the expected value of `cmpxchg`.
   * @returns The operation; its result is the old memory if it fetches.
   */
  atomic(fn: AtomicOp, size: Size, off: number, args: Value[]): Value {
    const value = this.fn.newValue("atomic", args);
    value.fn = fn;
    value.size = size;
    value.off = off;
    value.pc = this.pc;
    return this.add(value);
  }

  /**
   * Inserts a legacy packet load.
   *
   * @param fn Absolute or indexed.
   * @param size Bytes read.
   * @param imm Offset in bytes into the packet, signed 32 bits.
   * @param args The context, and the index of `ind`.
   * @returns What the packet holds, in host order.
   */
  packet(fn: "abs" | "ind", size: Size, imm: number, args: Value[]): Value {
    const value = this.fn.newValue("packet", args);
    value.fn = fn;
    value.size = size;
    value.imm = BigInt.asUintN(64, BigInt(imm));
    value.pc = this.pc;
    return this.add(value);
  }

  /**
   * Inserts a call.
   *
   * @param callee What is called.
   * @param args The arguments from r1 on; before them the address of an `indirect` callee.
   * @returns The result.
   */
  call(callee: Callee, args: Value[]): Value {
    const value = this.fn.newValue("call", args);
    value.callee = callee;
    value.pc = this.pc;
    return this.add(value);
  }

  /** Gives the block its terminator. */
  #terminate(term: Terminator): Terminator {
    const { block } = this;
    invariant(block.term === null, `b${block.id} of ${this.fn.name} has a terminator`);
    term.pc = this.pc;
    block.term = term;
    return term;
  }

  /**
   * Ends the block with a jump.
   *
   * @param to The target.
   * @param args Arguments for its parameters.
   * @returns The terminator.
   */
  jump(to: Block, args: Value[] = []): Terminator {
    const term = this.#terminate(new Terminator("jump"));
    connect(this.block, to, args);
    return term;
  }

  /**
   * Ends the block with a conditional branch.
   *
   * @param fn The condition.
   * @param width Width in bits of the comparison.
   * @param a First operand.
   * @param b Second operand.
   * @param taken The target if it holds.
   * @param otherwise The target if it does not.
   * @param takenArgs Arguments for the parameters of `taken`.
   * @param otherwiseArgs Arguments for the parameters of `otherwise`.
   * @returns The terminator.
   */
  branch(
    fn: Cond,
    width: Width,
    a: Value,
    b: Value,
    taken: Block,
    otherwise: Block,
    takenArgs: Value[] = [],
    otherwiseArgs: Value[] = [],
  ): Terminator {
    const term = this.#terminate(new Terminator("branch", [a, b], fn, width));
    connect(this.block, taken, takenArgs);
    connect(this.block, otherwise, otherwiseArgs);
    return term;
  }

  /**
   * Ends the block with a `may_goto`.
   *
   * @param taken The target when the budget is spent.
   * @param otherwise The target when it is not.
   * @param takenArgs Arguments for the parameters of `taken`.
   * @param otherwiseArgs Arguments for the parameters of `otherwise`.
   * @returns The terminator.
   */
  mayGoto(
    taken: Block,
    otherwise: Block,
    takenArgs: Value[] = [],
    otherwiseArgs: Value[] = [],
  ): Terminator {
    const term = this.#terminate(new Terminator("may_goto"));
    connect(this.block, taken, takenArgs);
    connect(this.block, otherwise, otherwiseArgs);
    return term;
  }

  /**
   * Ends the block with a jump through a table; {@link connect} adds its edges.
   *
   * @param address An entry of the table.
   * @returns The terminator.
   */
  gotox(address: Value): Terminator {
    return this.#terminate(new Terminator("gotox", [address]));
  }

  /**
   * Ends the block with a return.
   *
   * @param result The result.
   * @returns The terminator.
   */
  ret(result: Value): Terminator {
    return this.#terminate(new Terminator("return", [result]));
  }

  /**
   * Ends the block with a fault.
   *
   * @param kind Why the program stops.
   * @returns The terminator.
   */
  trap(kind: TrapKind): Terminator {
    const term = this.#terminate(new Terminator("trap"));
    term.trap = kind;
    return term;
  }
}
