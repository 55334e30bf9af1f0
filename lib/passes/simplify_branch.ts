/**
 * Peepholes of branches: those that always go one way, and cheaper comparisons.
 *
 * @module
 */

import type { Edge, Terminator, Value } from "../ir/function.ts";
import { COND, type Cond, evalCond, type Width } from "../isa/ops.ts";
import { Facts } from "./analysis/facts.ts";
import { constantOf, isNumber, type Peephole } from "./simplify_alu.ts";

const left = new Facts(), right = new Facts();

/** Whether a comparison holds by what is known of its operands; null if that decides nothing. */
function decide(fn: Cond, a: Facts, b: Facts): boolean | null {
  const always = (yes: boolean, no: boolean): boolean | null => yes ? true : no ? false : null;
  switch (fn) {
    case "eq":
    case "ne": {
      const differ = a.max < b.min || b.max < a.min || a.signedMax < b.signedMin ||
        b.signedMax < a.signedMin || (a.oneLow & b.zeroLow) !== 0 || (b.oneLow & a.zeroLow) !== 0 ||
        (a.oneHigh & b.zeroHigh) !== 0 || (b.oneHigh & a.zeroHigh) !== 0;
      return differ ? fn === "ne" : null;
    }
    case "set": {
      const none = (~a.zeroLow & ~b.zeroLow) === 0 && (~a.zeroHigh & ~b.zeroHigh) === 0;
      return always((a.oneLow & b.oneLow) !== 0 || (a.oneHigh & b.oneHigh) !== 0, none);
    }
    case "gt":
      return always(a.min > b.max, a.max <= b.min);
    case "ge":
      return always(a.min >= b.max, a.max < b.min);
    case "lt":
      return always(a.max < b.min, a.min >= b.max);
    case "le":
      return always(a.max <= b.min, a.min > b.max);
    case "sgt":
      return always(a.signedMin > b.signedMax, a.signedMax <= b.signedMin);
    case "sge":
      return always(a.signedMin >= b.signedMax, a.signedMax < b.signedMin);
    case "slt":
      return always(a.signedMax < b.signedMin, a.signedMin >= b.signedMax);
    case "sle":
      return always(a.signedMax <= b.signedMin, a.signedMin > b.signedMax);
  }
}

/**
 * Whether a comparison holds whatever the program does.
 *
 * @param fn The condition.
 * @param width Width in bits of the comparison.
 * @param a First operand.
 * @param b Second operand.
 * @param peephole What may be looked at.
 * @returns True or false; null if it may go either way.
 */
function decided(
  fn: Cond,
  width: Width,
  a: Value,
  b: Value,
  { ranges }: Peephole,
): boolean | null {
  if (a.op === "const" && b.op === "const") return evalCond(fn, width, a.imm, b.imm);
  if (!isNumber(a) && !isNumber(b)) return null;
  ranges.facts(a, left);
  ranges.facts(b, right);
  if (width === 32) {
    left.truncate();
    right.truncate();
    // The sign of a 32-bit number is bit 31, which an unsigned bound says nothing of.
    if (fn.startsWith("s") && fn !== "set" && !(left.max < 2 ** 31 && right.max < 2 ** 31)) {
      return null;
    }
  }
  return decide(fn, left, right);
}

/**
 * The way that a branch always goes.
 *
 * @param term A `branch`.
 * @param peephole What may be looked at.
 * @returns The edge; null if it may go either way.
 */
export function decidedEdge(term: Terminator, peephole: Peephole): Edge | null {
  const { args: [a, b], width, edges } = term;
  const holds = decided(term.fn as Cond, width, a, b, peephole);
  return holds === null ? null : edges[holds ? 0 : 1];
}

/**
 * The value that a `select` always gives.
 *
 * @param value A `select`.
 * @param peephole What may be looked at.
 * @returns The value; null if it may be either.
 */
export function simplifySelect(value: Value, peephole: Peephole): Value | null {
  const { args: [a, b, x, y], width } = value;
  if (x === y) return x;
  const holds = decided(value.fn as Cond, width, a, b, peephole);
  return holds === null ? null : holds ? x : y;
}

/** A zero extension that nothing else reads, of a number. */
function extended(value: Value, { uses }: Peephole): boolean {
  return value.op === "zext" && value.core === null && uses[value.id] === 1;
}

/** Compares low halves where the high ones are zero. */
function narrow(term: Terminator, peephole: Peephole): boolean {
  const [a, b] = term.args;
  const c = constantOf(b);
  if (term.width !== 64 || peephole.context.cpu < 3 || c === null || c > 0x7fff_ffffn) return false;
  const signed = term.fn.startsWith("s") && term.fn !== "set";
  const signExtension = a.op === "sext" && a.sign === 32 && a.width === 64 && a.core === null &&
    peephole.uses[a.id] === 1 && (signed || term.fn === "eq" || term.fn === "ne");
  if (!signExtension && (signed || !extended(a, peephole))) return false;
  term.args = [a.args[0], b];
  term.width = 32;
  return true;
}

/** `(x & c) != 0` is `x set c`. */
function testBits(term: Terminator, { uses }: Peephole): boolean {
  const [a, b] = term.args;
  if (term.fn !== "ne" || constantOf(b) !== 0n) return false;
  if (a.op !== "alu" || a.fn !== "and" || a.core !== null || uses[a.id] !== 1) return false;
  if (a.width !== term.width) return false;
  const mask = constantOf(a.args[1]);
  if (mask === null || BigInt.asUintN(64, BigInt.asIntN(32, mask)) !== mask) return false;
  term.fn = "set";
  term.args = [a.args[0], a.args[1]];
  return true;
}

/**
 * `(a < b ? x : y) == c` is `a < b`, or its opposite, where x and y tell the two cases apart. Not for the kernel, whose
 * verifier would no longer see that a pointer is not null.
 */
function throughSelect(term: Terminator, peephole: Peephole): boolean {
  const [choice, c] = term.args;
  if (peephole.context.target !== "vm") return false;
  if (choice.op !== "select" || (term.fn !== "eq" && term.fn !== "ne")) return false;
  const [a, b, x, y] = choice.args;
  const taken = decided(term.fn, term.width, x, c, peephole);
  const other = decided(term.fn, term.width, y, c, peephole);
  if (taken === null || other === null || taken === other) return false;
  const { inverse } = COND[choice.fn as Cond];
  if (!taken && inverse === null) return false;
  term.fn = taken ? choice.fn as Cond : inverse!;
  term.width = choice.width;
  term.args = [a, b];
  return true;
}

/**
 * Gives a branch a cheaper comparison.
 *
 * @param term A `branch`; changed in place.
 * @param peephole What may be looked at.
 * @returns Whether it changed.
 */
export function simplifyBranch(term: Terminator, peephole: Peephole): boolean {
  const chosen = throughSelect(term, peephole);
  const [a, b] = term.args;
  if (
    a.op === "const" && b.op !== "const" && COND[term.fn as Cond].version <= peephole.context.cpu
  ) {
    term.args = [b, a];
    term.fn = COND[term.fn as Cond].swapped;
    return true;
  }
  const narrowed = narrow(term, peephole);
  return testBits(term, peephole) || narrowed || chosen;
}
