/**
 * Wide compares: a loop that compares memory byte by byte first skips what is equal, 16 bytes at a time.
 *
 * Before:
 *
 *     b0: jump b1(0)
 *     b1(v1): v2 = add.64 v0, v1; v3 = load.u8 v2; v4 = load.u8 v2 + 64; branch.32.ne v3, v4, b3, b2
 *     b2: v5 = add.64 v1, 1; branch.64.ne v5, 64, b1(v5), b4
 *
 * After, with 63 turns that can go on: `b0: v6 = add.64 v0, 64; v7 = call intrinsic memory.same(v0, v6, 63);
 * jump b1(v7)`.
 *
 * The loop must do nothing but compare two bytes, and perhaps one of them with 0, where all that changes counts. As long
 * as the bytes are equal (and not 0), a turn changes nothing but the counters, so that turns can be skipped; the loop
 * itself finds the byte that differs, the end, or the fault. `memory.same(a, b, count)` and, where 0 ends the loop,
 * `memory.same.string` give a number of leading bytes that are equal, as many as are cheap to find and at most `count`.
 *
 * @module
 */

import { Builder } from "../ir/builder.ts";
import { splitEdge } from "../ir/cfg.ts";
import { Dominators } from "../ir/dominators.ts";
import type { Block, Edge, IrFunction, Terminator, Value } from "../ir/function.ts";
import { type Loop, Loops } from "../ir/loops.ts";
import { OPERATIONS } from "../ir/operations.ts";
import { COND, type Cond } from "../isa/ops.ts";
import { sourceOf } from "./moves.ts";
import type { Pass, PassContext } from "./pass.ts";

/** A test of a counter: the loop goes on while a value that steps by 1 has not reached a bound. */
interface CounterTest {
  /** What is compared: a counter, or its next value. */
  readonly counter: Value;
  readonly next: boolean;
  readonly bound: Value;
}

/** A loop that compares bytes. */
class CompareLoop {
  readonly entry: Edge;
  readonly header: Block;
  /** By counter: what it steps by. */
  readonly steps = new Map<Value, bigint>();
  readonly loads: Value[] = [];
  readonly tests: CounterTest[] = [];
  /** Whether a byte that is 0 ends it. */
  stopsAtZero = false;
  readonly #inside: ReadonlySet<Block>;
  readonly #back: Edge;
  #comparesBytes = false;

  private constructor(loop: Loop, entry: Edge) {
    this.entry = entry;
    this.header = loop.header;
    this.#back = loop.backEdges[0];
    this.#inside = new Set(loop.blocks);
  }

  static find(loop: Loop): CompareLoop | null {
    const { header, backEdges, children } = loop;
    const entry = header.preds.find((edge) => edge !== backEdges[0]);
    if (children.length > 0 || header.preds.length !== 2 || backEdges.length !== 1) return null;
    const found = new CompareLoop(loop, entry!);
    return found.#findCounters() && found.#findLoads() && found.#follow() && found.#comparesBytes &&
        found.tests.length > 0
      ? found
      : null;
  }

  #findCounters(): boolean {
    return this.header.params.every((param, i) => {
      const { op, fn, width, core, args: [a, b] } = this.#back.args[i];
      if (op !== "alu" || fn !== "add" || width !== 64 || core !== null) return false;
      if (a !== param || b.op !== "const") return false;
      this.steps.set(param, BigInt.asIntN(64, b.imm));
      return true;
    });
  }

  /** Exactly two loads of bytes that move on by 1, and nothing else that has an effect. */
  #findLoads(): boolean {
    for (const { insns } of this.#inside) {
      for (const value of insns) {
        if (OPERATIONS[value.op].effect === "none") continue;
        const moves = value.op === "load" && value.size === 1 && value.core === null &&
          this.counterOf(value) !== null;
        if (!moves || this.loads.push(value) > 2) return false;
      }
    }
    return this.loads.length === 2;
  }

  #isInvariant = (value: Value): boolean => value.block === null || !this.#inside.has(value.block);

  /** The counter in the base of a load: all of it, or an operand of a sum with what stays the same. */
  counterOf({ args: [base] }: Value): Value | null {
    if (this.steps.get(base) === 1n) return base;
    if (base.op !== "alu" || base.fn !== "add" || base.width !== 64 || base.core !== null) {
      return null;
    }
    const [a, b] = base.args;
    if (this.steps.get(a) === 1n && this.#isInvariant(b)) return a;
    return this.steps.get(b) === 1n && this.#isInvariant(a) ? b : null;
  }

  /** Follows the turn in which all goes on, to the edge back. */
  #follow(): boolean {
    const seen = new Set<Block>();
    for (let block = this.header; !seen.has(block);) {
      seen.add(block);
      const { term } = block;
      const edge = term!.op === "jump" ? term!.edges[0] : this.#goingOn(term!);
      if (edge === null || edge === this.#back) return edge !== null;
      block = edge.to;
      if (!this.#inside.has(block) || block.params.length > 0) return false;
    }
    return false;
  }

  /** The edge that a branch takes while bytes are equal and not 0, and counters have not reached their bounds. */
  #goingOn(term: Terminator): Edge | null {
    if (term.op !== "branch") return null;
    const [taken, otherwise] = term.edges;
    const stays = this.#inside.has(taken.to) ? taken : otherwise;
    const leaves = stays === taken ? otherwise : taken;
    const fn = stays === taken ? term.fn as Cond : COND[term.fn as Cond].inverse;
    const [a, b] = term.args;
    const isByte = (value: Value) => this.loads.includes(value);
    if (isByte(a) && isByte(b) && a !== b) {
      this.#comparesBytes = true;
      return fn === "eq" ? stays : fn === "ne" && this.#inside.has(leaves.to) ? leaves : null;
    }
    if (isByte(a) && b.op === "const" && b.imm === 0n) {
      this.stopsAtZero = true;
      return fn === "ne" ? stays : fn === "eq" && this.#inside.has(leaves.to) ? leaves : null;
    }
    return this.#isCounterTest(fn, term) ? stays : null;
  }

  #isCounterTest(fn: Cond | null, { args: [a, b], width }: Terminator): boolean {
    const bound = sourceOf(b);
    if (width !== 64 || !this.#isInvariant(bound)) return false;
    const place = this.#back.args.indexOf(a);
    const counter = place < 0 ? a : this.header.params[place];
    if (this.steps.get(counter) !== 1n) return false;
    // `le c` goes on once more than `lt c`: to leave that turn to the loop is as good.
    if (fn !== "ne" && fn !== "lt" && fn !== "le") return false;
    this.tests.push({ counter, next: place >= 0, bound });
    return true;
  }
}

/** Whether a loop surely ends after a few turns. */
function isShort({ tests, header, entry }: CompareLoop, turns: number): boolean {
  return tests.some(({ counter, bound }) => {
    const start = sourceOf(entry.args[header.params.indexOf(counter)]);
    return start.op === "const" && bound.op === "const" && start.imm <= bound.imm &&
      bound.imm - start.imm <= BigInt(turns);
  });
}

/** Skips turns before the loop. */
function skip(fn: IrFunction, loop: CompareLoop): void {
  const { header, entry, loads, tests, steps } = loop;
  const start = new Map(header.params.map((param, i) => [param, sourceOf(entry.args[i])]));
  const before = splitEdge(fn, entry);
  const [edge] = before.succs;
  const builder = new Builder(fn).atEnd(before);
  builder.pc = loads[0].pc;
  const [a, b] = loads.map((load) => {
    const counter = loop.counterOf(load)!;
    const [base] = load.args;
    const first = start.get(counter)!;
    const other = base === counter ? null : base.args[base.args[0] === counter ? 1 : 0];
    const address = other === null ? first : builder.alu("add", 64, other, first);
    return load.off === 0 ? address : builder.alu("add", 64, address, fn.constant(load.off));
  });
  const counts = tests.map(({ counter, next, bound }) => {
    const first = next
      ? builder.alu("add", 64, start.get(counter)!, fn.constant(1))
      : start.get(counter)!;
    const left = builder.alu("sub", 64, bound, first);
    return builder.select("lt", 64, first, bound, left, fn.constant(0));
  });
  const count = counts.reduce((x, y) => builder.select("lt", 64, x, y, x, y));
  const name = loop.stopsAtZero ? "memory.same.string" : "memory.same";
  const skipped = builder.call({ kind: "intrinsic", name }, [a, b, count]);
  edge.args = header.params.map((param) => {
    const step = steps.get(param)!;
    const moved = step === 1n ? skipped : builder.alu("mul", 64, skipped, fn.constant(step));
    return builder.alu("add", 64, start.get(param)!, moved);
  });
}

function run(fn: IrFunction, context: PassContext): boolean {
  let count = 0;
  const most = context.option("loops");
  for (const loop of new Loops(fn, new Dominators(fn)).all) {
    if (count === most) break;
    const found = loop.blocks.length > context.option("blocks") ? null : CompareLoop.find(loop);
    if (found === null || isShort(found, context.option("turns"))) continue;
    skip(fn, found);
    count++;
  }
  context.count("loops that skip equal bytes", count);
  return count > 0;
}

/** The pass. */
export const wideCompare: Pass = {
  name: "wide-compare",
  summary: "lets loops that compare bytes skip those that are equal, many at a time",
  options: [
    { name: "blocks", summary: "most blocks of a loop that is looked at", value: 8 },
    {
      name: "loops",
      summary: "most loops that are changed: each costs a look at the function",
      value: 64,
    },
    { name: "turns", summary: "most turns that do not pay", value: 16 },
  ],
  run,
};
