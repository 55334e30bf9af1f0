/**
 * Register liveness of bytecode, a backward data-flow problem over sets of registers.
 *
 * @module
 */

import type { ProgramFunction } from "../object/program.ts";
import { callReads, type LiftContext } from "./calls.ts";
import type { Flow } from "./flow.ts";
import { readsOf, writesOf } from "./registers.ts";

/**
 * The registers that may be read before they are overwritten, at the start of each block. Each block is visited again
 * only when a successor's set has grown, so the work is linear in the number of edges.
 *
 * @param fn The function.
 * @param flow Its flow.
 * @param context Facts about its program.
 * @returns A register set for each block.
 */
export function liveIn(fn: ProgramFunction, flow: Flow, context: LiftContext): Int32Array {
  const { count, taken, next, predStart, preds, order } = flow;
  const writes = new Int32Array(count);
  const live = localReads(fn, flow, context, writes);
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
  return live;
}

/** Registers that each block reads before it writes them; fills in those that it writes. */
function localReads(
  fn: ProgramFunction,
  flow: Flow,
  context: LiftContext,
  writes: Int32Array,
): Int32Array {
  const { insns, slots } = fn.section;
  const reads = new Int32Array(flow.count);
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
    reads[block] = read;
    writes[block] = written;
  }
  return reads;
}
