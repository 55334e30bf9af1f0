/**
 * One instruction of bytecode to SSA values.
 *
 * An immediate becomes the constant of its sign-extended 64-bit pattern whatever the width of the operation, so that
 * equal immediates share a leaf; a 32-bit operation looks at its low half only, and so does `zext`, which `wX = imm`
 * and `wX = wY` become. 64-bit moves become copies: without passes, what comes out is what went in.
 *
 * @module
 */

import { Builder } from "../ir/builder.ts";
import { type Block, type IrFunction, Terminator, type Value } from "../ir/function.ts";
import { imm64, type Instruction } from "../isa/instruction.ts";
import {
  type AluOp,
  ATOMIC,
  type AtomicOp,
  type Cond,
  type Size,
  type UnaryOp,
} from "../isa/ops.ts";
import type { CoreRecord, ProgramFunction } from "../object/program.ts";
import { calleeOf, callReads, type LiftContext } from "./calls.ts";
import { liftError } from "./flow.ts";

/** How many registers hold values: r0 to r9. */
export const REGISTERS = 10;

/** Translates instructions into a block, tracking the value of each register. */
export class Translator {
  /** The cursor that instructions are made at. */
  readonly builder: Builder;
  readonly #context: LiftContext;
  readonly #source: ProgramFunction;
  readonly #attached: Uint8Array;
  readonly #fn: IrFunction;
  readonly #undef: Value;
  /** The values of r0 to r9. */
  #registers: Value[] = [];

  /**
   * @param context Facts about the program.
   * @param source The function that is lifted.
   * @param fn The function that is built.
   */
  constructor(context: LiftContext, source: ProgramFunction, fn: IrFunction) {
    this.builder = new Builder(fn);
    this.#context = context;
    this.#source = source;
    this.#attached = context.attached.get(source.section) ?? new Uint8Array(0);
    this.#fn = fn;
    this.#undef = fn.undef;
  }

  /**
   * Chooses the block to append to.
   *
   * @param block The block.
   * @param registers The values of r0 to r9 at its start; kept up to date.
   */
  enter(block: Block, registers: Value[]): void {
    this.builder.atEnd(block);
    this.#registers = registers;
  }

  /**
   * Appends what an instruction does.
   *
   * @param insn An instruction that does not end a block.
   * @param slot Its slot.
   * @throws {UnsupportedError} If it carries a relocation or CO-RE record that its kind cannot, or calls or addresses
   * what is no function.
   */
  translate(insn: Instruction, slot: number): void {
    const { builder } = this;
    const { op, dst, src } = insn;
    const core = this.#attached[slot] === 1 ? this.#coreRecord(insn, slot) : null;
    builder.pc = slot;
    switch (op.kind) {
      case "alu": {
        const b = this.#patched(insn, core);
        return this.#write(dst, builder.alu(op.fn as AluOp, op.width, this.#read(dst), b));
      }
      case "mov":
        return this.#write(dst, this.#move(insn, this.#patched(insn, core)));
      case "load": {
        const value = builder.load(op.size as Size, this.#read(src), insn.off, op.sign);
        value.core = core;
        return this.#write(dst, value);
      }
      case "store":
        builder.store(op.size as Size, this.#read(dst), insn.off, this.#operand(insn)).core = core;
        return;
      case "lddw":
        return this.#write(dst, builder.copy(this.#address(insn, slot, core)));
      case "call":
      case "callx":
        return this.#call(insn, slot);
      case "unary":
        return this.#write(dst, builder.unary(op.fn as UnaryOp, op.width, this.#read(dst)));
      case "atomic":
        return this.#atomic(insn, core);
      case "cast":
        return this.#write(dst, builder.cast(this.#read(src), insn.imm));
      case "packet":
        return this.#packet(insn);
      default:
        throw liftError(this.#source, slot, `unexpected instruction of kind ${op.kind}`);
    }
  }

  /**
   * The terminator that an instruction becomes, without edges.
   *
   * @param insn A `goto`, `branch`, `may_goto` or `exit`.
   * @param slot Its slot.
   * @returns The terminator.
   * @throws {UnsupportedError} If it carries a relocation or CO-RE record.
   */
  terminator(insn: Instruction, slot: number): Terminator {
    if (this.#attached[slot] === 1) this.#coreRecord(insn, slot);
    const term = this.#terminate(insn);
    term.pc = slot;
    return term;
  }

  #terminate(insn: Instruction): Terminator {
    const { kind, fn, width } = insn.op;
    if (kind === "goto") return new Terminator("jump");
    if (kind === "may_goto") return new Terminator("may_goto");
    if (kind === "exit") return new Terminator("return", [this.#read(0)]);
    const args = [this.#read(insn.dst), this.#operand(insn)];
    return new Terminator("branch", args, fn as Cond, width);
  }

  /** The value of a register; `undef` if none was set. */
  #read(register: number): Value {
    return register === 10 ? this.#fn.frame : this.#registers[register];
  }

  /** The second operand of an instruction with the form `reg` or `imm`. */
  #operand(insn: Instruction): Value {
    return insn.op.form === "reg" ? this.#read(insn.src) : this.#fn.constant(insn.imm);
  }

  #write(register: number, value: Value): void {
    value.hint = register;
    this.#registers[register] = value;
  }

  /** The CO-RE record of the instruction; refuses what cannot be carried on a value. */
  #coreRecord(insn: Instruction, slot: number): CoreRecord | null {
    const { section } = this.#source;
    const { kind, form } = insn.op;
    const core = section.core.get(slot) ?? null;
    const relocation = section.relocations.get(slot);
    if (relocation !== undefined && (kind !== "lddw" && kind !== "call" || core !== null)) {
      throw liftError(
        this.#source,
        slot,
        `relocation of type ${relocation.type} against ${relocation.name} on ${kind}` +
          (core === null ? "" : " with a CO-RE record"),
      );
    }
    const takes = kind === "load" || kind === "store" || kind === "atomic" || kind === "lddw" ||
      (kind === "alu" || kind === "mov") && form === "imm";
    if (core !== null && !takes) throw liftError(this.#source, slot, `CO-RE record on ${kind}`);
    return core;
  }

  /** The second operand, where a CO-RE record patches the immediate. */
  #patched(insn: Instruction, core: CoreRecord | null): Value {
    if (core === null) return this.#operand(insn);
    return this.#fn.coreConstant(BigInt(insn.imm), core, false);
  }

  #move(insn: Instruction, value: Value): Value {
    const { sign, width } = insn.op;
    if (sign !== 0) return this.builder.sext(value, sign, width);
    return width === 64 ? this.builder.copy(value) : this.builder.zext(value);
  }

  /** The result of a fetching operation is in src, of `cmpxchg` in r0, of `load_acquire` in dst. */
  #atomic(insn: Instruction, core: CoreRecord | null): void {
    const { op, dst, src, off } = insn;
    const fn = op.fn as AtomicOp;
    const acquire = fn === "load_acquire", exchange = fn === "cmpxchg";
    const args = acquire ? [this.#read(src)] : [this.#read(dst), this.#read(src)];
    if (exchange) args.push(this.#read(0));
    const value = this.builder.atomic(fn, op.size as Size, off, args);
    value.core = core;
    if (ATOMIC[fn].fetches) this.#write(exchange ? 0 : acquire ? dst : src, value);
  }

  /** What an `lddw` loads: a constant, or an address that a loader fills in. */
  #address(insn: Instruction, slot: number, core: CoreRecord | null): Value {
    const { imm, high, op } = insn;
    const { section } = this.#source;
    const relocation = section.relocations.get(slot) ?? null;
    const target = section.targets.get(slot);
    if (this.#attached[slot + 1] === 1) {
      throw liftError(this.#source, slot, "relocation or CO-RE record inside an lddw");
    }
    if (op.fn === "imm64" && relocation === null && target === undefined) {
      if (core !== null) return this.#fn.coreConstant(imm64(insn), core, true);
      if (high === imm >> 31) return this.#fn.constant(imm);
      return this.#fn.constant(high === 0 ? imm >>> 0 : imm64(insn));
    }
    if (core !== null) {
      throw liftError(this.#source, slot, `CO-RE record on lddw of kind ${op.fn}`);
    }
    const index = target?.kind === "function" ? target.index : -1;
    if (op.fn === "func" && index < 0 && relocation === null) {
      throw liftError(this.#source, slot, "address where no function starts");
    }
    return this.#fn.symbol({ kind: op.fn, imm, high, relocation, target: index });
  }

  #call(insn: Instruction, slot: number): void {
    const indirect = insn.op.kind === "callx";
    const callee = indirect
      ? { kind: "indirect" } as const
      : calleeOf(this.#context, this.#source, insn, slot);
    const reads = callReads(this.#context, this.#source.section, insn, slot);
    const args = indirect ? [this.#read(insn.dst)] : [];
    const fixed = args.length;
    for (let register = 1; reads >>> 16 + register !== 0; register++) {
      args.push((reads >>> 16 + register & 1) !== 0 ? this.#read(register) : this.#undef);
    }
    // What only may be read and has no value on any path is not passed.
    while (
      callee.kind !== "local" && args.length > fixed && args[args.length - 1] === this.#undef
    ) {
      if ((reads >>> args.length - fixed & 1) !== 0) break;
      args.pop();
    }
    this.#finishCall(this.builder.call(callee, args));
  }

  #packet(insn: Instruction): void {
    const { op, imm } = insn;
    const args = op.fn === "ind" ? [this.#read(6), this.#read(insn.src)] : [this.#read(6)];
    this.#finishCall(this.builder.packet(op.fn as "abs" | "ind", op.size as Size, imm, args));
  }

  /** The result is in r0; r1 to r5 are lost. */
  #finishCall(value: Value): void {
    for (let register = 1; register <= 5; register++) {
      this.#registers[register] = this.#undef;
    }
    this.#write(0, value);
  }
}
