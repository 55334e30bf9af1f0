/**
 * Load merging: a number put together from neighbouring loads is one wide load, with a byte swap if the bytes are put
 * together the other way round.
 *
 * Before: `v2 = load.u8 v1; v3 = load.u8 v1 + 1; v4 = lsh.64 v3, 8; v5 = or.64 v4, v2`. After: `v5 = load.u16 v1`.
 *
 * From each `or` or `add` that is not part of a larger one, the tree of what nothing else reads is taken apart into loads
 * with the number of bits that each is shifted by. These must be neighbours of one root in one block, and nothing
 * between them may write there; the wide load takes the place of the last.
 *
 * Only plain memory (analysis/plain_memory.ts), and the frame where aligned; `unaligned=0` as in merge-stores. For
 * little-endian programs.
 *
 * @module
 */

import { replaceUses } from "../ir/cfg.ts";
import type { IrFunction, Value } from "../ir/function.ts";
import { FRAME, Memory, type Place } from "./analysis/memory.ts";
import { PlainMemory } from "./analysis/plain_memory.ts";
import type { Pass, PassContext } from "./pass.ts";
import { become } from "./simplify_alu.ts";
import { useCounts } from "./uses.ts";

/** A load in a tree, shifted left by so many bits. */
interface Piece {
  readonly load: Value;
  readonly shift: number;
}

/** The most loads that one is put together from. */
const MOST_PIECES = 8;

const joins = (value: Value): boolean =>
  value.op === "alu" && value.core === null && (value.fn === "or" || value.fn === "add");

class LoadMerging {
  readonly #fn: IrFunction;
  readonly #context: PassContext;
  readonly #memory: Memory;
  readonly #plain: PlainMemory;
  readonly #uses: Int32Array;
  readonly #positions: Int32Array;
  readonly #table: (Value | undefined)[];
  #count = 0;

  constructor(fn: IrFunction, context: PassContext) {
    this.#fn = fn;
    this.#context = context;
    this.#memory = new Memory(fn, context);
    this.#plain = new PlainMemory(fn, this.#memory.frames, context);
    this.#uses = useCounts(fn);
    this.#positions = new Int32Array(fn.valueCount);
    this.#table = new Array(fn.valueCount);
  }

  run(): boolean {
    for (const { insns } of this.#fn.blocks) {
      insns.forEach((value, i) => this.#positions[value.id] = i);
      // From behind, so that a tree is met at its root; what is inside of one that was merged is dead.
      const inner = new Set<Value>();
      for (let i = insns.length - 1; i >= 0; i--) {
        const root = insns[i];
        if (!joins(root) || inner.has(root)) continue;
        const nodes: Value[] = [];
        const pieces = this.#pieces(root, nodes);
        if (pieces === null || !this.#merge(root, pieces)) continue;
        for (const node of nodes) inner.add(node);
      }
    }
    if (this.#count === 0) return false;
    replaceUses(this.#fn, this.#table);
    this.#context.count("loads merged", this.#count);
    return true;
  }

  /** Takes a tree apart; null if it is made of something else than loads, too. */
  #pieces(root: Value, nodes: Value[]): Piece[] | null {
    const pieces: Piece[] = [];
    const work: { value: Value; shift: number }[] = [{ value: root, shift: 0 }];
    while (work.length > 0) {
      const { value, shift } = work.pop()!;
      if (value !== root && (this.#uses[value.id] !== 1 || value.block !== root.block)) return null;
      const [a, b] = value.args;
      if (joins(value)) {
        if (nodes.push(value) > MOST_PIECES) return null;
        work.push({ value: a, shift }, { value: b, shift });
      } else if (
        value.op === "alu" && value.fn === "lsh" && b.op === "const" && value.core === null
      ) {
        const more = Number(b.imm & BigInt(value.width - 1));
        if (value.width === 32 && root.width === 64) return null;
        work.push({ value: a, shift: shift + more });
      } else if (value.op === "load" && value.core === null && value.sign === 0) {
        if (shift + 8 * value.size > root.width || pieces.length === MOST_PIECES) return null;
        pieces.push({ load: value, shift });
      } else return null;
    }
    return pieces.length < 2 ? null : pieces;
  }

  /** Merges the loads of a tree; returns whether it could. */
  #merge(root: Value, pieces: readonly Piece[]): boolean {
    const places = pieces.map(({ load }) => this.#memory.place(load));
    const order = pieces.map((_, i) => i).sort((a, b) => places[a].off - places[b].off);
    const first = places[order[0]];
    let size = 0;
    for (const i of order) {
      if (places[i].root !== first.root || places[i].off !== first.off + size) return false;
      size += places[i].size;
    }
    if (size !== 2 && size !== 4 && size !== 8) return false;
    const wide = { ...first, size };
    const swapped = this.#direction(pieces, places, wide);
    if (swapped === null || !this.#isAllowed(pieces[0].load, wide)) return false;
    const positions = pieces.map(({ load }) => this.#positions[load.id]).sort((a, b) => a - b);
    const { insns } = root.block!;
    const between = insns.slice(positions[0], positions[positions.length - 1]);
    if (!between.every((value) => this.#leaves(value, wide))) return false;
    const last = insns[positions[positions.length - 1]];
    last.off += first.off - this.#memory.place(last).off;
    last.size = size;
    this.#count += pieces.length - 1;
    if (swapped) become(root, "unary", [last], `be${8 * size}`);
    else this.#table[root.id] = last;
    return true;
  }

  /** Whether the bytes are put together the other way round; null if in neither way. */
  #direction(pieces: readonly Piece[], places: readonly Place[], wide: Place): boolean | null {
    if (pieces.every(({ shift }, i) => shift === 8 * (places[i].off - wide.off))) return false;
    const end = wide.off + wide.size;
    const reversed = pieces.every(({ load, shift }, i) =>
      load.size === 1 && shift === 8 * (end - places[i].off - 1)
    );
    return reversed ? true : null;
  }

  #isAllowed({ args: [base] }: Value, place: Place): boolean {
    const aligned = place.off % place.size === 0;
    if (place.object === FRAME) return place.root.op === "frame" && aligned;
    return this.#plain.isPlain(base) && (aligned || this.#context.option("unaligned") !== 0);
  }

  /** Whether an instruction leaves a place as it is. */
  #leaves(value: Value, place: Place): boolean {
    if (value.op === "store") return !this.#memory.overlap(this.#memory.place(value), place);
    return value.op !== "call" && value.op !== "atomic" && value.op !== "packet";
  }
}

/** The pass. */
export const mergeLoads: Pass = {
  name: "merge-loads",
  summary: "a number put together from neighbouring loads is one wide load",
  options: [
    { name: "unaligned", summary: "also where the wide access may be unaligned", value: 1 },
  ],
  run: (fn, context) => context.order === "little" && new LoadMerging(fn, context).run(),
};
