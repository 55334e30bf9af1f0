/**
 * Which values are compared where. The verifier narrows a value, and what differs from it by a constant, where a branch
 * compares it; what was computed from it before stays as wide as it was.
 *
 * @module
 */

import type { Dominators } from "../../ir/dominators.ts";
import type { Block, Value } from "../../ir/function.ts";

/** A value without the steps of {@link rootOf} is sought through so many. */
const MOST_STEPS = 32;

/** What a value differs from by a constant, a move or a zero-extension. */
function rootOf(value: Value): Value {
  for (let i = 0; i < MOST_STEPS; i++) {
    const { op, fn, args } = value;
    const shifted = op === "alu" && (fn === "add" || fn === "sub") && args[1].op === "const";
    if (!shifted && op !== "copy" && op !== "zext") return value;
    value = args[0];
  }
  return value;
}

/** Where a value is compared. */
interface Compare {
  /** Place of the block in reverse post order. */
  readonly place: number;
  readonly block: Block;
  /** Compared with a constant. */
  readonly constant: boolean;
}

/** The compares of a function. */
export class Compared {
  readonly #dominators: Dominators;
  readonly #places: Int32Array;
  readonly #compares = new Map<Value, Compare[]>();

  /**
   * Finds them.
   *
   * @param dominators The function's dominators.
   * @param blocks Number of block ids in use.
   */
  constructor(dominators: Dominators, blocks: number) {
    this.#dominators = dominators;
    this.#places = new Int32Array(blocks);
    dominators.order.forEach((block, place) => {
      this.#places[block.id] = place;
      const { term } = block;
      if (term?.op !== "branch") return;
      const constant = term.args.some(({ op }) => op === "const");
      for (const arg of term.args) {
        if (arg.op === "const") continue;
        const root = rootOf(arg);
        const known = this.#compares.get(root);
        const compare = { place, block, constant };
        if (known === undefined) this.#compares.set(root, [compare]);
        else known.push(compare);
      }
    });
  }

  /**
   * Whether a computation may be known more narrowly behind compares than where it was made before.
   *
   * @param earlier The computation as it was made first.
   * @param block A block that its block dominates, where the same is computed.
   * @returns Whether one of its operands is compared between the two.
   */
  narrows(earlier: Value, block: Block): boolean {
    if (earlier.block === block) return false;
    const sum = earlier.op === "alu" && (earlier.fn === "add" || earlier.fn === "sub");
    const operands = earlier.args.filter(({ op }) => op !== "const");
    if (sum && operands.length < earlier.args.length) return false;
    const from = this.#places[earlier.block!.id], to = this.#places[block.id];
    return operands.some((operand) =>
      this.#compares.get(rootOf(operand))?.some(({ place, block, constant }) =>
        // The compare of a sum with something else than a constant is one of pointers.
        (constant || !sum) && place >= from && place < to &&
        this.#dominators.dominates(earlier.block!, block)
      )
    );
  }
}
