/**
 * Values to operand trees: pure operations, in the semantics of the instruction table.
 *
 * Every value is an i64. A 32-bit operation wraps its operands and extends its result; where a 32-bit result is used
 * by a 32-bit operation in one tree, neither happens.
 *
 * @module
 */

import type { ByteOrder } from "../../bytes.ts";
import { InvariantError } from "../../errors.ts";
import type { Value } from "../../ir/function.ts";
import type { AluOp, Cond, UnaryOp, Width } from "../../isa/ops.ts";
import type { CodeWriter } from "./code_writer.ts";
import type { Folding } from "./folding.ts";
import type { WasmOp } from "./opcodes.ts";

/** Locals for intermediate results. */
export interface ScratchLocals {
  /** Two of type i64. */
  readonly a: number;
  /** The second. */
  readonly b: number;
}

/** Where values are. */
export interface ValuePlaces {
  /**
   * The local of a value.
   *
   * @param value A value that is neither a leaf nor folded.
   * @returns Its index.
   */
  local(value: Value): number;
  /** Local with the offset in memory of the frame's lowest byte. */
  readonly frame: number;
  /** What is added to that for the frame pointer. */
  readonly frameBias: bigint;
  /** Locals for intermediate results. */
  readonly scratch: ScratchLocals;
}

/** The instruction for an operation without special cases. */
const PLAIN: { readonly [K in AluOp]: string | null } = {
  add: "add",
  sub: "sub",
  mul: "mul",
  or: "or",
  and: "and",
  xor: "xor",
  lsh: "shl",
  rsh: "shr_u",
  arsh: "shr_s",
  div: null,
  mod: null,
  sdiv: null,
  smod: null,
};

/** The instruction for a division whose divisor is harmless. */
const DIVISION: { readonly [fn: string]: string } = {
  div: "div_u",
  mod: "rem_u",
  sdiv: "div_s",
  smod: "rem_s",
};

/** The instruction for a condition; `set` has none. */
const COMPARE: { readonly [K in Cond]: string } = {
  eq: "eq",
  ne: "ne",
  gt: "gt_u",
  ge: "ge_u",
  lt: "lt_u",
  le: "le_u",
  sgt: "gt_s",
  sge: "ge_s",
  slt: "lt_s",
  sle: "le_s",
  set: "and",
};

const typed = (width: Width, name: string): WasmOp => `i${width}.${name}` as WasmOp;

/** Pushes values on the stack of the machine. */
export class Expressions {
  readonly #code: CodeWriter;
  readonly #folding: Folding;
  readonly #places: ValuePlaces;
  readonly #big: boolean;

  /**
   * @param code Where instructions are written.
   * @param folding What is computed at its use.
   * @param places Where everything else is.
   * @param order Byte order of the program.
   */
  constructor(code: CodeWriter, folding: Folding, places: ValuePlaces, order: ByteOrder) {
    this.#code = code;
    this.#folding = folding;
    this.#places = places;
    this.#big = order === "big";
  }

  /**
   * Pushes a value.
   *
   * @param value The value.
   * @param width Its width on the stack: all of it, or the low 32 bits.
   */
  push(value: Value, width: Width): void {
    switch (value.op) {
      case "const":
      case "core":
        return this.#constant(value.imm, width);
      case "undef":
        return this.#constant(0n, width);
      case "frame":
        return this.#framePointer(width);
      case "symbol":
        throw new InvariantError(`cannot emit value ${value.id}: a symbol that nobody resolved`);
    }
    if (this.#folding.has(value)) return this.compute(value, width);
    this.#code.indexed("local.get", this.#places.local(value));
    if (width === 32) this.#code.op("i32.wrap_i64");
  }

  #constant(imm: bigint, width: Width): void {
    if (width === 64) this.#code.i64(imm);
    else this.#code.i32(Number(BigInt.asIntN(32, imm)));
  }

  #framePointer(width: Width): void {
    const { frame, frameBias } = this.#places;
    this.#code.indexed("local.get", frame);
    if (width === 64) this.#code.op("i64.extend_i32_u");
    this.#constant(frameBias, width);
    this.#code.op(typed(width, "add"));
  }

  /**
   * Pushes the result of a pure operation.
   *
   * @param value The operation.
   * @param width Its width on the stack.
   */
  compute(value: Value, width: Width): void {
    const { op, args } = value;
    switch (op) {
      case "copy":
        return this.push(args[0], width);
      case "zext":
      case "cast":
        this.push(args[0], 32);
        return this.#resize(32, width);
      case "sext":
        return this.#sext(value, width);
      case "alu":
        this.#alu(value.fn as AluOp, value.width, args[0], args[1]);
        return this.#resize(value.width, width);
      case "unary":
        return this.#unary(value, width);
      case "select":
        this.push(args[2], width);
        this.push(args[3], width);
        this.condition(value.fn as Cond, value.width, args[0], args[1]);
        return this.#code.op("select");
      default:
        throw new InvariantError(`cannot emit value ${value.id}: ${op} in an operand tree`);
    }
  }

  /** Makes the result of an operation as wide as it is wanted. */
  #resize(from: Width, to: Width): void {
    if (from === 32 && to === 64) this.#code.op("i64.extend_i32_u");
    if (from === 64 && to === 32) this.#code.op("i32.wrap_i64");
  }

  #sext({ sign, width: bits, args }: Value, width: Width): void {
    if (sign === 32) {
      this.push(args[0], 32);
      if (width === 64) this.#code.op("i64.extend_i32_s");
      return;
    }
    this.push(args[0], bits);
    this.#code.op(typed(bits, sign === 8 ? "extend8_s" : "extend16_s"));
    this.#resize(bits, width);
  }

  /** The amount of a shift by a constant in an operand tree; -1 for anything else. */
  #shift(value: Value, fn: AluOp, width: Width): number {
    if (!this.#folding.has(value) || value.op !== "alu" || value.fn !== fn) return -1;
    const amount = value.args[1];
    if (value.width !== width || amount.op !== "const") return -1;
    return Number(amount.imm & BigInt(width - 1));
  }

  /** Pushes a rotation, if that is what two shifts of one value, put together, are. */
  #rotate(width: Width, left: Value, right: Value): boolean {
    const by = this.#shift(left, "lsh", width);
    if (by <= 0 || this.#shift(right, "rsh", width) !== width - by) return false;
    if (left.args[0] !== right.args[0]) return false;
    this.push(left.args[0], width);
    this.#constant(BigInt(by), width);
    this.#code.op(typed(width, "rotl"));
    return true;
  }

  #alu(fn: AluOp, width: Width, a: Value, b: Value): void {
    if (fn === "or" || fn === "xor" || fn === "add") {
      if (this.#rotate(width, a, b) || this.#rotate(width, b, a)) return;
    }
    this.push(a, width);
    const plain = PLAIN[fn];
    if (plain === null) return this.#divide(fn, width, b);
    this.push(b, width);
    this.#code.op(typed(width, plain));
  }

  /** RFC 9669 section 4.1: by zero the quotient is 0 and the remainder the dividend; the least integer by -1 wraps. */
  #divide(fn: AluOp, width: Width, b: Value): void {
    const quotient = fn === "div" || fn === "sdiv";
    const divisor = b.op === "const" ? BigInt.asIntN(width, b.imm) : null;
    const code = this.#code;
    if (divisor !== null && divisor !== 0n && (divisor !== -1n || fn !== "sdiv")) {
      this.push(b, width);
      return code.op(typed(width, DIVISION[fn]));
    }
    const { a: dividend, b: local } = this.#places.scratch;
    this.#resize(width, 64);
    this.push(b, width);
    this.#resize(width, 64);
    code.indexed("local.set", local);
    code.indexed("local.set", dividend);
    const read = (at: number) => {
      code.indexed("local.get", at);
      this.#resize(64, width);
    };
    read(local);
    code.op(typed(width, "eqz"));
    code.open("if", width === 64 ? "i64" : "i32");
    if (quotient) this.#constant(0n, width);
    else read(dividend);
    code.op("else");
    if (fn === "sdiv") this.#signedQuotient(width, read, dividend, local);
    else {
      read(dividend);
      read(local);
      code.op(typed(width, DIVISION[fn]));
    }
    code.op("end");
  }

  #signedQuotient(
    width: Width,
    read: (local: number) => void,
    dividend: number,
    divisor: number,
  ): void {
    const code = this.#code;
    read(divisor);
    this.#constant(-1n, width);
    code.op(typed(width, "eq"));
    code.open("if", width === 64 ? "i64" : "i32");
    this.#constant(0n, width);
    read(dividend);
    code.op(typed(width, "sub"));
    code.op("else");
    read(dividend);
    read(divisor);
    code.op(typed(width, "div_s"));
    code.op("end");
  }

  #unary({ fn, width: bits, args }: Value, width: Width): void {
    if (fn === "neg") {
      this.#constant(0n, bits);
      this.push(args[0], bits);
      this.#code.op(typed(bits, "sub"));
      return this.#resize(bits, width);
    }
    const size = Number(/\d+$/.exec(fn as UnaryOp)![0]);
    const swaps = fn.startsWith("bswap") || fn.startsWith("be") !== this.#big;
    const operand: Width = size === 64 ? 64 : 32;
    this.push(args[0], operand);
    if (swaps) this.swap(size / 8);
    else if (size === 16) {
      this.#code.i32(0xffff);
      this.#code.op("i32.and");
    }
    this.#resize(operand, width);
  }

  /**
   * Reverses the bytes of the number on the stack.
   *
   * @param size Its size in bytes: an i64 for 8, else the low bytes of an i32.
   */
  swap(size: number): void {
    const code = this.#code;
    const { a } = this.#places.scratch;
    if (size === 1) return;
    if (size === 8) {
      this.#exchange64(8n, 0x00ff_00ff_00ff_00ffn);
      this.#exchange64(16n, 0x0000_ffff_0000_ffffn);
      code.i64(32n);
      return code.op("i64.rotl");
    }
    code.op("i64.extend_i32_u");
    code.indexed("local.set", a);
    const part = (mask: number, rotate: "i32.rotl" | "i32.rotr") => {
      code.indexed("local.get", a);
      code.op("i32.wrap_i64");
      code.i32(mask);
      code.op("i32.and");
      code.i32(8);
      code.op(rotate);
    };
    part(0xff00ff00, "i32.rotl");
    part(0x00ff00ff, "i32.rotr");
    code.op("i32.or");
    if (size === 4) return;
    code.i32(16);
    code.op("i32.shr_u");
  }

  /** Exchanges neighbouring groups of bits of the i64 on the stack. */
  #exchange64(bits: bigint, mask: bigint): void {
    const code = this.#code;
    const { a } = this.#places.scratch;
    code.indexed("local.set", a);
    code.indexed("local.get", a);
    code.i64(bits);
    code.op("i64.shr_u");
    code.i64(mask);
    code.op("i64.and");
    code.indexed("local.get", a);
    code.i64(mask);
    code.op("i64.and");
    code.i64(bits);
    code.op("i64.shl");
    code.op("i64.or");
  }

  /**
   * Pushes 1 if a condition holds, else 0.
   *
   * @param fn The condition.
   * @param width Width in bits of the comparison.
   * @param a First operand.
   * @param b Second operand.
   */
  condition(fn: Cond, width: Width, a: Value, b: Value): void {
    this.push(a, width);
    if (b.op === "const" && b.imm === 0n && fn === "eq") {
      return this.#code.op(typed(width, "eqz"));
    }
    this.push(b, width);
    this.#code.op(typed(width, COMPARE[fn]));
    if (fn !== "set") return;
    this.#constant(0n, width);
    this.#code.op(typed(width, "ne"));
  }
}
