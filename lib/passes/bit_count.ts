/**
 * Counts of bits: the arithmetic and the loop that compilers and people write for it become one intrinsic.
 *
 * Before: the sum of bits in groups of 2, 4, 8, and a multiplication that adds up the bytes,
 *
 *     v1 = rsh.64 v0, 1; v2 = and.64 v1, 0x5555555555555555; v3 = sub.64 v0, v2
 *     v4 = and.64 v3, 0x3333333333333333; v5 = rsh.64 v3, 2; v6 = and.64 v5, 0x3333333333333333; v7 = add.64 v4, v6
 *     v8 = rsh.64 v7, 4; v9 = add.64 v7, v8; v10 = and.64 v9, 0x0f0f0f0f0f0f0f0f
 *     v11 = mul.64 v10, 0x0101010101010101; v12 = rsh.64 v11, 56
 *
 * After: `v12 = call intrinsic bits.count(v0)`. The same of 32 bits counts `zext v0`.
 *
 * The loop that clears one bit after the other (Wegner, 1960), `b1(n, x): x' = x & (x - 1); n' = n + 1; branch x' != 0`,
 * becomes `n + max(bits.count(x), 1)`. Nothing else may happen in it.
 *
 * @module
 */

import { Builder } from "../ir/builder.ts";
import { removeUnreachable, replaceUses } from "../ir/cfg.ts";
import type { Block, Edge, IrFunction, Value } from "../ir/function.ts";
import type { AluOp, Width } from "../isa/ops.ts";
import { sourceOf } from "./moves.ts";
import type { Pass, PassContext } from "./pass.ts";

/** The other operand of `fn` with a constant; null if the value is something else. */
function withConstant(value: Value, fn: AluOp, width: Width, constant: bigint): Value | null {
  if (value.op !== "alu" || value.fn !== fn || value.width !== width || value.core !== null) {
    return null;
  }
  const [a, b] = value.args;
  if (b.op !== "const") return null;
  return BigInt.asUintN(width, b.imm) === BigInt.asUintN(width, constant) ? a : null;
}

/** The operands of `fn`, in both orders; none if the value is something else. */
function operands(value: Value, fn: AluOp, width: Width): [Value, Value][] {
  if (value.op !== "alu" || value.fn !== fn || value.width !== width || value.core !== null) {
    return [];
  }
  const [a, b] = value.args;
  return [[a, b], [b, a]];
}

/** What a value counts the bits of by adding up groups; null if it is something else. */
function countedByGroups(value: Value): Value | null {
  if (value.op !== "alu") return null;
  const { width } = value;
  const product = withConstant(value, "rsh", width, BigInt(width - 8));
  const bytes = product && withConstant(product, "mul", width, 0x0101_0101_0101_0101n);
  const sum = bytes && withConstant(bytes, "and", width, 0x0f0f_0f0f_0f0f_0f0fn);
  if (sum === null) return null;
  const quads = operands(sum, "add", width)
    .find(([a, b]) => withConstant(b, "rsh", width, 4n) === a)?.[0];
  const threes = 0x3333_3333_3333_3333n;
  for (const [low, high] of quads === undefined ? [] : operands(quads, "add", width)) {
    const pairs = withConstant(low, "and", width, threes);
    const shifted = withConstant(high, "and", width, threes);
    if (pairs === null || shifted === null) continue;
    if (withConstant(shifted, "rsh", width, 2n) !== pairs) continue;
    const [difference] = operands(pairs, "sub", width);
    if (difference === undefined) continue;
    const odd = withConstant(difference[1], "and", width, 0x5555_5555_5555_5555n);
    if (odd !== null && withConstant(odd, "rsh", width, 1n) === difference[0]) return difference[0];
  }
  return null;
}

function count(builder: Builder, value: Value): Value {
  return builder.call({ kind: "intrinsic", name: "bits.count" }, [value]);
}

/** Replaces the arithmetic in a block; returns how often. */
function replaceGroups(fn: IrFunction, block: Block, table: (Value | undefined)[]): number {
  let replaced = 0;
  if (!block.insns.some((value) => countedByGroups(value) !== null)) return 0;
  const builder = new Builder(fn);
  for (const value of builder.rebuild(block)) {
    const bits = countedByGroups(value);
    if (bits === null) {
      builder.add(value);
      continue;
    }
    builder.pc = value.pc;
    table[value.id] = count(builder, value.width === 64 ? bits : builder.zext(bits));
    replaced++;
  }
  return replaced;
}

/** A loop that clears one bit of a value after the other, and counts them. */
interface ClearingLoop {
  readonly block: Block;
  readonly back: Edge;
  readonly exit: Edge;
  /** The place of the value among the parameters. */
  readonly bits: number;
  /** What steps up by 1: the place among the parameters and the next value. */
  readonly counters: readonly { readonly index: number; readonly next: Value }[];
  /** The value with one bit less. */
  readonly cleared: Value;
}

/** Whether a value is another with its lowest bit cleared. */
function clearsLowest(value: Value, equal: (value: Value) => Value): Value | null {
  for (const [a, b] of operands(value, "and", 64)) {
    const x = withConstant(b, "add", 64, -1n);
    if (x !== null && equal(x) === equal(a)) return equal(a);
  }
  return null;
}

function findClearingLoop(block: Block): ClearingLoop | null {
  const { term, params, preds, insns } = block;
  if (term!.op !== "branch" || preds.length !== 2 || insns.length > 8) return null;
  const back = term!.edges.find(({ to }) => to === block);
  const exit = term!.edges.find(({ to }) => to !== block);
  const entry = preds.find(({ from }) => from !== block);
  if (back === undefined || exit === undefined || entry === undefined) return null;
  const [cleared, zero] = term!.args;
  if (zero.op !== "const" || zero.imm !== 0n || term!.width !== 64) return null;
  if (term!.fn !== (term!.edges[0] === back ? "ne" : "eq")) return null;
  // Two parameters that get the same arguments are one.
  const equal = (value: Value): Value =>
    params.find((param, i) =>
      params.some((other, k) =>
        other === value && back.args[k] === back.args[i] &&
        sourceOf(entry.args[k]) === sourceOf(entry.args[i])
      ) && param.block === block
    ) ?? value;
  const bits = params.findIndex((param) => clearsLowest(cleared, equal) === param);
  if (bits < 0 || back.args[bits] !== cleared) return null;
  const counters: { index: number; next: Value }[] = [];
  for (let index = 0; index < params.length; index++) {
    const next = back.args[index];
    if (next === cleared && equal(params[index]) === params[bits]) continue;
    if (next.op !== "alu" || withConstant(next, "add", next.width, 1n) !== params[index]) {
      return null;
    }
    counters.push({ index, next });
  }
  const known = new Set([cleared, ...cleared.args, ...counters.map(({ next }) => next)]);
  return insns.every((value) => known.has(value))
    ? { block, back, exit, bits, counters, cleared }
    : null;
}

/** Whether the values of the loop that are used elsewhere are only those that it ends with. */
function endsClosed(fn: IrFunction, { block, cleared, counters }: ClearingLoop): boolean {
  const ends = new Set([cleared, ...counters.map(({ next }) => next)]);
  const closed = (args: readonly Value[]) => args.every((v) => v.block !== block || ends.has(v));
  return fn.blocks.every((other) =>
    other === block || other.insns.every((v) => closed(v.args)) && closed(other.term!.args) &&
      other.succs.every((edge) => closed(edge.args))
  ) && closed(block.succs.find(({ to }) => to !== block)!.args);
}

/** Makes a loop straight code: its parameters stay what they were at its start. */
function replaceLoop(fn: IrFunction, loop: ClearingLoop, table: (Value | undefined)[]): void {
  const { block, back, exit, bits, counters, cleared } = loop;
  const builder = new Builder(fn);
  for (const gone of builder.rebuild(block)) gone.block = null;
  builder.pc = block.term!.pc;
  const [value, one, zero] = [block.params[bits], fn.constant(1), fn.constant(0)];
  const ones = count(builder, value);
  // A value without bits goes through the loop once.
  const times = builder.select("eq", 64, value, zero, one, ones);
  table[cleared.id] = zero;
  for (const { index, next } of counters) {
    table[next.id] = builder.alu("add", next.width, block.params[index], times);
  }
  const term = block.term!;
  term.op = "jump";
  term.fn = "";
  term.width = 64;
  term.args = [];
  term.edges = [exit];
  block.preds = block.preds.filter((edge) => edge !== back);
}

function run(fn: IrFunction, context: PassContext): boolean {
  const table: (Value | undefined)[] = new Array(fn.valueCount);
  let replaced = 0, loops = 0;
  for (const block of fn.blocks) {
    replaced += replaceGroups(fn, block, table);
    const loop = loops < context.option("loops") ? findClearingLoop(block) : null;
    if (loop === null || !endsClosed(fn, loop)) continue;
    replaceLoop(fn, loop, table);
    loops++;
  }
  if (replaced + loops === 0) return false;
  replaceUses(fn, table);
  if (loops > 0) removeUnreachable(fn);
  context.count("counts of bits", replaced + loops);
  return true;
}

/** The pass. */
export const bitCount: Pass = {
  name: "bit-count",
  summary: "turns arithmetic and loops that count bits into one intrinsic",
  options: [
    {
      name: "loops",
      summary: "most loops that are replaced: each costs a look at the function",
      value: 64,
    },
  ],
  run,
};
