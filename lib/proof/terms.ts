/**
 * Terms with all arithmetic, comparisons and choices.
 *
 * @module
 */

import type { AluOp, Cond, Width } from "../isa/ops.ts";
import { bitLength, isPowerOfTwo, mask, MASK64, trailingZeros } from "./bits.ts";
import { LinearTerms, type Node, type Term } from "./linear_terms.ts";

const SIGN64 = 1n << 63n;

/** A store of interned terms. */
export class Terms extends LinearTerms {
  protected override bitsOfOperation(node: Node, low: number, count: number): Term | null {
    switch (node.op) {
      case "and":
      case "or":
      case "xor": {
        const [a, b] = node.args.map((arg) => this.bits(arg, low, count));
        return this.#bitwise(node.op, a, b);
      }
      case "select": {
        const [condition, a, b] = node.args;
        return this.select(condition, this.bits(a, low, count), this.bits(b, low, count));
      }
      default:
        return null;
    }
  }

  /**
   * Binary arithmetic.
   *
   * @param fn The operation.
   * @param width Its width in bits; 32 zero-extends.
   * @param a The first operand.
   * @param b The second operand.
   * @returns The term.
   */
  alu(fn: AluOp, width: Width, a: Term, b: Term): Term {
    switch (fn) {
      case "add":
        return this.bits(this.add(a, b), 0, width);
      case "sub":
        return this.bits(this.add(a, b, -1n), 0, width);
      case "mul":
        return this.bits(this.#multiply(a, b), 0, width);
      case "and":
      case "or":
      case "xor":
        return this.#bitwise(fn, this.bits(a, 0, width), this.bits(b, 0, width));
      case "lsh":
      case "rsh":
      case "arsh":
        return this.#shift(fn, width, a, b);
      default:
        return this.#divide(fn, width, a, b);
    }
  }

  #multiply(a: Term, b: Term): Term {
    const x = this.value(a), y = this.value(b);
    if (y !== null) return this.scale(a, y);
    if (x !== null) return this.scale(b, x);
    return this.operation("mul", [Math.min(a, b), Math.max(a, b)], MASK64);
  }

  #bitwise(fn: "and" | "or" | "xor", a: Term, b: Term): Term {
    if (a === b) return fn === "xor" ? this.constant(0n) : a;
    const x = this.value(a), y = this.value(b);
    if (x !== null) return this.#bitwiseConstant(fn, b, x);
    if (y !== null) return this.#bitwiseConstant(fn, a, y);
    const p = this.possible(a), q = this.possible(b);
    if ((p & q) === 0n) return fn === "and" ? this.constant(0n) : this.add(a, b);
    const possible = fn === "and" ? p & q : p | q;
    return this.operation(fn, [Math.min(a, b), Math.max(a, b)], possible);
  }

  #bitwiseConstant(fn: "and" | "or" | "xor", a: Term, constant: bigint): Term {
    if (fn === "and") return this.masked(a, constant);
    const rest = fn === "or" ? this.masked(a, ~constant & MASK64) : a;
    const { possible } = this.node(rest);
    if ((possible & constant) === 0n) return this.add(rest, this.constant(constant));
    if ((possible & ~constant) === 0n && possible === constant) {
      return this.add(this.constant(constant), rest, -1n);
    }
    if (constant === MASK64) return this.add(this.constant(MASK64), rest, -1n);
    return this.operation("xor", [rest, this.constant(constant)], possible | constant);
  }

  #shift(fn: "lsh" | "rsh" | "arsh", width: Width, a: Term, b: Term): Term {
    const amount = this.bits(b, 0, width === 64 ? 6 : 5);
    const by = this.value(amount);
    if (by === null) {
      const operand = fn === "lsh" ? a : this.bits(a, 0, width);
      if (fn === "lsh") return this.bits(this.operation("lsh", [a, amount], MASK64), 0, width);
      const possible = fn === "rsh" ? mask(bitLength(this.possible(operand))) : mask(width);
      return this.operation(`${fn}.${width}`, [operand, amount], possible);
    }
    const n = Number(by);
    if (fn === "lsh") return this.bits(this.scale(a, 1n << by), 0, width);
    const field = this.bits(a, n, width - n);
    return fn === "rsh" ? field : this.bits(this.sext(field, width - n), 0, width);
  }

  #divide(fn: "div" | "mod" | "sdiv" | "smod", width: Width, a: Term, b: Term): Term {
    const x = this.bits(a, 0, width), y = this.bits(b, 0, width);
    const divisor = this.value(y);
    if (fn === "div" || fn === "mod") {
      if (divisor !== null && isPowerOfTwo(divisor)) {
        const by = trailingZeros(divisor);
        return fn === "div" ? this.bits(x, by, 64 - by) : this.bits(x, 0, by);
      }
      return this.operation(fn, [x, y], mask(bitLength(this.possible(x))));
    }
    return this.operation(`${fn}.${width}`, [x, y], mask(width));
  }

  /** Whether a term is 0 or 1. */
  #isBoolean(term: Term): boolean {
    return this.possible(term) <= 1n;
  }

  /**
   * @param condition A term that is 0 or 1.
   * @returns The other one.
   */
  not(condition: Term): Term {
    return this.add(this.constant(1n), condition, -1n);
  }

  /**
   * Parts a condition into an atom or operation and whether it is negated.
   *
   * @param condition A term that is 0 or 1.
   * @returns Both.
   */
  literal(condition: Term): { readonly term: Term; readonly negated: boolean } {
    const { op, args, factors, constant } = this.node(condition);
    const negated = op === "sum" && constant === 1n && args.length === 1 && factors[0] === MASK64;
    return negated ? { term: args[0], negated } : { term: condition, negated: false };
  }

  /**
   * A comparison.
   *
   * @param fn The condition.
   * @param width Its width in bits.
   * @param a The first operand.
   * @param b The second operand.
   * @returns A term that is 1 if it holds, else 0.
   */
  compare(fn: Cond, width: Width, a: Term, b: Term): Term {
    if (fn === "set") {
      const both = this.#bitwise("and", this.bits(a, 0, width), this.bits(b, 0, width));
      return this.not(this.#isZero(both));
    }
    const signed = fn.startsWith("s");
    const x = signed ? this.sext(a, width) : this.bits(a, 0, width);
    const y = signed ? this.sext(b, width) : this.bits(b, 0, width);
    switch (fn) {
      case "eq":
        return this.#isZero(this.add(x, y, -1n));
      case "ne":
        return this.not(this.#isZero(this.add(x, y, -1n)));
      case "lt":
      case "slt":
        return this.#less(x, y, signed);
      case "gt":
      case "sgt":
        return this.#less(y, x, signed);
      case "ge":
      case "sge":
        return this.not(this.#less(x, y, signed));
      case "le":
      case "sle":
        return this.not(this.#less(y, x, signed));
    }
  }

  #isZero(difference: Term): Term {
    const value = this.value(difference);
    if (value !== null) return this.constant(value === 0n ? 1n : 0n);
    const { base, offset } = this.split(difference);
    for (const [part, number] of [[base, -offset], [this.scale(base, -1n), offset]] as const) {
      const { possible } = this.node(part);
      if ((BigInt.asUintN(64, number) & ~possible) !== 0n) return this.constant(0n);
      if (this.#isBoolean(part)) return number === 0n ? this.not(part) : part;
    }
    const opposite = this.scale(difference, -1n);
    return this.operation("zero", [Math.min(difference, opposite)], 1n);
  }

  /** Bounds of a term as a signed number. */
  #signedRange(term: Term): readonly [bigint, bigint] {
    const { op, count, possible } = this.node(term);
    const value = this.value(term);
    if (value !== null) return [BigInt.asIntN(64, value), BigInt.asIntN(64, value)];
    if ((possible & SIGN64) === 0n) return [0n, possible];
    const half = 1n << BigInt((op === "sext" ? count : 64) - 1);
    return [-half, half - 1n];
  }

  #less(a: Term, b: Term, signed: boolean): Term {
    if (a === b) return this.constant(0n);
    const p = this.possible(a), q = this.possible(b);
    if (signed && ((p | q) & SIGN64) === 0n) return this.#less(a, b, false);
    const [least, most] = this.#signedRange(a), [from, to] = this.#signedRange(b);
    if (signed && most < from) return this.constant(1n);
    if (signed && least >= to) return this.constant(0n);
    const flip = signed ? SIGN64 : 0n;
    const x = this.value(a), y = this.value(b);
    if (x !== null && y !== null) return this.constant((x ^ flip) < (y ^ flip) ? 1n : 0n);
    if (!signed) {
      if (y === 0n) return this.constant(0n);
      if (y === 1n) return this.#isZero(a);
      if (x === 0n) return this.not(this.#isZero(b));
      if (y !== null && p < y) return this.constant(1n);
      if (x !== null && q <= x) return this.constant(0n);
    }
    if (x !== null) {
      // c < b is not b < c + 1; nothing is above the greatest number.
      if ((x ^ flip) === MASK64) return this.constant(0n);
      return this.not(this.#less(b, this.constant(x + 1n), signed));
    }
    return this.operation(signed ? "slt" : "lt", [a, b], 1n);
  }

  /**
   * A choice.
   *
   * @param condition A term that is 0 or 1.
   * @param a The result if it is 1.
   * @param b The result if it is 0.
   * @returns The term.
   */
  select(condition: Term, a: Term, b: Term): Term {
    const value = this.value(condition);
    if (value !== null) return value === 0n ? b : a;
    if (a === b) return a;
    const { term, negated } = this.literal(condition);
    if (negated) return this.select(term, b, a);
    if (this.value(a) === 1n && this.value(b) === 0n) return term;
    if (this.value(a) === 0n && this.value(b) === 1n) return this.not(term);
    return this.operation(
      "select",
      [term, a, b],
      this.possible(a) | this.possible(b),
    );
  }
}
