/**
 * Which accesses of strict memory need no look at the limit of their page: those between bytes of the same base that
 * were accessed before.
 *
 * Before: `v1 = load.u64 v0; v2 = load.u32 v0 + 4` looks twice. After: once.
 *
 * Two accessible bytes less than a guard apart are in one region, and so is what lies between them. What one instruction
 * has found holds in what it dominates, in a function without calls; a callee may change regions, so where there are
 * calls it holds up to the next one in the same block. What can be stored to can be loaded from.
 *
 * @module
 */

import type { Dominators } from "../../ir/dominators.ts";
import type { Block, IrFunction, Value } from "../../ir/function.ts";

/** Unmapped bytes between regions, at least. */
const GUARD = 1024;
/** Additions of constants that are followed at most. */
const MOST_STEPS = 8;

/** Bytes that are accessible, relative to a root, and since which block of the walk. */
interface Found {
  readonly start: number;
  readonly end: number;
  readonly block: Block;
  readonly writable: boolean;
  /** What was known before, in a block that dominates this one. */
  readonly outer: Found | null;
}

/** What an address is: a constant distance from another value. */
interface Root {
  readonly value: Value;
  readonly distance: number;
}

function rootOf(access: Value): Root {
  let value = access.args[0], distance = access.off;
  for (let i = 0; i < MOST_STEPS; i++) {
    const { op, fn, width, args } = value;
    if (op === "copy") value = args[0];
    else if (op === "alu" && fn === "add" && width === 64 && args[1].op === "const") {
      const by = Number(BigInt.asIntN(64, args[1].imm));
      if (Math.abs(by) > GUARD) break;
      distance += by;
      value = args[0];
    } else break;
  }
  return { value, distance };
}

const calls = ({ op, callee }: Value): boolean => op === "call" && callee!.kind !== "intrinsic";

/** The walk over one function. */
class LimitScan {
  readonly known: Uint8Array;
  readonly #dominators: Dominators;
  readonly #found: (Found | null)[];
  readonly #hasCalls: boolean;

  constructor(fn: IrFunction, dominators: Dominators) {
    this.known = new Uint8Array(fn.valueCount);
    this.#dominators = dominators;
    this.#found = new Array(fn.valueCount).fill(null);
    this.#hasCalls = fn.blocks.some(({ insns }) => insns.some(calls));
  }

  run(writes: (access: Value) => boolean): void {
    for (const block of this.#dominators.tree) {
      let touched: Value[] = [];
      const forget = () => {
        for (const { id } of touched) this.#found[id] = null;
        touched = [];
      };
      for (const value of block.insns) {
        const { op } = value;
        if (this.#hasCalls && calls(value)) forget();
        if (op !== "load" && op !== "store" && op !== "atomic") continue;
        const root = rootOf(value);
        this.#access(block, value, root, writes(value));
        touched.push(root.value);
      }
      if (this.#hasCalls) forget();
    }
  }

  #access(block: Block, access: Value, { value, distance }: Root, writable: boolean): void {
    let found = this.#found[value.id];
    while (found !== null && !this.#dominators.dominates(found.block, block)) found = found.outer;
    const end = distance + access.size;
    if (found !== null && (found.writable || !writable)) {
      if (found.start <= distance && end <= found.end) {
        this.known[access.id] = 1;
        return;
      }
      const near = distance - found.end < GUARD && found.start - end < GUARD;
      if (near) {
        const start = Math.min(distance, found.start);
        found = { start, end: Math.max(end, found.end), block, writable, outer: found };
        this.#found[value.id] = found;
        return;
      }
    }
    this.#found[value.id] = { start: distance, end, block, writable, outer: found };
  }
}

/**
 * Finds the accesses whose limit is known.
 *
 * @param fn A valid function.
 * @param dominators Its dominator tree.
 * @param writes Whether an access stores.
 * @returns By value id: 1 for those.
 */
export function knownLimits(
  fn: IrFunction,
  dominators: Dominators,
  writes: (access: Value) => boolean,
): Uint8Array {
  const scan = new LimitScan(fn, dominators);
  scan.run(writes);
  return scan.known;
}
