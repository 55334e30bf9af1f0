/**
 * Store merging: neighbouring stores of constants, of the parts of one value, or of what was loaded side by side become
 * one wide store.
 *
 * Before: `store.u8 v1, 0; store.u8 v1 + 1, 0; store.u16 v1 + 2, 7`. After: `store.u32 v1, 0x70000`.
 * Before: `v2 = rsh.64 v3, 8; store.u8 v1, v3; store.u8 v1 + 1, v2`. After: `store.u16 v1, v3`.
 *
 * Within a block; stores wait until something may read or write their bytes, then runs of them are merged in place of
 * the last. Compilers write packed structures bytewise, which no JIT undoes.
 *
 * Only plain memory (analysis/plain_memory.ts) and the frame, there aligned as the verifier demands. Elsewhere the wide
 * access may be unaligned, as on every machine whose kernel has efficient unaligned accesses; `unaligned=0` forbids it.
 * For little-endian programs.
 *
 * @module
 */

import { removeInsns } from "../ir/cfg.ts";
import type { Block, IrFunction, Value } from "../ir/function.ts";
import type { Size } from "../isa/ops.ts";
import { FRAME, Memory, type Place } from "./analysis/memory.ts";
import { PlainMemory } from "./analysis/plain_memory.ts";
import type { Pass, PassContext } from "./pass.ts";
import { useCounts } from "./uses.ts";

/** A store that waits. */
interface Waiting extends Place {
  readonly store: Value;
}

/** Part of a value: its bits from `shift` on. */
interface Part {
  readonly source: Value;
  readonly shift: number;
}

const SIZES: readonly Size[] = [8, 4, 2];

/** What part of what a store writes. */
function partOf(value: Value, bits: number): Part {
  if (value.op !== "alu" || value.core !== null || value.fn !== "rsh" && value.fn !== "arsh") {
    return { source: value, shift: 0 };
  }
  const [source, amount] = value.args;
  if (amount.op !== "const") return { source: value, shift: 0 };
  const shift = Number(amount.imm & BigInt(value.width - 1));
  return shift + bits <= value.width ? { source, shift } : { source: value, shift: 0 };
}

class StoreMerging {
  readonly #fn: IrFunction;
  readonly #context: PassContext;
  readonly #memory: Memory;
  readonly #plain: PlainMemory;
  readonly #uses: Int32Array;
  readonly #removed: Uint8Array;
  readonly #unaligned: boolean;
  /** Place of each instruction of the block, by id. */
  readonly #positions: Int32Array;
  #waiting: Waiting[] = [];
  #block: Block;
  #count = 0;

  constructor(fn: IrFunction, context: PassContext) {
    this.#fn = fn;
    this.#context = context;
    this.#memory = new Memory(fn, context);
    this.#plain = new PlainMemory(fn, this.#memory.frames, context);
    this.#uses = useCounts(fn);
    this.#removed = new Uint8Array(fn.valueCount);
    this.#unaligned = context.option("unaligned") !== 0;
    this.#positions = new Int32Array(fn.valueCount);
    this.#block = fn.entry;
  }

  run(): boolean {
    for (const block of this.#fn.blocks) {
      this.#block = block;
      block.insns.forEach((value, i) => this.#positions[value.id] = i);
      for (const value of block.insns) this.#visit(value);
      this.#release(() => true);
    }
    if (this.#count === 0) return false;
    removeInsns(this.#fn, this.#removed);
    this.#context.count("stores merged", this.#count);
    return true;
  }

  #visit(value: Value): void {
    switch (value.op) {
      case "load": {
        const place = this.#memory.place(value);
        return this.#release((waiting) => this.#memory.overlap(place, waiting));
      }
      case "store":
        return this.#store(value);
      case "atomic":
      case "call":
      case "packet":
        return this.#release(() => true);
    }
  }

  #store(store: Value): void {
    const place = this.#memory.place(store);
    this.#release((other) =>
      this.#memory.overlap(place, other) &&
      !(other.root === place.root && isConstant(other.store) && isConstant(store))
    );
    const usable = place.object === FRAME
      ? place.root.op === "frame"
      : this.#plain.isPlain(store.args[0]);
    if (usable && store.core === null) this.#waiting.push({ ...place, store });
  }

  /** Merges what waited, of all roots of which some store has to happen now. */
  #release(now: (waiting: Waiting) => boolean): void {
    if (this.#waiting.length === 0) return;
    const roots = new Set<Value>();
    for (const waiting of this.#waiting) if (now(waiting)) roots.add(waiting.root);
    if (roots.size === 0) return;
    for (const root of roots) {
      const group = this.#waiting.filter((waiting) => waiting.root === root);
      if (group.length > 1) this.#merge(group);
    }
    this.#waiting = this.#waiting.filter(({ root }) => !roots.has(root));
  }

  #merge(group: readonly Waiting[]): void {
    this.#mergeConstants(group.filter(({ store }) => isConstant(store)));
    const rest = group.filter(({ store }) => !isConstant(store)).sort((a, b) => a.off - b.off);
    for (let i = 0; i < rest.length;) i += this.#mergeParts(rest, i);
  }

  /** Bytes that the target lets one access cover from an offset on. */
  #mayBe(place: Place, off: number, size: number): boolean {
    return off % size === 0 || this.#unaligned && place.object !== FRAME;
  }

  // Constants.

  #mergeConstants(stores: readonly Waiting[]): void {
    if (stores.length < 2) return;
    const bytes = new Map<number, bigint>();
    for (const { store, off, size } of stores) {
      for (let i = 0; i < size; i++) bytes.set(off + i, store.args[1].imm >> BigInt(8 * i) & 0xffn);
    }
    const offsets = [...bytes.keys()].sort((a, b) => a - b);
    for (let i = 0; i < offsets.length;) {
      let end = i + 1;
      while (end < offsets.length && offsets[end] === offsets[end - 1] + 1) end++;
      const first = offsets[i], last = offsets[end - 1];
      const covered = stores.filter(({ off }) => off >= first && off <= last);
      this.#cover(covered, first, last + 1, bytes);
      i = end;
    }
  }

  /** Writes a run of known bytes with as few stores as there can be. */
  #cover(
    stores: readonly Waiting[],
    start: number,
    end: number,
    bytes: ReadonlyMap<number, bigint>,
  ): void {
    const wide: { off: number; size: Size; imm: bigint }[] = [];
    for (let off = start; off < end;) {
      const pattern = (size: number): bigint => {
        let imm = 0n;
        for (let i = size - 1; i >= 0; i--) imm = imm << 8n | bytes.get(off + i)!;
        return imm;
      };
      const size = SIZES.find((size) =>
        off + size <= end && this.#mayBe(stores[0], off, size) &&
        (size < 8 || BigInt.asUintN(64, BigInt.asIntN(32, pattern(8))) === pattern(8))
      ) ?? 1;
      wide.push({ off, size, imm: pattern(size) });
      off += size;
    }
    const spare = stores.length - wide.length;
    if (spare <= 0) return;
    for (let i = 0; i < spare; i++) this.#remove(stores[i].store);
    wide.forEach(({ off, size, imm }, i) => {
      const { store, off: was } = stores[spare + i];
      const { base, displacement } = baseOf(store, was, off);
      store.args = [base, this.#fn.constant(imm)];
      store.off = displacement;
      store.size = size;
    });
    this.#count += spare;
  }

  #remove(store: Value): void {
    this.#removed[store.id] = 1;
  }

  // Parts of a value, and copies.

  /** Merges the longest run that begins at an index; returns how many stores it is done with. */
  #mergeParts(stores: readonly Waiting[], at: number): number {
    const { size, off } = stores[at];
    for (const wide of SIZES) {
      const count = wide / size;
      if (count < 2 || at + count > stores.length || !this.#mayBe(stores[at], off, wide)) continue;
      const run = stores.slice(at, at + count);
      if (!run.every((part, i) => part.size === size && part.off === off + i * size)) continue;
      if (this.#join(run, wide)) return count;
    }
    return 1;
  }

  #join(run: readonly Waiting[], wide: Size): boolean {
    const bits = 8 * run[0].size;
    const parts = run.map(({ store }) => partOf(store.args[1], bits));
    const { source, shift } = parts[0];
    const ascending = parts.every((part, i) =>
      part.source === source && part.shift === shift + i * bits
    );
    if (!ascending || shift !== 0) return this.#copy(run, wide);
    const order = this.#inOrder(run);
    this.#widen(order, run[0], wide, source);
    return true;
  }

  #inOrder(run: readonly Waiting[]): Waiting[] {
    const positions = this.#positions;
    return run.toSorted((a, b) => positions[a.store.id] - positions[b.store.id]);
  }

  /** Makes the last of some stores the wide one. */
  #widen(order: readonly Waiting[], first: Waiting, wide: Size, source: Value): void {
    const last = order[order.length - 1];
    for (const { store } of order) if (store !== last.store) this.#remove(store);
    const { base, displacement } = baseOf(last.store, last.off, first.off);
    last.store.args = [base, source];
    last.store.off = displacement;
    last.store.size = wide;
    this.#count += order.length - 1;
  }

  /** Stores of what was loaded side by side: a copy in smaller pieces than it could be. */
  #copy(run: readonly Waiting[], wide: Size): boolean {
    const loads = run.map(({ store }) => store.args[1]);
    const [load] = loads;
    if (load.op !== "load" || !loads.every((other) => this.#isPiece(other, load))) return false;
    const from = this.#memory.place(load);
    const places = loads.map((other) => this.#memory.place(other));
    if (
      !places.every(({ root, off }, i) => root === from.root && off === from.off + i * load.size)
    ) {
      return false;
    }
    const source = { ...from, size: wide };
    const plain = from.object === FRAME
      ? from.root.op === "frame"
      : this.#plain.isPlain(load.args[0]);
    if (!plain || !this.#mayBe(source, from.off, wide)) return false;
    const { insns } = this.#block;
    const indices = loads.map((other) => this.#positions[other.id]).sort((a, b) => a - b);
    const between = insns.slice(indices[0], indices[indices.length - 1] + 1);
    if (!between.every((value) => this.#leaves(value, source))) return false;
    const last = insns[indices[indices.length - 1]];
    for (const other of loads) if (other !== last) this.#remove(other);
    const { base, displacement } = baseOf(last, this.#memory.place(last).off, from.off);
    last.args = [base];
    last.off = displacement;
    last.size = wide;
    const order = this.#inOrder(run);
    this.#widen(order, run[0], wide, last);
    return true;
  }

  #isPiece(load: Value, first: Value): boolean {
    return load.op === "load" && load.size === first.size && load.sign === 0 &&
      load.core === null &&
      load.block === this.#block && this.#uses[load.id] === 1 && this.#removed[load.id] === 0;
  }

  /** Whether an instruction leaves a place as it is. */
  #leaves(value: Value, place: Place): boolean {
    if (value.op === "store") return !this.#memory.overlap(this.#memory.place(value), place);
    return value.op !== "call" && value.op !== "atomic" && value.op !== "packet";
  }
}

function isConstant({ args: [, value] }: Value): boolean {
  return value.op === "const";
}

/** The operands of an access that is moved to another offset from its root. */
function baseOf(access: Value, was: number, off: number): { base: Value; displacement: number } {
  return { base: access.args[0], displacement: access.off + off - was };
}

/** The pass. */
export const mergeStores: Pass = {
  name: "merge-stores",
  summary: "neighbouring stores become one wide store",
  options: [
    { name: "unaligned", summary: "also where the wide access may be unaligned", value: 1 },
  ],
  run: (fn, context) => context.order === "little" && new StoreMerging(fn, context).run(),
};
