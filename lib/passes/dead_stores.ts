/**
 * Dead stores to the stack: those whose bytes nobody reads before they are written again or the function returns.
 *
 * Before: `store.u64 fp - 8, v1; return 0`. After: `return 0`.
 *
 * Liveness of the 512 bytes of the frame, a bit each, backwards over the blocks with a worklist. A call reads what its
 * frame pointers reach (analysis/frame.ts). Where the address of the frame went astray, nothing is removed.
 *
 * @module
 */

import { removeInsns } from "../ir/cfg.ts";
import type { Block, IrFunction, Value } from "../ir/function.ts";
import { reversePostOrder } from "../ir/order.ts";
import { FRAME_BYTES } from "./analysis/frame.ts";
import { FRAME, Memory } from "./analysis/memory.ts";
import type { Pass, PassContext } from "./pass.ts";

const WORDS = FRAME_BYTES / 32;

/** A set of bytes of the frame, in a row of a table. */
class ByteSets {
  readonly words: Int32Array;

  constructor(count: number) {
    this.words = new Int32Array(count * WORDS);
  }

  /** Adds or takes away the bytes from an offset to before another. */
  mark(row: number, start: number, end: number, live: boolean): void {
    const first = Math.max(0, start + FRAME_BYTES), last = Math.min(FRAME_BYTES, end + FRAME_BYTES);
    for (let byte = first; byte < last; byte++) {
      const at = row * WORDS + (byte >> 5);
      if (live) this.words[at] |= 1 << (byte & 31);
      else this.words[at] &= ~(1 << (byte & 31));
    }
  }

  any(row: number, start: number, end: number): boolean {
    if (start < -FRAME_BYTES || end > 0) return true;
    for (let byte = start + FRAME_BYTES; byte < end + FRAME_BYTES; byte++) {
      if ((this.words[row * WORDS + (byte >> 5)] >>> (byte & 31) & 1) !== 0) return true;
    }
    return false;
  }
}

/** Steps one instruction back over a set. */
function stepBack(value: Value, memory: Memory, sets: ByteSets, row: number): void {
  switch (value.op) {
    case "load":
    case "atomic":
    case "store": {
      const { object, root, off, size } = memory.place(value);
      if (object !== FRAME) return;
      const exact = root.op === "frame";
      if (value.op !== "store") {
        if (exact) sets.mark(row, off, off + size, true);
        else sets.mark(row, -FRAME_BYTES, 0, true);
      } else if (exact) sets.mark(row, off, off + size, false);
      return;
    }
    case "call":
      for (const { start, end } of memory.frames.touchedBy(value)) sets.mark(row, start, end, true);
  }
}

/** What is live at the end of a block, into a row. */
function liveOut(block: Block, starts: ByteSets, out: ByteSets): void {
  out.words.fill(0);
  for (const { to } of block.succs) {
    for (let i = 0; i < WORDS; i++) out.words[i] |= starts.words[to.id * WORDS + i];
  }
}

/** The bytes that are live at the start of each block. */
function liveStarts(fn: IrFunction, memory: Memory): ByteSets {
  const starts = new ByteSets(fn.blockCount);
  const out = new ByteSets(1);
  const order = reversePostOrder(fn);
  const pending = new Uint8Array(fn.blockCount).fill(1);
  for (let again = true; again;) {
    again = false;
    for (let i = order.length - 1; i >= 0; i--) {
      const block = order[i];
      if (pending[block.id] === 0) continue;
      pending[block.id] = 0;
      liveOut(block, starts, out);
      for (let k = block.insns.length - 1; k >= 0; k--) stepBack(block.insns[k], memory, out, 0);
      let changed = false;
      for (let w = 0; w < WORDS; w++) {
        const at = block.id * WORDS + w;
        if (starts.words[at] === out.words[w]) continue;
        starts.words[at] = out.words[w];
        changed = true;
      }
      if (!changed) continue;
      for (const { from } of block.preds) pending[from.id] = 1;
      again = true;
    }
  }
  return starts;
}

function run(fn: IrFunction, context: PassContext): boolean {
  const memory = new Memory(fn, context);
  if (memory.frames.escaped) return false;
  const starts = liveStarts(fn, memory);
  const out = new ByteSets(1);
  const dead = new Uint8Array(fn.valueCount);
  let count = 0;
  for (const block of fn.blocks) {
    liveOut(block, starts, out);
    for (let k = block.insns.length - 1; k >= 0; k--) {
      const value = block.insns[k];
      if (value.op === "store" && value.core === null) {
        const { object, root, off, size } = memory.place(value);
        if (object === FRAME && root.op === "frame" && !out.any(0, off, off + size)) {
          dead[value.id] = 1;
          count++;
          continue;
        }
      }
      stepBack(value, memory, out, 0);
    }
  }
  if (count === 0) return false;
  removeInsns(fn, dead);
  context.count("stores removed", count);
  return true;
}

/** The pass. */
export const deadStores: Pass = {
  name: "dead-stores",
  summary: "removes stores to the stack that nobody reads",
  options: [],
  run,
};
