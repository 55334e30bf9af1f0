/**
 * Merging of blocks: edges pass over blocks that only jump, and a block is joined to its only successor where it is
 * that one's only predecessor.
 *
 * Before: `b0: branch.64.eq v0, 0, b1, b2`, `b1: jump b3(v1)`, `b2: jump b4`, `b4: return v0`. After:
 * `b0: branch.64.eq v0, 0, b3(v1), b2`, `b2: return v0`.
 *
 * One sweep each, forwards; chains of any length collapse in it. The kernel's verifier prunes states at the heads of
 * blocks, so this is for the virtual machine.
 *
 * @module
 */

import { removeUnreachable, replaceUses } from "../ir/cfg.ts";
import type { Block, Edge, IrFunction, Value } from "../ir/function.ts";
import type { Pass, PassContext } from "./pass.ts";

/** Whether a block does nothing but jump elsewhere with arguments that it did not get as parameters. */
function onlyJumps({ insns, params, term }: Block): boolean {
  return insns.length === 0 && params.length === 0 && term!.op === "jump";
}

/** The last edge of a chain of blocks that only jump; null for none, and for a chain that never ends. */
function lastOf(edge: Edge, most: number): Edge | null {
  let at = edge;
  for (let i = 0; i < most && onlyJumps(at.to); i++) at = at.to.term!.edges[0];
  return at === edge || onlyJumps(at.to) ? null : at;
}

/** Lets edges pass over blocks that only jump; returns how many did. */
function skipJumps(fn: IrFunction): number {
  const passed = new Set<Block>();
  let count = 0;
  for (const block of fn.blocks) {
    for (const edge of block.succs) {
      const last = lastOf(edge, 64);
      if (last === null) continue;
      passed.add(edge.to);
      edge.to = last.to;
      edge.args = last.args.slice();
      last.to.preds.push(edge);
      count++;
    }
  }
  for (const block of passed) block.preds = block.preds.filter(({ to }) => to === block);
  return count;
}

/**
 * Joins each block to its only successor where it is that one's only predecessor.
 *
 * @param fn The function; what is not reachable must be gone.
 * @returns How many blocks were joined to another.
 */
export function mergeChains(fn: IrFunction): number {
  const table: (Value | undefined)[] = new Array(fn.valueCount);
  const gone = new Uint8Array(fn.blockCount);
  let count = 0;
  for (const block of fn.blocks) {
    if (gone[block.id] !== 0) continue;
    for (;;) {
      if (block.term!.op !== "jump") break;
      const [edge] = block.term!.edges;
      const { to } = edge;
      if (to.preds.length !== 1 || to === block || to === fn.entry) break;
      to.params.forEach((param, i) => {
        table[param.id] = edge.args[i];
        param.block = null;
      });
      for (const value of to.insns) {
        value.block = block;
        block.insns.push(value);
      }
      block.term = to.term;
      for (const next of block.succs) next.from = block;
      gone[to.id] = 1;
      count++;
    }
  }
  if (count === 0) return 0;
  fn.blocks = fn.blocks.filter((block) => gone[block.id] === 0);
  replaceUses(fn, table);
  return count;
}

function run(fn: IrFunction, context: PassContext): boolean {
  const skipped = skipJumps(fn);
  const unreachable = removeUnreachable(fn);
  const merged = mergeChains(fn);
  context.count("edges past blocks that only jump", skipped);
  context.count("blocks merged", merged);
  return skipped + merged > 0 || unreachable;
}

/** The pass. */
export const mergeBlocks: Pass = {
  name: "merge-blocks",
  summary: "joins blocks that follow each other, and passes over those that only jump",
  options: [],
  run,
};
