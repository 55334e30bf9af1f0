/**
 * Spill slots shared between values that do not live at the same time, by interval colouring in layout order.
 *
 * @module
 */

import type { Liveness } from "./liveness.ts";
import type { MachineFunction } from "./machine.ts";

/** The part of the function that a spilled value may live in, as positions in layout order. */
interface Interval {
  readonly vreg: number;
  readonly start: number;
  readonly end: number;
}

/** Intervals that cover the live ranges of spilled values. */
function intervals(fn: MachineFunction, liveness: Liveness, spilled: Uint8Array): Interval[] {
  const first = new Int32Array(fn.vregCount).fill(-1);
  const last = new Int32Array(fn.vregCount).fill(-1);
  const cover = (vreg: number, from: number, to: number): void => {
    if (spilled[vreg] === 0) return;
    if (first[vreg] < 0 || from < first[vreg]) first[vreg] = from;
    if (to > last[vreg]) last[vreg] = to;
  };
  let base = 0;
  for (const block of fn.blocks) {
    const end = base + block.insns.length + 2;
    const { start, vregs } = liveness;
    const coverLiveIn = (index: number, at: number): void => {
      for (let k = start[index]; k < start[index + 1]; k++) cover(vregs[k], at, at);
    };
    coverLiveIn(block.index, base);
    for (const vreg of block.params) cover(vreg, base, base);
    block.insns.forEach((insn, i) => {
      const at = base + 1 + i;
      for (const vreg of insn.uses) cover(vreg, at, at);
      if (insn.def >= 0) cover(insn.def, at, at);
    });
    for (const vreg of block.term.uses) cover(vreg, end, end);
    for (const edge of block.succs) {
      coverLiveIn(edge.to.index, end);
      for (const vreg of edge.args) cover(vreg, end, end);
    }
    base = end + 1;
  }
  const result: Interval[] = [];
  for (let vreg = 0; vreg < fn.vregCount; vreg++) {
    if (first[vreg] >= 0) result.push({ vreg, start: first[vreg], end: last[vreg] });
  }
  return result.sort((a, b) => a.start - b.start || a.vreg - b.vreg);
}

/**
 * Numbers spill slots.
 *
 * @param fn The function.
 * @param liveness Its liveness.
 * @param spilled 1 for each virtual register that needs a slot.
 * @returns The slot of each virtual register (-1 for none) and the number of slots.
 */
export function colourSlots(
  fn: MachineFunction,
  liveness: Liveness,
  spilled: Uint8Array,
): { slotOf: Int32Array; count: number } {
  const slotOf = new Int32Array(fn.vregCount).fill(-1);
  const busyUntil: number[] = [];
  if (spilled.indexOf(1) >= 0) {
    for (const { vreg, start, end } of intervals(fn, liveness, spilled)) {
      let slot = busyUntil.findIndex((until) => until < start);
      if (slot < 0) slot = busyUntil.length;
      busyUntil[slot] = end;
      slotOf[vreg] = slot;
    }
  }
  return { slotOf, count: busyUntil.length };
}
