/**
 * Loop idioms: loops that copy, fill or sum memory become one intrinsic.
 *
 * Before:
 *
 *     b1(v1): v2 = add.64 v0, v1; v3 = load.u8 v2; store.u8 v2 + 4096, v3; v4 = add.64 v1, 1
 *       branch.64.ne v4, 512, b1(v4), b2
 *
 * After, in a block before it, with the loop as the way out:
 *
 *     v5 = add.64 v0, 4096; v6 = call intrinsic memory.copy(v5, v0, 512)
 *     branch.64.ne v6, 0, b2, b1(0)
 *
 * The loop must consist of one block, count (analysis/counted_loop.ts), and do nothing else with memory than one store
 * of what was loaded (a copy) or of what stays the same (a fill), or than one load that is added up. What is computed in
 * it and used behind it is computed anew for the last iteration.
 *
 * The intrinsics answer whether they did it: `memory.copy(to, from, size)` and `memory.fill(to, byte, size)` with 1, or
 * with 0, having done nothing, if a byte is out of reach or a copy byte by byte would read what it wrote.
 * `memory.sum.u8`, `.u16` and `.u32(from, size)` give the sum, or -1. Then the loop runs, and faults where it should.
 *
 * @module
 */

import { Builder } from "../ir/builder.ts";
import { connect, removeTerminator, splitEdge } from "../ir/cfg.ts";
import { type Block, type IrFunction, Terminator, type Value } from "../ir/function.ts";
import { OPERATIONS } from "../ir/operations.ts";
import type { Size } from "../isa/ops.ts";
import { CountedLoop } from "./analysis/counted_loop.ts";
import type { Pass, PassContext } from "./pass.ts";

/** What a loop does with memory. */
type Idiom =
  | { readonly kind: "copy"; readonly load: Value; readonly store: Value }
  | { readonly kind: "fill"; readonly store: Value; readonly byte: bigint | null }
  | { readonly kind: "sum"; readonly load: Value; readonly sum: Value; readonly index: number };

/** The byte that a constant repeats; null if its bytes differ. */
function repeatedByte(value: Value, size: Size): bigint | null {
  if (value.op !== "const") return null;
  const byte = value.imm & 0xffn;
  const all = (byte * 0x0101_0101_0101_0101n) & ((1n << BigInt(8 * size)) - 1n);
  return (value.imm & ((1n << BigInt(8 * size)) - 1n)) === all ? byte : null;
}

/** Where the loop adds up what it loads: the place among its parameters; -1 if it does not. */
function sumIndex({ block, back }: CountedLoop, load: Value): number {
  return block.params.findIndex((param, i) => {
    const { op, fn, args } = back.args[i];
    return op === "alu" && fn === "add" && back.args[i].core === null &&
      (args[0] === param && args[1] === load || args[1] === param && args[0] === load);
  });
}

/** Whether a value is used in the loop by nothing but one instruction. */
function onlyUsedBy({ block, back, exit }: CountedLoop, value: Value, user: Value): boolean {
  const elsewhere = (args: readonly Value[]) => args.includes(value);
  return block.insns.every((insn) => insn === user || !elsewhere(insn.args)) &&
    !elsewhere(block.term!.args) && !elsewhere(back.args) && !elsewhere(exit.args);
}

function findIdiom(loop: CountedLoop): Idiom | null {
  const effects = loop.block.insns.filter((v) => OPERATIONS[v.op].effect !== "none");
  if (
    effects.length > 2 ||
    effects.some((v) => v.core !== null || v.op !== "load" && v.op !== "store")
  ) return null;
  // Memory is walked without gaps.
  if (effects.some((v) => loop.affine(v.args[0]) !== BigInt(v.size))) return null;
  const [first, second] = effects;
  if (effects.length === 1 && first.op === "store") {
    const [, source] = first.args;
    if (!loop.invariant(source)) return null;
    const byte = repeatedByte(source, first.size as Size);
    return first.size === 1 || byte !== null ? { kind: "fill", store: first, byte } : null;
  }
  if (effects.length === 1) {
    const index = sumIndex(loop, first);
    if (index < 0 || first.sign !== 0 || first.size > 4) return null;
    const sum = loop.back.args[index];
    const { block, back, exit } = loop;
    const used = block.insns.some((v) => v !== sum && v.args.includes(block.params[index])) ||
      back.args.some((v, i) => i !== index && (v === sum || v === block.params[index])) ||
      exit.args.includes(block.params[index]) || !onlyUsedBy(loop, first, sum);
    return used ? null : { kind: "sum", load: first, sum, index };
  }
  if (effects.length !== 2 || first.op !== "load" || second.op !== "store") return null;
  if (second.args[1] !== first || second.size !== first.size) return null;
  return onlyUsedBy(loop, first, second) ? { kind: "copy", load: first, store: second } : null;
}

/** Values of the loop that are used elsewhere. */
function usedBehind(fn: IrFunction, { block, exit }: CountedLoop): Value[] {
  const found = new Set<Value>();
  const note = (args: readonly Value[]): void => {
    for (const arg of args) if (arg.block === block) found.add(arg);
  };
  for (const other of fn.blocks) {
    if (other === block) continue;
    for (const { args } of other.insns) note(args);
    note(other.term!.args);
    for (const { args } of other.succs) note(args);
  }
  note(exit.args);
  return [...found];
}

/** Replaces an instruction's operands by id, everywhere but in one block. */
function replaceElsewhere(fn: IrFunction, block: Block, table: ReadonlyMap<Value, Value>): void {
  const replace = (args: Value[]): void => {
    for (let i = 0; i < args.length; i++) args[i] = table.get(args[i]) ?? args[i];
  };
  for (const other of fn.blocks) {
    if (other === block) continue;
    for (const { args } of other.insns) replace(args);
    replace(other.term!.args);
    for (const { args } of other.succs) replace(args);
  }
}

/** Puts the intrinsic in place of one loop. */
class Replacement {
  readonly #fn: IrFunction;
  readonly #loop: CountedLoop;
  readonly #idiom: Idiom;
  readonly #builder: Builder;
  /** What the parameters of the loop are at first. */
  readonly #start: readonly Value[];

  constructor(fn: IrFunction, loop: CountedLoop, idiom: Idiom) {
    this.#fn = fn;
    this.#loop = loop;
    this.#idiom = idiom;
    this.#builder = new Builder(fn);
    this.#start = loop.entry.args.slice();
  }

  /** Whether all values used behind the loop can be computed without it. */
  computable(behind: readonly Value[]): boolean {
    const idiom = this.#idiom;
    const { block } = this.#loop;
    const moving = new Set<Value>();
    for (const param of block.params) {
      if (this.#loop.affine(param) === null) moving.add(param);
    }
    for (const insn of block.insns) {
      if (OPERATIONS[insn.op].effect !== "none" || insn.args.some((arg) => moving.has(arg))) {
        moving.add(insn);
      }
    }
    return behind.every((v) => !moving.has(v) || idiom.kind === "sum" && v === idiom.sum);
  }

  /** The address of an access in the first iteration. */
  #address(access: Value): Value {
    const zero = this.#fn.constant(0);
    const base = this.#loop.evaluator(this.#builder, zero)(access.args[0])!;
    if (access.off === 0) return base;
    return this.#builder.alu("add", 64, base, this.#fn.constant(access.off));
  }

  #call(trips: Value): Value {
    const idiom = this.#idiom, builder = this.#builder;
    const access = idiom.kind === "sum" ? idiom.load : idiom.store;
    const size = access.size as Size;
    const bytes = size === 1
      ? trips
      : builder.alu("lsh", 64, trips, this.#fn.constant(Math.log2(size)));
    const intrinsic = (name: string, ...args: Value[]): Value =>
      builder.call({ kind: "intrinsic", name }, args);
    switch (idiom.kind) {
      case "copy":
        return intrinsic("memory.copy", this.#address(access), this.#address(idiom.load), bytes);
      case "fill": {
        const byte = idiom.byte === null ? access.args[1] : this.#fn.constant(idiom.byte);
        return intrinsic("memory.fill", this.#address(access), byte, bytes);
      }
      case "sum":
        return intrinsic(`memory.sum.u${8 * size}`, this.#address(access), bytes);
    }
  }

  /** The value behind the loop of a value in it. */
  #final(value: Value, result: Value, evaluate: (value: Value) => Value | null): Value {
    const idiom = this.#idiom;
    if (idiom.kind !== "sum" || value !== idiom.sum) return evaluate(value)!;
    return this.#builder.alu("add", value.width, this.#start[idiom.index], result);
  }

  run(behind: readonly Value[]): void {
    const fn = this.#fn, builder = this.#builder, loop = this.#loop;
    const { block, entry, exit } = loop;
    const before = splitEdge(fn, entry);
    const after = splitEdge(fn, exit);
    removeTerminator(before);
    builder.atEnd(before).pc = this.#pc();
    const trips = loop.materialiseTrips(builder);
    const result = this.#call(trips);
    const done = fn.newBlock();
    before.term = this.#test(result);
    connect(before, done);
    connect(before, block, this.#start.slice());
    builder.atEnd(done);
    const last = trips.op === "const"
      ? fn.constant(trips.imm - 1n)
      : builder.alu("add", 64, trips, fn.constant(-1));
    const evaluate = loop.evaluator(builder, last);
    const finals = behind.map((value) => this.#final(value, result, evaluate));
    builder.jump(after, finals);
    builder.atEnd(after);
    const params = behind.map(() => builder.param());
    replaceElsewhere(fn, block, new Map(behind.map((value, i) => [value, params[i]])));
    exit.args = behind.slice();
  }

  /** Slot of what the intrinsic stands for. */
  #pc(): number {
    return this.#idiom.kind === "sum" ? this.#idiom.load.pc : this.#idiom.store.pc;
  }

  /** Whether the intrinsic did it. */
  #test(result: Value): Terminator {
    const zero = this.#fn.constant(0);
    const term = new Terminator("branch", [result, zero], "ne");
    if (this.#idiom.kind === "sum") term.fn = "sge";
    term.pc = this.#pc();
    return term;
  }
}

/** Whether the loop is the way out of an intrinsic already. */
function isWayOut({ entry }: CountedLoop): boolean {
  const callee = entry.from.term!.args[0]?.callee;
  return callee?.kind === "intrinsic";
}

function run(fn: IrFunction, context: PassContext): boolean {
  let count = 0;
  const most = context.option("loops");
  for (const block of fn.blocks.slice()) {
    if (count === most) break;
    const loop = CountedLoop.find(block);
    if (loop === null || isWayOut(loop)) continue;
    const { trips } = loop;
    if (trips.kind === "constant" && trips.count < BigInt(context.option("trips"))) continue;
    const idiom = findIdiom(loop);
    if (idiom === null) continue;
    const access = idiom.kind === "sum" ? idiom.load : idiom.store;
    // The sums are little-endian.
    if (idiom.kind === "sum" && access.size > 1 && context.order === "big") continue;
    // The size in bytes of a count that is not known could wrap.
    if (trips.kind !== "constant" && access.size !== 1) continue;
    const replacement = new Replacement(fn, loop, idiom);
    const behind = usedBehind(fn, loop);
    if (!replacement.computable(behind)) continue;
    replacement.run(behind);
    count++;
  }
  context.count("loops replaced by intrinsics", count);
  return count > 0;
}

/** The pass. */
export const loopIdiom: Pass = {
  name: "loop-idiom",
  summary: "turns loops that copy, fill or sum memory into one intrinsic",
  options: [
    { name: "trips", summary: "fewest iterations that pay", value: 16 },
    {
      name: "loops",
      summary: "most loops that are replaced: each costs a look at the function",
      value: 64,
    },
  ],
  run,
};
