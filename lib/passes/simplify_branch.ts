/**
 * Peepholes of branches: those that always go one way, and cheaper comparisons.
 *
 * @module
 */

import type { Edge, Terminator, Value } from "../ir/function.ts";
import { COND, type Cond, evalCond } from "../isa/ops.ts";
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
 * The way that a branch always goes.
 *
 * @param term A `branch`.
 * @param peephole What may be looked at.
 * @returns The edge; null if it may go either way.
 */
export function decidedEdge(term: Terminator, { ranges }: Peephole): Edge | null {
  const { args: [a, b], width, edges } = term;
  const fn = term.fn as Cond;
  if (a.op === "const" && b.op === "const") {
    return edges[evalCond(fn, width, a.imm, b.imm) ? 0 : 1];
  }
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
  const holds = decide(fn, left, right);
  return holds === null ? null : edges[holds ? 0 : 1];
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
 * Gives a branch a cheaper comparison.
 *
 * @param term A `branch`; changed in place.
 * @param peephole What may be looked at.
 * @returns Whether it changed.
 */
export function simplifyBranch(term: Terminator, peephole: Peephole): boolean {
  const [a, b] = term.args;
  if (
    a.op === "const" && b.op !== "const" && COND[term.fn as Cond].version <= peephole.context.cpu
  ) {
    term.args = [b, a];
    term.fn = COND[term.fn as Cond].swapped;
    return true;
  }
  const narrowed = narrow(term, peephole);
  return testBits(term, peephole) || narrowed;
}
