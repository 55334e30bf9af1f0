/**
 * Which values need no local: pure ones with a single use in their own block are computed where they are used, as an
 * operand tree on the stack of the machine.
 *
 * @module
 */

import { type Block, type IrFunction, isLeaf, type Value } from "../../ir/function.ts";
import { OPERATIONS } from "../../ir/operations.ts";

/** Levels of an operand tree at most, since trees are walked by recursion. */
const MAX_DEPTH = 40;

/** Calls back for each use in a block: by instructions, by the terminator, by edges. */
function eachUse(block: Block, visit: (value: Value) => void): void {
  for (const { args } of block.insns) for (const arg of args) visit(arg);
  if (block.term === null) return;
  for (const arg of block.term.args) visit(arg);
  for (const { args } of block.term.edges) for (const arg of args) visit(arg);
}

/** The operand trees of a function. */
export class Folding {
  readonly #folded: Uint8Array;

  /**
   * Decides what is folded.
   *
   * @param fn A valid function.
   */
  constructor(fn: IrFunction) {
    const uses = new Uint8Array(fn.valueCount);
    /** Block of the only use, by value id. */
    const user = new Int32Array(fn.valueCount);
    for (const block of fn.blocks) {
      eachUse(block, ({ id }) => {
        if (uses[id] < 2) uses[id]++;
        user[id] = block.id;
      });
    }
    this.#folded = new Uint8Array(fn.valueCount);
    const depth = new Uint8Array(fn.valueCount);
    for (const block of fn.blocks) {
      for (const value of block.insns) {
        const { id, op, args } = value;
        if (OPERATIONS[op].effect !== "none") continue;
        for (const arg of args) {
          if (this.#folded[arg.id] !== 0) depth[id] = Math.max(depth[id], depth[arg.id] + 1);
        }
        if (uses[id] === 1 && user[id] === block.id && depth[id] < MAX_DEPTH) {
          this.#folded[id] = 1;
        }
      }
    }
  }

  /**
   * Whether a value is computed at its use.
   *
   * @param value A value.
   * @returns Whether it is; leaves are not.
   */
  has(value: Value): boolean {
    return this.#folded[value.id] !== 0;
  }

  /**
   * Calls back for each value in a local that an operand reads.
   *
   * @param operand The operand.
   * @param visit Takes the value.
   */
  eachLocal(operand: Value, visit: (value: Value) => void): void {
    if (isLeaf(operand)) return;
    if (!this.has(operand)) return visit(operand);
    for (const arg of operand.args) this.eachLocal(arg, visit);
  }
}
