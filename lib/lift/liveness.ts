/**
 * Register liveness of bytecode, a backward data-flow problem over sets of registers.
 *
 * @module
 */

import { loopForest } from "../ir/loop_forest.ts";
import type { ProgramFunction } from "../object/program.ts";
import { callReads, type LiftContext } from "./calls.ts";
import type { Flow } from "./flow.ts";
import { readsOf, writesOf } from "./registers.ts";

/** What the blocks of a function do with registers. */
export interface RegisterUse {
  /** By block: the set of registers that may be read after its start before they are overwritten. */
  readonly live: Int32Array;
  /** By block: the set of registers that it overwrites. */
  readonly writes: Int32Array;
}

/**
 * Finds the registers that are live at the start of each block. Each block is visited again only when a successor's set
 * has grown, so the work is linear in the number of edges.
 *
 * @param fn The function.
 * @param flow Its flow.
 * @param context Facts about its program.
 * @returns Register sets by block.
 */
export function registerUse(fn: ProgramFunction, flow: Flow, context: LiftContext): RegisterUse {
  const { count, taken, next, predStart, preds, order } = flow;
  const { live, writes } = localUse(fn, flow, context);
  const queued = new Uint8Array(count).fill(1);
  // In post-order first; a block is at most once in the queue, which therefore never overruns itself.
  const queue = order.slice().reverse();
  let head = 0, waiting = count;
  while (waiting > 0) {
    const block = queue[head];
    head = head + 1 === count ? 0 : head + 1;
    waiting--;
    queued[block] = 0;
    const out = (taken[block] < 0 ? 0 : live[taken[block]]) |
      (next[block] < 0 ? 0 : live[next[block]]);
    const set = live[block] | out & ~writes[block];
    if (set === live[block]) continue;
    live[block] = set;
    for (let i = predStart[block]; i < predStart[block + 1]; i++) {
      const pred = preds[i];
      if (queued[pred] !== 0) continue;
      queued[pred] = 1;
      queue[(head + waiting++) % count] = pred;
    }
  }
  return { live, writes };
}

/** The same within each block: what it reads before it writes it, and what it writes. */
function localUse(fn: ProgramFunction, flow: Flow, context: LiftContext): RegisterUse {
  const { insns, slots } = fn.section;
  const live = new Int32Array(flow.count);
  const writes = new Int32Array(flow.count);
  for (let block = 0; block < flow.count; block++) {
    let read = 0, written = 0;
    for (let i = flow.first[block]; i < flow.end[block]; i++) {
      const insn = insns[i];
      const set = insn.op.kind === "call"
        ? callReads(context, fn.section, insn, slots[i])
        : readsOf(insn);
      read |= set & ~written;
      written |= writesOf(insn);
    }
    live[block] = read;
    writes[block] = written;
  }
  return { live, writes };
}

/**
 * The registers that each loop overwrites.
 *
 * @param flow The flow of a function.
 * @param writes By block: the set of registers that it overwrites.
 * @returns By block: the set for the loop that it is the header of, none for other blocks. In an irreducible flow, all
 * registers.
 */
export function loopWrites(flow: Flow, writes: Int32Array): Int32Array {
  const { innermost, parent, reducible } = loopForest(flow);
  const { order } = flow;
  const sets = new Int32Array(flow.count);
  if (!reducible) return sets.fill(-1);
  for (let i = order.length - 1; i >= 0; i--) {
    const block = order[i];
    const header = innermost[block];
    if (header < 0) continue;
    sets[header] |= writes[block];
    // The rest of the loop came before its header.
    if (header === block && parent[block] >= 0) sets[parent[block]] |= sets[block];
  }
  return sets;
}
