/**
 * Loops of one block that count: what steps by a constant, and how often the loop runs.
 *
 * A loop `b1(i): …; i' = add.64 i, step; branch.64.ne i', bound, b1(i'), b2` runs `(bound - start) / step` times; an
 * {@link CountedLoop.affine} value moves by the same amount with every iteration.
 *
 * @module
 */

import type { Builder } from "../../ir/builder.ts";
import type { Block, Edge, Value, ValueOp } from "../../ir/function.ts";
import { COND, type Cond } from "../../isa/ops.ts";
import { sourceOf } from "../moves.ts";

const MASK32 = 0xffff_ffffn;
/** The greatest number that is the same, signed or not, at both widths. */
const SMALL = 0x7fff_ffffn;

/** A parameter that steps by a constant. */
interface Induction {
  /** Its value in the first iteration. */
  readonly start: Value;
  /** What is added in each, a signed number. */
  readonly step: bigint;
  /** Width in bits of the addition. */
  readonly width: 32 | 64;
}

/** How often a loop runs: a number, or the difference of two values. */
export type TripCount =
  | { readonly kind: "constant"; readonly count: bigint }
  | { readonly kind: "difference"; readonly above: Value; readonly below: Value };

/** A step of a constant: `add x, c` or `sub x, c`. */
function stepOf(next: Value, param: Value): bigint | null {
  if (next.op !== "alu" || next.core !== null || next.args[0] !== param) return null;
  const [, by] = next.args;
  if (by.op !== "const") return null;
  const amount = BigInt.asIntN(next.width, by.imm);
  return next.fn === "add" ? amount : next.fn === "sub" ? -amount : null;
}

/** How often the test at the end of a loop sends it back: a comparison with a bound that stays the same. */
interface Test {
  readonly induction: Induction;
  /** Whether the next value is compared, and not that of this iteration. */
  readonly next: boolean;
  /** The condition under which the loop goes on. */
  readonly fn: Cond;
  readonly bound: Value;
}

function findTest(
  block: Block,
  back: Edge,
  inductions: ReadonlyMap<Value, Induction>,
): Test | null {
  const term = block.term!;
  const compared = term.args[0], bound = sourceOf(term.args[1]);
  if (bound.block === block) return null;
  const nextOf = block.params.find((param, i) =>
    inductions.has(param) && back.args[i] === compared
  );
  const induction = inductions.get(nextOf ?? compared);
  if (induction === undefined) return null;
  const fn = term.fn as Cond;
  const goesOn = term.edges[0] === back ? fn : COND[fn].inverse;
  return goesOn === null ? null : { induction, next: nextOf !== undefined, fn: goesOn, bound };
}

/** The count of a loop up to a constant; all numbers are small, so that nothing wraps at either width. */
function constantCount({ induction, next, fn, bound }: Test): bigint | null {
  const { start, step } = induction;
  const first = start.imm + (next ? step : 0n);
  const distance = bound.imm - first;
  if (step < 0n || first > SMALL || bound.imm > SMALL || step > SMALL) return null;
  switch (fn) {
    case "ne":
      return distance >= 0n && distance % step === 0n ? distance / step + 1n : null;
    case "lt":
    case "slt":
      return distance <= 0n ? 1n : (distance + step - 1n) / step + 1n;
    default:
      return null;
  }
}

function tripCount(
  block: Block,
  back: Edge,
  inductions: ReadonlyMap<Value, Induction>,
): TripCount | null {
  const test = findTest(block, back, inductions);
  if (test === null) return null;
  const { induction: { start, step, width }, bound } = test;
  if (start.op === "const" && bound.op === "const") {
    const count = constantCount(test);
    return count === null ? null : { kind: "constant", count };
  }
  if (width !== 64 || block.term!.width !== 64 || !test.next || test.fn !== "ne") return null;
  if (step === 1n) return { kind: "difference", above: bound, below: start };
  return step === -1n ? { kind: "difference", above: start, below: bound } : null;
}

/** The value of a counter in an iteration. */
function stepped(
  builder: Builder,
  { start, step, width }: Induction,
  iteration: Value,
): Value {
  const { fn } = builder;
  const constant = start.op === "const" && iteration.op === "const";
  if (constant) {
    return fn.constant(BigInt.asUintN(width, start.imm + step * iteration.imm));
  }
  const moved = step === 1n ? iteration : builder.alu("mul", width, iteration, fn.constant(step));
  if (start.op === "const" && start.imm === 0n && width === 64) return moved;
  return builder.alu("add", width, start, moved);
}

/** A copy of an instruction without effects, of other operands. */
function clone(builder: Builder, value: Value, args: Value[]): Value {
  const copy = builder.fn.newValue(value.op, args);
  copy.fn = value.fn;
  copy.width = value.width;
  copy.sign = value.sign;
  copy.imm = value.imm;
  copy.pc = value.pc;
  return builder.add(copy);
}

/** Operations that depend on nothing but their operands. */
const PURE: ReadonlySet<ValueOp> = new Set(["copy", "zext", "sext", "alu", "unary", "select"]);

/** The edges of a loop of one block with one entry; null for another block. */
function edgesOf(block: Block): readonly [entry: Edge, back: Edge, exit: Edge] | null {
  const { term, preds } = block;
  if (term!.op !== "branch" || preds.length !== 2) return null;
  const back = term!.edges.find(({ to }) => to === block);
  const exit = term!.edges.find(({ to }) => to !== block);
  const entry = preds.find(({ from }) => from !== block);
  if (back === undefined || exit === undefined || entry === undefined) return null;
  return [entry, back, exit];
}

function inductionsOf(block: Block, entry: Edge, back: Edge): Map<Value, Induction> {
  const inductions = new Map<Value, Induction>();
  block.params.forEach((param, i) => {
    const next = back.args[i];
    const step = stepOf(next, param);
    if (step === null || step === 0n) return;
    inductions.set(param, { start: sourceOf(entry.args[i]), step, width: next.width });
  });
  return inductions;
}

/** How a loop of one block ends: its counter goes up, and is compared with a bound. */
export interface CounterTest {
  /** Place of the counter among the parameters. */
  readonly index: number;
  /** What it steps by, a positive number. */
  readonly step: bigint;
  /** Width in bits of the counter and of the comparison. */
  readonly width: 32 | 64;
  /** The loop goes on while the next value is not the bound, or is below it. */
  readonly fn: "ne" | "lt";
  /** What does not change in the loop. */
  readonly bound: Value;
}

/**
 * How a loop ends.
 *
 * @param block Any block.
 * @returns The comparison; null if the block is no loop with one entry, or ends in another way.
 */
export function counterTest(block: Block): CounterTest | null {
  const edges = edgesOf(block);
  if (edges === null) return null;
  const [entry, back] = edges;
  const inductions = inductionsOf(block, entry, back);
  const test = findTest(block, back, inductions);
  if (test === null || !test.next) return null;
  const { induction, fn, bound } = test;
  const { step, width } = induction;
  if (fn !== "ne" && fn !== "lt" || step <= 0n || step > SMALL) return null;
  if (width !== block.term!.width) return null;
  const index = back.args.indexOf(block.term!.args[0]);
  return { index, step, width, fn, bound };
}

/** A loop that counts. */
export class CountedLoop {
  /** Its only block. */
  readonly block: Block;
  /** The only edge that enters it from outside. */
  readonly entry: Edge;
  /** The edge from its end to its start. */
  readonly back: Edge;
  /** The edge that leaves it. */
  readonly exit: Edge;
  /** How often it runs. */
  readonly trips: TripCount;
  readonly #inductions: ReadonlyMap<Value, Induction>;

  private constructor(
    block: Block,
    edges: readonly [entry: Edge, back: Edge, exit: Edge],
    inductions: ReadonlyMap<Value, Induction>,
    trips: TripCount,
  ) {
    this.block = block;
    [this.entry, this.back, this.exit] = edges;
    this.#inductions = inductions;
    this.trips = trips;
  }

  /**
   * Recognises a loop.
   *
   * @param block Any block.
   * @returns The loop; null if the block is none, has several entries, or does not count.
   */
  static find(block: Block): CountedLoop | null {
    const edges = edgesOf(block);
    if (edges === null) return null;
    const [entry, back, exit] = edges;
    const inductions = inductionsOf(block, entry, back);
    const trips = tripCount(block, back, inductions);
    return trips && new CountedLoop(block, [entry, back, exit], inductions, trips);
  }

  /**
   * Whether a value is the same in every iteration.
   *
   * @param value A value that is available in the loop.
   * @returns Whether it comes from outside.
   */
  invariant(value: Value): boolean {
    return value.block !== this.block;
  }

  /**
   * By how much a value moves with every iteration.
   *
   * @param value A value that is available in the loop.
   * @returns The signed number of 64 bits; null if it does not move evenly.
   */
  affine(value: Value): bigint | null {
    const strides = new Map<Value, bigint | null>();
    for (const param of this.block.params) strides.set(param, this.#stride(param));
    for (const insn of this.block.insns) {
      strides.set(insn, this.#combine(insn, (arg) => this.invariant(arg) ? 0n : strides.get(arg)!));
      if (insn === value) break;
    }
    return this.invariant(value) ? 0n : strides.get(value) ?? null;
  }

  #stride(param: Value): bigint | null {
    const induction = this.#inductions.get(param);
    return induction === undefined || !this.#exact(induction) ? null : induction.step;
  }

  /** Whether a counter never wraps at its width. */
  #exact({ start, step, width }: Induction): boolean {
    if (width === 64) return true;
    if (start.op !== "const" || this.trips.kind !== "constant") return false;
    const last = start.imm + step * this.trips.count;
    return start.imm <= MASK32 && last >= 0n && last <= MASK32;
  }

  #combine(value: Value, strideOf: (value: Value) => bigint | null): bigint | null {
    if (value.core !== null) return null;
    const [a, b] = value.args;
    if (value.op === "copy") return strideOf(a);
    if (value.op === "zext") return this.#narrow(a) ? strideOf(a) : null;
    if (value.op !== "alu") return null;
    const x = strideOf(a), y = strideOf(b);
    if (x === null || y === null) return null;
    if (value.width === 32) {
      // The step of a counter that is exact at its width.
      return b.op === "const" && this.#narrow(a) && stepOf(value, a) !== null &&
          this.#inductions.get(a)?.step === stepOf(value, a)
        ? x
        : null;
    }
    if (value.fn === "add") return x + y;
    if (value.fn === "sub") return x - y;
    if (y !== 0n || b.op !== "const") return null;
    if (value.fn === "mul") return BigInt.asIntN(64, x * b.imm);
    return value.fn === "lsh" ? BigInt.asIntN(64, x << (b.imm & 63n)) : null;
  }

  /** Whether a value is a counter of 32 bits that never wraps, or its next value. */
  #narrow(value: Value): boolean {
    const induction = this.#inductions.get(value);
    if (induction !== undefined) return induction.width === 32 && this.#exact(induction);
    return value.op === "alu" && value.width === 32 && this.#inductions.has(value.args[0]) &&
      this.back.args.includes(value) && this.#narrow(value.args[0]);
  }

  /**
   * Makes a computation of the trip count.
   *
   * @param builder Where; the entry must dominate the place.
   * @returns The count; 0 stands for 2^64.
   */
  materialiseTrips(builder: Builder): Value {
    const { trips } = this;
    if (trips.kind === "constant") return builder.fn.constant(trips.count);
    const { above, below } = trips;
    if (below.op === "const" && below.imm === 0n) return above;
    return builder.alu("sub", 64, above, below);
  }

  /**
   * Computes values of the loop outside of it, as they are in one iteration.
   *
   * @param builder Where; the entry must dominate the place.
   * @param iteration The number of the iteration, from 0.
   * @returns Makes a value; null if it depends on memory or on what does not count.
   */
  evaluator(builder: Builder, iteration: Value): (value: Value) => Value | null {
    const made = new Map<Value, Value | null>();
    const known = (value: Value): Value | null =>
      this.invariant(value) ? value : made.get(value) ?? null;
    for (const [param, induction] of this.#inductions) {
      made.set(param, stepped(builder, induction, iteration));
    }
    for (const insn of this.block.insns) {
      const pure = insn.core === null && PURE.has(insn.op);
      const args = pure ? insn.args.map(known) : [];
      if (!pure || args.includes(null)) continue;
      made.set(insn, clone(builder, insn, args as Value[]));
    }
    return known;
  }
}
