/**
 * What operations make of facts: the transfer functions of the range analysis, in the form and order in which the
 * verifier has them (kernel/bpf/verifier.c, adjust_scalar_min_max_vals), so that what is known here is known there.
 *
 * @module
 */

import type { Value } from "../../ir/function.ts";
import { type AluOp, UNARY, type UnaryOp } from "../../isa/ops.ts";
import type { Facts } from "./facts.ts";

/** How many low bits are known to be zero. */
function trailingZeros({ zeroLow, zeroHigh }: Facts): number {
  const low = trailingOnes(zeroLow);
  return low < 32 ? low : 32 + trailingOnes(zeroHigh);
}

function trailingOnes(word: number): number {
  const inverse = ~word;
  return inverse === 0 ? 32 : 31 - Math.clz32(inverse & -inverse);
}

/** Knows that so many low bits are zero. */
function setTrailingZeros(out: Facts, count: number): void {
  if (count <= 0) return;
  out.zeroLow |= count >= 32 ? -1 : (1 << count) - 1;
  if (count > 32) out.zeroHigh |= count >= 64 ? -1 : (1 << (count - 32)) - 1;
}

function add(out: Facts, a: Facts, b: Facts): void {
  const zeros = Math.min(trailingZeros(a), trailingZeros(b));
  const min = a.min + b.min, max = a.max + b.max;
  const signedMin = a.signedMin + b.signedMin, signedMax = a.signedMax + b.signedMax;
  out.between(min, max);
  if (out.max === Infinity) out.signedBetween(signedMin, signedMax);
  setTrailingZeros(out, zeros);
}

function sub(out: Facts, a: Facts, b: Facts): void {
  const zeros = Math.min(trailingZeros(a), trailingZeros(b));
  const min = a.min - b.max, max = a.max - b.min;
  const signedMin = a.signedMin - b.signedMax, signedMax = a.signedMax - b.signedMin;
  if (min >= 0) out.between(min, max);
  else out.signedBetween(signedMin, signedMax);
  setTrailingZeros(out, zeros);
}

function mul(out: Facts, a: Facts, b: Facts): void {
  const zeros = trailingZeros(a) + trailingZeros(b);
  const max = a.max === 0 || b.max === 0 ? 0 : a.max * b.max;
  out.between(a.min * b.min, max);
  setTrailingZeros(out, Math.min(zeros, 64));
}

function bitwise(out: Facts, fn: "and" | "or" | "xor", a: Facts, b: Facts): void {
  const { zeroLow, zeroHigh, oneLow, oneHigh, max } = a;
  const least = Math.min(max, b.max);
  const most = fn === "or" ? Math.max(a.min, b.min) : 0;
  out.clear();
  switch (fn) {
    case "and":
      out.zeroLow = zeroLow | b.zeroLow;
      out.zeroHigh = zeroHigh | b.zeroHigh;
      out.oneLow = oneLow & b.oneLow;
      out.oneHigh = oneHigh & b.oneHigh;
      out.max = least;
      break;
    case "or":
      out.zeroLow = zeroLow & b.zeroLow;
      out.zeroHigh = zeroHigh & b.zeroHigh;
      out.oneLow = oneLow | b.oneLow;
      out.oneHigh = oneHigh | b.oneHigh;
      out.min = most;
      break;
    case "xor":
      out.zeroLow = (zeroLow & b.zeroLow) | (oneLow & b.oneLow);
      out.zeroHigh = (zeroHigh & b.zeroHigh) | (oneHigh & b.oneHigh);
      out.oneLow = (zeroLow & b.oneLow) | (oneLow & b.zeroLow);
      out.oneHigh = (zeroHigh & b.oneHigh) | (oneHigh & b.zeroHigh);
  }
  out.settle();
}

/** A pair of words shifted left by less than 64. */
function shiftLeft(low: number, high: number, by: number): [low: number, high: number] {
  if (by === 0) return [low, high];
  if (by >= 32) return [0, low << (by - 32)];
  return [low << by, (high << by) | (low >>> (32 - by))];
}

function shiftRight(low: number, high: number, by: number): [low: number, high: number] {
  if (by === 0) return [low, high];
  if (by >= 32) return [(high >>> (by - 32)) | 0, 0];
  return [(low >>> by) | (high << (32 - by)), (high >>> by) | 0];
}

function shift(out: Facts, fn: "lsh" | "rsh" | "arsh", a: Facts, by: number): void {
  const { zeroLow, zeroHigh, oneLow, oneHigh, min, max, signedMin, signedMax } = a;
  out.clear();
  if (fn === "arsh") {
    if (a.max !== Infinity) return shift(out.set(a), "rsh", a, by);
    out.signedBetween(
      signedMin === -Infinity ? -(2 ** (63 - by)) : Math.floor(signedMin / 2 ** by),
      signedMax === Infinity ? 2 ** (63 - by) - 1 : Math.floor(signedMax / 2 ** by),
    );
    return;
  }
  const move = fn === "lsh" ? shiftLeft : shiftRight;
  [out.oneLow, out.oneHigh] = move(oneLow, oneHigh, by);
  // What is shifted in is zero.
  const [low, high] = move(~zeroLow, ~zeroHigh, by);
  out.zeroLow = ~low;
  out.zeroHigh = ~high;
  const factor = 2 ** by;
  if (fn === "rsh") {
    out.min = Math.floor(min / factor);
    if (max !== Infinity) out.max = Math.floor(max / factor);
  } else if (max * factor <= Number.MAX_SAFE_INTEGER) {
    out.min = min * factor;
    out.max = max * factor;
  }
  out.settle();
}

/** What 64-bit arithmetic makes of facts; `out` may be one of the operands. */
function arithmetic(out: Facts, fn: AluOp, a: Facts, b: Facts): void {
  switch (fn) {
    case "add":
      return add(out, a, b);
    case "sub":
      return sub(out, a, b);
    case "mul":
      return mul(out, a, b);
    case "and":
    case "or":
    case "xor":
      return bitwise(out, fn, a, b);
    case "lsh":
    case "rsh":
    case "arsh":
      if (b.isConstant) return shift(out, fn, a, b.oneLow & 63);
      if (fn === "rsh") out.between(0, a.max);
      else out.clear();
      return;
    case "div":
      // A division by zero gives zero.
      out.between(0, b.min > 0 ? Math.floor(a.max / b.min) : a.max);
      return;
    case "mod":
      // A modulo by zero gives the dividend.
      out.between(0, b.min > 0 ? Math.min(a.max, b.max - 1) : a.max);
      return;
    default:
      out.clear();
  }
}

/** A 32-bit operation looks at the low halves and extends its result with zeros. */
function narrow(out: Facts, fn: AluOp, a: Facts, b: Facts): void {
  if (fn === "arsh") {
    // The sign is bit 31; without it, the shift is a plain one.
    if ((a.truncate().zeroLow & 0x8000_0000) !== 0 && b.isConstant) {
      shift(out, "rsh", a, b.oneLow & 31);
    } else out.clear();
  } else if ((fn === "lsh" || fn === "rsh") && b.isConstant) {
    shift(out, fn, a.truncate(), b.oneLow & 31);
  } else if (fn === "lsh" || fn === "sdiv" || fn === "smod") out.clear();
  else arithmetic(out, fn, a.truncate(), b.truncate());
  out.truncate();
}

function signExtended(out: Facts, bits: number, width: number, a: Facts): void {
  const half = 2 ** (bits - 1);
  if (a.max < half) out.set(a);
  else if (a.signedMin >= -half && a.signedMax < half) out.set(a);
  else out.signedBetween(-half, half - 1);
  if (width === 32) out.truncate();
}

function unary(out: Facts, fn: UnaryOp, width: number): void {
  const { bits } = UNARY[fn];
  out.clear();
  if (bits === 16 || bits === 32) out.between(0, 2 ** bits - 1);
  else if (width === 32 && bits === 0) out.truncate();
}

/**
 * Computes the facts about an instruction from those about its operands.
 *
 * @param value An instruction.
 * @param a Facts about its first operand; overwritten.
 * @param b Facts about its second operand; overwritten.
 * @param out The result; nothing is known of an operation that is not understood.
 */
export function transfer(value: Value, a: Facts, b: Facts, out: Facts): void {
  const { size } = value;
  // What CO-RE patches may get another immediate or another size.
  if (value.core !== null) return void out.clear();
  switch (value.op) {
    case "copy":
      return void out.set(a);
    case "zext":
      return void out.set(a).truncate();
    case "sext":
      return signExtended(out, value.sign, value.width, a);
    case "alu":
      return (value.width === 32 ? narrow : arithmetic)(out, value.fn as AluOp, a, b);
    case "unary":
      return unary(out, value.fn as UnaryOp, value.width);
    case "load":
    case "packet":
    case "atomic":
      if (value.sign !== 0) out.signedBetween(-(2 ** (value.sign - 1)), 2 ** (value.sign - 1) - 1);
      else if (size < 8) out.between(0, 2 ** (8 * size) - 1);
      else out.clear();
      return;
    default:
      out.clear();
  }
}
