/**
 * Which accesses need no check of their base: those whose base is surely an address from `GUEST_BASE` on that fits 32
 * bits, so that only the end of memory is left to check, which the machine does.
 *
 * A base is *checked* behind an access: it lies in memory, within 31 bits of `GUEST_BASE`. It is *near* if it is
 * checked, or a checked one plus a small number, or if it is a parameter and near on every edge. Parameters are first
 * taken to be near, all of them, and lose that until nothing changes; since a sum needs an operand that is checked, and
 * not only near, a pointer cannot wander off in a loop.
 *
 * Before: `b1(v1): load.u8 v1; v2 = add.64 v1, 1; … b1(v2)`, entered with `v0 + 1` behind `load.u8 v0`: `v1` is near.
 *
 * @module
 */

import type { Dominators } from "../../ir/dominators.ts";
import type { Block, Edge, IrFunction, Value } from "../../ir/function.ts";
import type { SafeAccesses } from "./accesses.ts";
import { FRAME_SIZE, GUEST_BASE } from "./host.ts";

/** The most that is added to a checked address so that it still fits 32 bits. */
const SMALL = 1n << 30n;
/** Levels of operations that are looked through for a bound. */
const BOUND_DEPTH = 4;
/** The most accesses with one base that are remembered. */
const MOST_PLACES = 16;
/** Sweeps over the parameters; if they do not settle, none counts. */
const MOST_SWEEPS = 8;

/** The greatest value that an operation can have, if it is small. */
function boundOf(value: Value, depth = BOUND_DEPTH): bigint | null {
  const { op, fn, size, sign, args } = value;
  if (op === "const") return value.imm <= SMALL ? value.imm : null;
  if (depth === 0 || value.core !== null) return null;
  if (op === "load") return sign === 0 && size < 4 ? (1n << BigInt(8 * size)) - 1n : null;
  if (op === "zext" || op === "copy") return boundOf(args[0], depth - 1);
  if (op !== "alu") return null;
  const b = args[1].op === "const" ? args[1].imm : null;
  if (fn === "and" && b !== null && b <= SMALL) return b;
  if (fn === "mod" && b !== null && b > 0n && b <= SMALL) return b - 1n;
  if (fn !== "lsh" || b === null || b > 30n) return null;
  const bound = boundOf(args[0], depth - 1);
  return bound !== null && bound << b <= SMALL ? bound << b : null;
}

const isSmall = (value: Value): boolean => boundOf(value) !== null;

/** Whether a value is an address of its own. */
function isKnown({ op, imm, fn, width, args }: Value): boolean {
  if (op === "frame") return true;
  if (op === "const") return imm >= BigInt(GUEST_BASE) && imm <= SMALL;
  if (op !== "alu" || fn !== "add" || width !== 64 || args[0].op !== "frame") return false;
  const offset = args[1].op === "const" ? BigInt.asIntN(64, args[1].imm) : SMALL;
  return offset >= -FRAME_SIZE && offset < SMALL;
}

/** Whether a value is an address that is checked, plus something small. */
function isMoved({ op, fn, width, core, args }: Value, checked: (v: Value) => boolean): boolean {
  if (op !== "alu" || fn !== "add" || width !== 64 || core !== null) return false;
  const [a, b] = args;
  return isSmall(b) && checked(a) || isSmall(a) && checked(b);
}

const isAccess = ({ op }: Value): boolean => op === "load" || op === "store" || op === "atomic";

/** Analyses one function. */
class Analysis implements SafeAccesses {
  readonly #fn: IrFunction;
  readonly #dominators: Dominators;
  readonly #safe: Uint8Array;
  /** By id: a parameter that is near. */
  readonly #near: Uint8Array;
  /** By base: blocks with an access. */
  readonly #places: (Block[] | undefined)[];

  constructor(fn: IrFunction, dominators: Dominators) {
    this.#fn = fn;
    this.#dominators = dominators;
    this.#safe = new Uint8Array(fn.valueCount);
    this.#near = new Uint8Array(fn.valueCount);
    this.#places = new Array(fn.valueCount);
    this.#settleParams();
    this.#findSafe();
  }

  isSafe({ id }: Value): boolean {
    return this.#safe[id] !== 0;
  }

  #note(base: Value, block: Block): void {
    const places = this.#places[base.id] ??= [];
    if (places[places.length - 1] !== block && places.length < MOST_PLACES) places.push(block);
  }

  /** Whether an access with this base was noted in a block that dominates. */
  #isChecked(base: Value, at: Block): boolean {
    return this.#places[base.id]?.some((place) => this.#dominators.dominates(place, at)) ?? false;
  }

  #isNear(value: Value, at: Block): boolean {
    const checked = (base: Value): boolean => this.#isChecked(base, at);
    return isKnown(value) || this.#near[value.id] !== 0 || checked(value) ||
      isMoved(value, checked);
  }

  /** With all accesses noted, finds the parameters that are near. */
  #settleParams(): void {
    const { order } = this.#dominators;
    for (const block of order) {
      for (const value of block.insns) if (isAccess(value)) this.#note(value.args[0], block);
      if (block === this.#fn.entry) continue;
      for (const { id } of block.params) this.#near[id] = 1;
    }
    let changed = true;
    for (let i = 0; changed && i < MOST_SWEEPS; i++) {
      changed = order.map((block) => this.#sweep(block)).includes(true);
    }
    if (changed) this.#near.fill(0);
    this.#places.fill(undefined);
  }

  /** Takes parameters of a block that are not near on some edge for what they are. */
  #sweep({ params, preds }: Block): boolean {
    let changed = false;
    params.forEach(({ id }, i) => {
      if (this.#near[id] === 0) return;
      const near = ({ args, from }: Edge): boolean => this.#isNear(args[i], from);
      if (preds.every(near)) return;
      this.#near[id] = 0;
      changed = true;
    });
    return changed;
  }

  /** Walks the dominator tree, noting accesses as they come. */
  #findSafe(): void {
    for (const block of this.#dominators.tree) {
      for (const access of block.insns) {
        if (!isAccess(access)) continue;
        const [base] = access.args;
        if (access.off >= 0 && this.#isNear(base, block)) this.#safe[access.id] = 1;
        this.#note(base, block);
      }
    }
  }
}

/**
 * Finds the accesses whose base is known to be a good address.
 *
 * @param fn A valid function.
 * @param dominators Its dominator tree.
 * @returns The answers.
 */
export function safeAccesses(fn: IrFunction, dominators: Dominators): SafeAccesses {
  return new Analysis(fn, dominators);
}
