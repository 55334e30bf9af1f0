/**
 * Copy propagation: what reads a 64-bit move reads what was moved.
 *
 * Before: `v2 = copy v1; v3 = add v2, v0`. After: `v2 = copy v1; v3 = add v1, v0`.
 *
 * Arguments of edges are another matter, since a move on an edge may need a block and a jump of its own. Where a block
 * has several successors and an edge passes a move, the move stays, for all that reads it, lest both it and its source
 * live on; unless all that it does is to give its source another name. A move of a leaf stays for all edges: one move
 * serves all of them, where the bare leaf would be materialised on each.
 *
 * Needs nothing; dead-code removes what becomes unused. Moves that carry a CO-RE record stay, and so do moves of a
 * CO-RE constant, since the loader patches that one instruction.
 *
 * @module
 */

import { type Block, type IrFunction, isLeaf, type Value } from "../ir/function.ts";
import { removeTrivialParams } from "../ir/trivial_params.ts";
import { sourceOf } from "./moves.ts";
import type { Pass } from "./pass.ts";
import { useCounts } from "./uses.ts";

/**
 * The moves that stay: see above.
 *
 * @param fn The function.
 * @returns 1 for each of them, by value id.
 */
export function keptMoves(fn: IrFunction): Uint8Array {
  const uses = useCounts(fn);
  const kept = new Uint8Array(fn.valueCount);
  for (const { succs } of fn.blocks) {
    if (succs.length < 2) continue;
    for (const { args } of succs) {
      for (const arg of args) {
        if (arg.op === "copy" && uses[arg.args[0].id] > 1 && !isLeaf(arg.args[0])) kept[arg.id] = 1;
      }
    }
  }
  return kept;
}

/**
 * What to read instead of a value.
 *
 * @param value Any value.
 * @param kept The moves that stay, from {@link keptMoves}.
 * @returns What it moves, if it is a move that does not stay.
 */
export function forwarded(value: Value, kept: Uint8Array): Value {
  let at = value;
  while (at.op === "copy" && at.core === null && at.args[0].op !== "core" && kept[at.id] === 0) {
    at = at.args[0];
  }
  return at;
}

/** Lets operands read the sources of moves, but for edges those of leaves. */
function resolve(args: Value[], kept: Uint8Array, edge: boolean): boolean {
  let changed = false;
  for (let i = 0; i < args.length; i++) {
    if (args[i].op !== "copy") continue;
    let at = forwarded(args[i], kept);
    if (edge && isLeaf(at)) at = lastMove(args[i]);
    if (at === args[i]) continue;
    args[i] = at;
    changed = true;
  }
  return changed;
}

/** The move in a chain of moves that moves a leaf. */
function lastMove(value: Value): Value {
  let at = value;
  while (!isLeaf(at.args[0])) at = at.args[0];
  return at;
}

/** Gives parameters whose arguments are all moves of one value that value, so that they become trivial. */
function resolveTrivial({ params, preds }: Block): void {
  for (let i = 0; i < params.length; i++) {
    const first = sourceOf(preds[0].args[i]);
    if (isLeaf(first)) continue;
    const same = preds.every(({ args }) => args[i] === params[i] || sourceOf(args[i]) === first);
    if (!same) continue;
    for (const { args } of preds) if (args[i] !== params[i]) args[i] = first;
  }
}

/**
 * Lets everything read what moves move, but where the move is worth keeping.
 *
 * @param fn The function.
 * @returns Whether anything changed.
 */
export function forwardMoves(fn: IrFunction): boolean {
  for (const block of fn.blocks) {
    if (block !== fn.entry && block.preds.length > 0) resolveTrivial(block);
  }
  let changed = removeTrivialParams(fn);
  const kept = keptMoves(fn);
  for (const { insns, term } of fn.blocks) {
    for (const { args } of insns) changed = resolve(args, kept, false) || changed;
    changed = resolve(term!.args, kept, false) || changed;
    for (const { args } of term!.edges) changed = resolve(args, kept, true) || changed;
  }
  return changed;
}

/** The pass. */
export const copyPropagation: Pass = {
  name: "copy-propagation",
  summary: "what reads a move reads its source",
  options: [],
  run: forwardMoves,
};
