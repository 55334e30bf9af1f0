/**
 * Peepholes of arithmetic, by operation. Each looks at one instruction and either names a value that equals it, or
 * changes the instruction in place to a cheaper one, or leaves it.
 *
 * @module
 */

import type { IrFunction, Value, ValueOp } from "../ir/function.ts";
import {
  type AluOp,
  evalAlu,
  evalUnary,
  signExtend,
  type UnaryOp,
  type Width,
} from "../isa/ops.ts";
import { Facts } from "./analysis/facts.ts";
import type { Ranges } from "./analysis/ranges.ts";
import type { PassContext } from "./pass.ts";

/** What peepholes may look at. */
export interface Peephole {
  /** The function. */
  readonly fn: IrFunction;
  /** What is known of the machine. */
  readonly context: PassContext;
  /** Ranges as the pass found the function. */
  readonly ranges: Ranges;
  /** Number of uses by value id, as the pass found them. */
  readonly uses: Int32Array;
}

const MASK = 0xffff_ffff_ffff_ffffn;
const MASK32 = 0xffff_ffffn;

/**
 * The constant that a value is.
 *
 * @param value A value.
 * @param width How many low bits count.
 * @returns Its pattern; null if it is no constant.
 */
export function constantOf(value: Value, width: Width = 64): bigint | null {
  if (value.op !== "const") return null;
  return width === 64 ? value.imm : value.imm & MASK32;
}

/**
 * Turns an instruction into another one; it keeps its place, its source line and its register.
 *
 * @param value The instruction.
 * @param op The operation.
 * @param args The operands.
 * @param fn Which operation of its kind.
 * @param width Its width in bits.
 */
export function become(
  value: Value,
  op: ValueOp,
  args: Value[],
  fn: string = "",
  width: Width = 64,
): void {
  value.op = op;
  value.args = args;
  value.fn = fn;
  value.width = width;
  value.sign = 0;
  value.off = 0;
  value.size = 0;
}

/**
 * Whether a value is surely a number and no pointer, on which 32-bit arithmetic is forbidden. What the verifier only
 * allows on numbers gives numbers.
 *
 * @param value A value.
 * @returns Whether it is known to be a number.
 */
export function isNumber(value: Value): boolean {
  switch (value.op) {
    case "const":
    case "core":
    case "zext":
    case "sext":
    case "unary":
      return true;
    case "load":
      return value.size < 4 || value.sign !== 0;
    case "alu":
      return value.width === 32 || value.fn !== "add" && value.fn !== "sub" ||
        value.fn === "sub" && value.args[0].op === "const";
    default:
      return false;
  }
}

/** The exponent of a power of two, -1 for other numbers. */
function exponent(value: bigint): number {
  if (value <= 0n || (value & (value - 1n)) !== 0n) return -1;
  return value.toString(2).length - 1;
}

/** A number as an immediate of 64-bit arithmetic. */
const fits = (value: bigint): boolean => BigInt.asUintN(64, BigInt.asIntN(32, value)) === value;

/** The operand as it is after an operation that changes nothing: of 32 bits, its low half. */
function unchanged(value: Value, operand: Value, { ranges }: Peephole): Value | null {
  if (value.width === 64 || ranges.knownZeroHigh(operand)) return operand;
  become(value, "zext", [operand]);
  return null;
}

/** Shifts left and then right by one amount: what is left is an extension of low bits. */
function shiftPair(value: Value, inner: Value, by: number, peephole: Peephole): Value | null {
  const { fn } = peephole;
  const kept = 64 - by;
  const source = inner.args[0];
  if (value.fn === "arsh") {
    if (kept !== 8 && kept !== 16 && kept !== 32) return null;
    // Without the instruction, the two shifts are what a sign extension is lowered to.
    if (peephole.context.cpu < 4 && peephole.uses[inner.id] > 1) return null;
    become(value, "sext", [source]);
    value.sign = kept;
    return null;
  }
  if (kept === 32) {
    if (peephole.ranges.knownZeroHigh(source)) return source;
    become(value, "zext", [source]);
  } else if (kept < 32) {
    become(value, "alu", [source, fn.constant((1n << BigInt(kept)) - 1n)], "and");
  }
  return null;
}

function simplifyShift(value: Value, by: number, peephole: Peephole): Value | null {
  const { args: [a], width, fn } = value;
  const { op, args: [source, amount] } = a;
  if (by === 0) return unchanged(value, a, peephole);
  if (op !== "alu" || a.width !== width || a.core !== null || amount.op !== "const") return null;
  const inner = Number(amount.imm & BigInt(width - 1));
  if (a.fn === "lsh" && fn !== "lsh" && inner === by && width === 64) {
    return shiftPair(value, a, by, peephole);
  }
  if (a.fn === "rsh" && fn === "lsh" && inner === by) {
    const mask = BigInt.asUintN(width, MASK << BigInt(by));
    if (width === 64 ? fits(mask) : true) {
      become(value, "alu", [source, peephole.fn.constant(mask)], "and", width);
    }
    return null;
  }
  if (a.fn === fn && inner + by < width) {
    value.args = [source, peephole.fn.constant(inner + by)];
  }
  return null;
}

/** `(x + c1) + c2`, where nothing else needs the inner sum. */
function simplifyAdd(value: Value, c: bigint, peephole: Peephole): Value | null {
  const { args: [a], width } = value;
  if (c === 0n) return unchanged(value, a, peephole);
  if (a.op !== "alu" || a.core !== null || a.width !== width || a.fn !== "add") return null;
  const inner = constantOf(a.args[1], width);
  if (inner === null || peephole.uses[a.id] > 1 && a.args[0].op !== "frame") return null;
  const sum = BigInt.asUintN(width, inner + c);
  if (width === 64 && !fits(sum)) return null;
  value.args = [a.args[0], peephole.fn.constant(sum)];
  return sum === 0n ? unchanged(value, a.args[0], peephole) : null;
}

function simplifyAnd(value: Value, c: bigint, peephole: Peephole): Value | null {
  const { args: [a], width } = value;
  if (c === 0n) return peephole.fn.constant(0);
  const { zeroLow, zeroHigh } = peephole.ranges.facts(a, scratch);
  const low = Number(BigInt.asIntN(32, ~c)), high = Number(BigInt.asIntN(32, ~c >> 32n));
  // Bits that it would clear are zero already.
  if ((low & ~zeroLow) === 0 && (width === 32 || (high & ~zeroHigh) === 0)) {
    return unchanged(value, a, peephole);
  }
  if (c === MASK32 && width === 64) {
    become(value, "zext", [a]);
    return null;
  }
  if (a.op !== "alu" || a.fn !== "and" || a.width !== width || a.core !== null) return null;
  const inner = constantOf(a.args[1], width);
  if (inner === null || width === 64 && !fits(inner & c)) return null;
  value.args = [a.args[0], peephole.fn.constant(inner & c)];
  return null;
}

const scratch = new Facts();

/** `x fn constant`. */
function withConstant(value: Value, c: bigint, peephole: Peephole): Value | null {
  const { args: [a], width } = value;
  const { fn } = peephole;
  const power = exponent(c);
  switch (value.fn as AluOp) {
    case "add":
      return simplifyAdd(value, c, peephole);
    case "sub": {
      const negated = BigInt.asUintN(width, -c);
      if (width === 64 && !fits(negated)) return null;
      become(value, "alu", [a, fn.constant(negated)], "add", width);
      return simplifyAdd(value, negated, peephole);
    }
    case "or":
    case "xor":
      return c === 0n ? unchanged(value, a, peephole) : null;
    case "and":
      return simplifyAnd(value, c, peephole);
    case "mul":
      if (c === 0n) return fn.constant(0);
      if (c === 1n) return unchanged(value, a, peephole);
      if (power > 0) become(value, "alu", [a, fn.constant(power)], "lsh", width);
      return null;
    case "div":
      if (c === 1n) return unchanged(value, a, peephole);
      if (power > 0) become(value, "alu", [a, fn.constant(power)], "rsh", width);
      return null;
    case "mod":
      if (c === 1n) return fn.constant(0);
      if (power > 0 && power < 32) {
        become(value, "alu", [a, fn.constant(c - 1n)], "and", width);
        return simplifyAnd(value, c - 1n, peephole);
      }
      return null;
    case "lsh":
    case "rsh":
    case "arsh":
      return simplifyShift(value, Number(c & BigInt(width - 1)), peephole);
    default:
      return null;
  }
}

/**
 * Simplifies binary arithmetic.
 *
 * @param value The instruction.
 * @param peephole What may be looked at.
 * @returns A value that equals it; null if it stays, perhaps changed.
 */
export function simplifyAlu(value: Value, peephole: Peephole): Value | null {
  const { width } = value;
  const fn = value.fn as AluOp;
  const [a, b] = value.args;
  const left = constantOf(a), right = constantOf(b, width);
  if (left !== null && right !== null) {
    return peephole.fn.constant(evalAlu(fn, width, left, right));
  }
  if (
    left !== null && (fn === "add" || fn === "mul" || fn === "and" || fn === "or" || fn === "xor")
  ) {
    value.args = [b, a];
    return withConstant(value, constantOf(a, width)!, peephole);
  }
  if (right !== null) return withConstant(value, right, peephole);
  if (a !== b) return null;
  if (fn === "sub" || fn === "xor") return peephole.fn.constant(0);
  return fn === "and" || fn === "or" ? unchanged(value, a, peephole) : null;
}

/** 64-bit operations whose low half depends on the low halves of their operands only. */
const LOW_ONLY: readonly string[] = ["add", "sub", "mul", "and", "or", "xor"];

/**
 * Simplifies a zero extension.
 *
 * @param value The instruction.
 * @param peephole What may be looked at.
 * @returns A value that equals it; null if it stays, perhaps changed.
 */
export function simplifyZext(value: Value, peephole: Peephole): Value | null {
  const [a] = value.args;
  const c = constantOf(a, 32);
  if (c !== null) return peephole.fn.constant(c);
  if (peephole.ranges.knownZeroHigh(a)) return a;
  if (a.op !== "alu" || a.core !== null || peephole.uses[a.id] > 1) return null;
  const [x, y] = a.args;
  const shifts = a.fn === "lsh" && y.op === "const" && (y.imm & 63n) < 32n;
  if (!shifts && !LOW_ONLY.includes(a.fn) || !isNumber(x) || !isNumber(y)) return null;
  if (y.op === "core") return null;
  become(value, "alu", [x, y], a.fn, 32);
  return null;
}

/**
 * Simplifies a sign extension.
 *
 * @param value The instruction.
 * @param peephole What may be looked at.
 * @returns A value that equals it; null if it stays, perhaps changed.
 */
export function simplifySext(value: Value, peephole: Peephole): Value | null {
  const { args: [a], sign, width } = value;
  const c = constantOf(a);
  if (c !== null) return peephole.fn.constant(signExtend(c, sign, width));
  const facts = peephole.ranges.facts(a, scratch);
  const half = 2 ** (sign - 1);
  if (facts.max < half) return a;
  if (width === 64 && facts.signedMin >= -half && facts.signedMax < half) return a;
  const { cpu } = peephole.context;
  const loads = a.op === "load" && a.core === null && a.sign === 0 && a.size * 8 === sign;
  if (loads && cpu >= 4 && width === 64 && peephole.uses[a.id] === 1) {
    // The extension moves into the load, which then is this value.
    a.sign = sign;
    peephole.ranges.forget(a);
    return a;
  }
  return null;
}

/**
 * Simplifies negation and byte swaps.
 *
 * @param value The instruction.
 * @param peephole What may be looked at.
 * @returns A value that equals it; null if it stays.
 */
export function simplifyUnary(value: Value, peephole: Peephole): Value | null {
  const c = constantOf(value.args[0]);
  if (c === null) return null;
  const big = peephole.context.order === "big";
  return peephole.fn.constant(evalUnary(value.fn as UnaryOp, value.width, c, big));
}
