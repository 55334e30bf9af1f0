/**
 * Strength reduction: an address that a loop computes from its counter becomes a pointer that moves along.
 *
 * Before: `b1(v1): v2 = lsh.64 v1, 2; v3 = add.64 v0, v2; v4 = load.u32 v3; v5 = add.64 v1, 1; … b1(v5)`. After:
 * `b1(v1, v6): v4 = load.u32 v6; v5 = add.64 v1, 1; v7 = add.64 v6, 4; … b1(v5, v7)`, entered with `v0 + (start << 2)`.
 *
 * In loops with one edge back, for sums of what does not change and of a counter of 64 bits, as it is or shifted: both
 * are the same number modulo 2^64 in every turn. Only what memory is accessed with is worth a parameter (Cocke and
 * Kennedy, 1977). Then turns that were unrolled share a base and differ in their displacement.
 *
 * @module
 */

import { Builder } from "../ir/builder.ts";
import { replaceUses } from "../ir/cfg.ts";
import { Dominators } from "../ir/dominators.ts";
import type { Block, Edge, IrFunction, Value } from "../ir/function.ts";
import { type Loop, Loops } from "../ir/loops.ts";
import { sourceOf } from "./moves.ts";
import type { Pass, PassContext } from "./pass.ts";

/** A sum of something that does not change and a counter, shifted to the left. */
interface Address {
  readonly value: Value;
  readonly invariant: Value;
  /** Place of the counter among the parameters of the header. */
  readonly counter: number;
  readonly shift: number;
  /** What the counter steps by. */
  readonly step: bigint;
}

/** By place among the parameters of the header: what is added in each turn; null for what does not count. */
function stepsOf(header: Block, back: Edge): (bigint | null)[] {
  return header.params.map((param, i) => {
    const { op, fn, width, core, args: [a, b] } = back.args[i];
    const counts = op === "alu" && fn === "add" && width === 64 && core === null && a === param &&
      b.op === "const";
    return counts ? BigInt.asIntN(64, b.imm) : null;
  });
}

/** Whether an access has this value as its base. */
const isBase = (insn: Value, value: Value): boolean =>
  (insn.op === "load" || insn.op === "store" || insn.op === "atomic") && insn.args[0] === value;

/** Finds addresses in one loop. */
class Search {
  readonly #inside: ReadonlySet<Block>;
  readonly #loop: Loop;
  readonly #steps: readonly (bigint | null)[];

  constructor(loop: Loop) {
    this.#inside = new Set(loop.blocks);
    this.#loop = loop;
    this.#steps = stepsOf(loop.header, loop.backEdges[0]);
  }

  run(): Address[] {
    const { blocks } = this.#loop;
    const bases = new Set<Value>();
    for (const { insns } of blocks) {
      for (const insn of insns) if (isBase(insn, insn.args[0])) bases.add(insn.args[0]);
    }
    return [...bases].flatMap((value) => this.#address(value) ?? []);
  }

  #address(value: Value): Address | null {
    if (value.block === null || !this.#inside.has(value.block)) return null;
    if (value.op !== "alu" || value.fn !== "add" || value.width !== 64 || value.core !== null) {
      return null;
    }
    const [a, b] = value.args;
    return this.#sum(value, a, b) ?? this.#sum(value, b, a);
  }

  #sum(value: Value, invariant: Value, moving: Value): Address | null {
    const outside = invariant.block === null || !this.#inside.has(invariant.block);
    if (!outside || invariant.op === "const") return null;
    const { op, fn, width, core, args: [x, y] } = moving;
    const shifted = op === "alu" && fn === "lsh" && width === 64 && core === null &&
      y.op === "const" && y.imm < 16n;
    const counter = this.#loop.header.params.indexOf(shifted ? x : moving);
    const step = counter < 0 ? null : this.#steps[counter];
    if (step === null) return null;
    return { value, invariant, counter, shift: shifted ? Number(y.imm) : 0, step };
  }
}

/** Makes the pointer; returns it. */
function reduce(fn: IrFunction, loop: Loop, { invariant, counter, shift, step }: Address): Value {
  const { header, backEdges: [back] } = loop;
  const builder = new Builder(fn);
  for (const edge of header.preds) {
    if (edge === back) continue;
    builder.atEnd(edge.from).pc = edge.from.term!.pc;
    const start = sourceOf(edge.args[counter]);
    const moved = shift === 0 ? start : builder.alu("lsh", 64, start, fn.constant(shift));
    edge.args.push(builder.alu("add", 64, invariant, moved));
  }
  const pointer = builder.atEnd(header).param();
  builder.atEnd(back.from).pc = back.from.term!.pc;
  back.args.push(builder.alu("add", 64, pointer, fn.constant(step << BigInt(shift))));
  return pointer;
}

function run(fn: IrFunction, context: PassContext): boolean {
  const table: (Value | undefined)[] = new Array(fn.valueCount);
  let count = 0;
  for (const loop of new Loops(fn, new Dominators(fn)).all) {
    if (loop.children.length > 0 || loop.backEdges.length !== 1) continue;
    const addresses = new Search(loop).run();
    if (addresses.length > context.option("pointers")) continue;
    for (const address of addresses) {
      table[address.value.id] = reduce(fn, loop, address);
      count++;
    }
  }
  if (count === 0) return false;
  replaceUses(fn, table);
  context.count("addresses that became pointers", count);
  return true;
}

/** The pass. */
export const strengthReduction: Pass = {
  name: "strength-reduction",
  summary: "lets pointers move along where a loop computes addresses from its counter",
  options: [{ name: "pointers", summary: "most pointers of a loop", value: 4 }],
  run,
};
