/**
 * Redundant-load elimination and store-to-load forwarding: a load reads the value that memory is known to hold.
 *
 * Before: `store.u64 fp - 8, v1; …; v2 = load.u64 fp - 8; v3 = add v2, 1`. After: `store.u64 fp - 8, v1; …;
 * v3 = add v1, 1`.
 *
 * A forward walk in reverse post order carries a short list of places with the value that each holds. Where control flow
 * joins, what all predecessors agree on stays; at the head of a loop, what the loop does not write. Calls forget what
 * they may write: helpers only what they are given (analysis/memory.ts).
 *
 * The verifier sees the same value in a register instead of a stack slot. Loads with a CO-RE record are left alone, and
 * so is all that atomic operations, locks and unknown functions separate.
 *
 * @module
 */

import { Dominators } from "../ir/dominators.ts";
import type { Block, IrFunction, Value } from "../ir/function.ts";
import { type Loop, Loops } from "../ir/loops.ts";
import type { FrameRange } from "./analysis/frame.ts";
import { FRAME, Memory, type Place } from "./analysis/memory.ts";
import { type Ranges, rangesOf } from "./analysis/ranges.ts";
import type { Pass, PassContext } from "./pass.ts";
import { forwarded, forwardMoves, keptMoves } from "./copy_propagation.ts";
import { become } from "./simplify_alu.ts";

/** What a place is known to hold. */
interface Entry extends Place {
  /** The value; of fewer than 8 bytes its low ones. */
  readonly value: Value;
  /** Sign that it was loaded with; -1 for what was stored. */
  readonly sign: number;
}

/** The most entries that are carried along, and writes of a loop that are looked at. */
const MOST_ENTRIES = 64, MOST_WRITES = 256;

/** An instruction that writes, with what it touches of the frame. */
interface Write {
  readonly value: Value;
  readonly place: Place | null;
  readonly ranges: readonly FrameRange[];
}

class LoadElimination {
  readonly #fn: IrFunction;
  readonly #context: PassContext;
  readonly #memory: Memory;
  readonly #ranges: Ranges;
  readonly #kept: Uint8Array;
  readonly #dominators: Dominators;
  readonly #loops: Loops;
  /** What is known at the end of each block, by id. */
  readonly #ends: (readonly Entry[] | undefined)[];
  readonly #acrossCalls: boolean;
  #entries: Entry[] = [];
  #count = 0;

  constructor(fn: IrFunction, context: PassContext) {
    this.#fn = fn;
    this.#context = context;
    this.#acrossCalls = context.option("calls") !== 0;
    this.#memory = new Memory(fn, context);
    this.#kept = keptMoves(fn);
    this.#ranges = rangesOf(fn);
    this.#dominators = new Dominators(fn);
    this.#loops = new Loops(fn, this.#dominators);
    this.#ends = new Array(fn.blockCount);
  }

  run(): boolean {
    const irreducible = this.#loops.irreducible.length > 0;
    for (const block of this.#dominators.order) {
      this.#entries = irreducible && block.preds.length > 1 ? [] : this.#enter(block);
      for (const value of block.insns) this.#visit(value);
      this.#ends[block.id] = this.#entries;
    }
    if (this.#count === 0) return false;
    forwardMoves(this.#fn);
    this.#context.count("loads removed", this.#count);
    return true;
  }

  /** What is known at the start of a block. */
  #enter(block: Block): Entry[] {
    const { preds } = block;
    if (preds.length === 0) return [];
    let known: Entry[] | null = null;
    let back = false;
    for (const { from } of preds) {
      const end = this.#ends[from.id];
      if (end === undefined) back ||= this.#dominators.reaches(from);
      else known = known === null ? end.slice() : known.filter((entry) => agrees(end, entry));
    }
    if (known === null) return [];
    return back ? this.#survivors(known, block) : known;
  }

  /** What a loop does not write. */
  #survivors(known: Entry[], header: Block): Entry[] {
    const loop = this.#loops.innermost(header);
    if (loop === null || loop.header !== header) return [];
    const writes: Write[] = [];
    if (!this.#collect(loop, writes)) return [];
    return known.filter((entry) => !writes.some((write) => this.#writes(write, entry)));
  }

  /** Gathers what a loop writes; false if that is too much. */
  #collect(loop: Loop, writes: Write[]): boolean {
    const work = [loop];
    for (let at = work.pop(); at !== undefined; at = work.pop()) {
      work.push(...at.children);
      for (const { insns } of at.blocks) {
        for (const value of insns) {
          const write = this.#writeOf(value);
          if (write === null) continue;
          if (writes.length === MOST_WRITES) return false;
          writes.push(write);
        }
      }
    }
    return true;
  }

  #writeOf(value: Value): Write | null {
    switch (value.op) {
      case "store":
      case "atomic":
        return { value, place: this.#memory.place(value), ranges: [] };
      case "call":
        return { value, place: null, ranges: this.#memory.frames.touchedBy(value) };
      default:
        return null;
    }
  }

  #writes({ value, place, ranges }: Write, entry: Entry): boolean {
    if (place === null) return this.#memory.mayWrite(value, ranges, entry);
    // Atomic operations order what other processors see.
    if (value.op === "atomic" && entry.object !== FRAME) return true;
    return this.#memory.overlap(place, entry);
  }

  #visit(value: Value): void {
    const { args, op } = value;
    for (let i = 0; i < args.length; i++) args[i] = forwarded(args[i], this.#kept);
    if (op === "load") return this.#load(value);
    const write = this.#writeOf(value);
    if (write === null) return;
    // Keeping a value across a call takes one of four registers, or a spill slot: no better than the load.
    const forgets = op === "call" && !this.#acrossCalls;
    this.#entries = this.#entries.filter((entry) =>
      !(forgets && entry.value.block !== null) && !this.#writes(write, entry)
    );
    if (op === "store" && value.core === null && write.place !== null) {
      this.#learn(write.place, args[1], -1);
    }
  }

  #learn(place: Place, value: Value, sign: number): void {
    if (this.#entries.length === MOST_ENTRIES) this.#entries.shift();
    this.#entries.push({ ...place, value, sign });
  }

  #load(value: Value): void {
    if (value.core !== null) return;
    const place = this.#memory.place(value);
    for (const entry of this.#entries) {
      if (entry.root !== place.root || entry.off !== place.off || entry.size !== place.size) {
        continue;
      }
      if (entry.sign !== value.sign && !(entry.sign === -1 && value.sign === 0)) continue;
      if (this.#forward(value, entry)) {
        this.#count++;
        return;
      }
    }
    this.#learn(place, value, value.sign);
  }

  /** Makes a load the value that its place holds. */
  #forward(load: Value, { value, sign, size }: Entry): boolean {
    const stored = sign === -1 && size < 8;
    if (value.op === "core" || value.op === "undef") return false;
    if (value.op === "const") {
      const imm = stored ? BigInt.asUintN(8 * size, value.imm) : value.imm;
      become(load, "copy", [this.#fn.constant(imm)]);
    } else if (!stored || this.#ranges.max(value) < 2 ** (8 * size)) {
      become(load, "copy", [value]);
    } else if (size === 4) become(load, "zext", [value]);
    else become(load, "alu", [value, this.#fn.constant(2 ** (8 * size) - 1)], "and");
    return true;
  }
}

/** Whether a list knows the same of a place. */
function agrees(list: readonly Entry[], entry: Entry): boolean {
  return list.some(({ root, off, size, value, sign }) =>
    root === entry.root && off === entry.off && size === entry.size && value === entry.value &&
    sign === entry.sign
  );
}

/** The pass. */
export const loadElimination: Pass = {
  name: "load-elimination",
  summary: "loads read the value that memory is known to hold",
  options: [
    { name: "calls", summary: "also values that live across calls", value: 0 },
  ],
  run: (fn, context) => new LoadElimination(fn, context).run(),
};
