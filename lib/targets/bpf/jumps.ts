/**
 * Jump distances. A jump reaches 32,767 slots; beyond that, v4 has `gotol`, and older versions get trampolines: a
 * `goto` placed within reach that goes on.
 *
 * @module
 */

import { UnsupportedError } from "../../errors.ts";
import { Instruction, slotTable } from "../../isa/instruction.ts";
import type { Version } from "../../isa/ops.ts";
import type { CodeRelocation, CoreRecord } from "../../object/program.ts";
import { BPF } from "./code.ts";
import type { CodeBuffer } from "./emit.ts";

/** Reach of a 16-bit jump forwards; backwards it is one more. */
const REACH = 32_767;
/** Distance between islands of trampolines. */
const ISLAND_DISTANCE = 24_000;

/** Code with final jumps. */
export interface LinkedCode {
  readonly insns: Instruction[];
  readonly origins: number[];
  readonly relocations: Map<number, CodeRelocation>;
  readonly core: Map<number, CoreRecord>;
  readonly targets: Map<number, number>;
}

/** Sets the distance of a jump. */
function aim(insn: Instruction, distance: number): void {
  if (insn.op === BPF.gotol) {
    insn.imm = distance;
    return;
  }
  if (distance > REACH || distance < -REACH - 1) {
    throw new UnsupportedError(`cannot emit a jump over ${distance} slots: no trampoline in reach`);
  }
  insn.off = distance;
}

/** Instructions inserted before given indices of a buffer, in order. */
interface Insertion {
  readonly before: number;
  readonly insn: Instruction;
  /** Jump target: index in the old buffer, or -1 - index of another insertion. */
  target: number;
}

/** A jump: its index, and that of its target. */
interface Jump {
  readonly at: number;
  readonly to: number;
}

/**
 * Sets all jump distances, extending jumps that are too far.
 *
 * @param buffer The code.
 * @param cpu Newest ISA version that may be used.
 * @returns The code with final jumps.
 */
export function relaxJumps(buffer: CodeBuffer, cpu: Version): LinkedCode {
  const slots = slotTable(buffer.insns);
  const { jumps: at, labels, blockStart } = buffer;
  const distance = (k: number): number => slots[blockStart[labels[k]]] - slots[at[k]] - 1;
  let far = false;
  for (let k = 0; k < at.length && !far; k++) far = Math.abs(distance(k)) > REACH;
  if (!far) {
    for (let k = 0; k < at.length; k++) aim(buffer.insns[at[k]], distance(k));
    return buffer;
  }
  const jumps = at.map((index, k): Jump => ({ at: index, to: blockStart[labels[k]] }));
  return cpu >= 4 ? withLongJumps(buffer, jumps, slots) : withTrampolines(buffer, jumps, slots);
}

/** By index of an instruction, how many jumps come before it. */
function jumpsBefore(buffer: CodeBuffer, jumps: readonly Jump[]): Int32Array {
  const before = new Int32Array(buffer.insns.length + 1);
  for (const { at } of jumps) before[at + 1] = 1;
  for (let i = 1; i < before.length; i++) before[i] += before[i - 1];
  return before;
}

/** Replaces far `goto`s by `gotol`, and sends far conditional jumps over one at the end of the function. */
function withLongJumps(
  buffer: CodeBuffer,
  jumps: readonly Jump[],
  slots: Int32Array,
): LinkedCode {
  // Every far conditional jump hops to a `gotol` that stands right behind it, skipped by the fall-through:
  // `if c goto L` becomes `if c goto +1; goto +1; gotol L`.
  const insertions: Insertion[] = [];
  const retarget = new Map<number, number>();
  // What is inserted makes a jump longer, by at most two slots for each jump that it passes and for itself.
  const before = jumpsBefore(buffer, jumps);
  for (const { at, to } of jumps) {
    const passed = Math.abs(before[to] - before[at]) + 1;
    if (Math.abs(slots[to] - slots[at] - 1) + 2 * passed <= REACH) continue;
    const insn = buffer.insns[at];
    if (insn.op === BPF.goto) {
      insn.op = BPF.gotol;
      continue;
    }
    insertions.push({ before: at + 1, insn: new Instruction(BPF.goto), target: at + 1 });
    retarget.set(at, -1 - insertions.length);
    insertions.push({ before: at + 1, insn: new Instruction(BPF.gotol), target: to });
  }
  return insert(buffer, jumps, insertions, retarget);
}

/** Puts islands of `goto`s into the code, each a hop for the far jumps that pass over it. */
function withTrampolines(
  buffer: CodeBuffer,
  jumps: readonly Jump[],
  slots: Int32Array,
): LinkedCode {
  const insertions: Insertion[] = [];
  const retarget = new Map<number, number>();
  const end = slots[buffer.insns.length];
  const islands: number[] = [];
  for (let slot = ISLAND_DISTANCE; slot < end; slot += ISLAND_DISTANCE) {
    let index = 0;
    for (let low = 0, high = buffer.insns.length; low < high;) {
      index = (low + high) >> 1;
      if (slots[index] < slot) low = index + 1;
      else high = index;
    }
    islands.push(index);
  }
  for (const island of islands) {
    // The way round the island for what falls into it.
    insertions.push({ before: island, insn: new Instruction(BPF.goto), target: island });
    const hops = new Map<number, number>();
    for (const { at, to } of jumps) {
      const between = at < to ? at < island && island < to : to < island && island <= at;
      if (!between || Math.abs(slots[to] - slots[at] - 1) <= ISLAND_DISTANCE) continue;
      let hop = hops.get(to * 2 + (at < to ? 1 : 0));
      if (hop === undefined) {
        hop = insertions.length;
        hops.set(to * 2 + (at < to ? 1 : 0), hop);
        insertions.push({ before: island, insn: new Instruction(BPF.goto), target: to });
      }
      chain(insertions, retarget, at, to, hop, at < to);
    }
  }
  return insert(buffer, jumps, insertions, retarget);
}

/** Makes a jump go through a hop: forward jumps meet islands in order, backward jumps in reverse. */
function chain(
  insertions: Insertion[],
  retarget: Map<number, number>,
  at: number,
  to: number,
  hop: number,
  forward: boolean,
): void {
  const first = retarget.get(at);
  if (first === undefined) {
    retarget.set(at, -1 - hop);
    return;
  }
  if (forward) {
    let last = -1 - first;
    while (insertions[last].target < 0) last = -1 - insertions[last].target;
    if (last !== hop && insertions[last].target === to) insertions[last].target = -1 - hop;
  } else {
    if (-1 - first !== hop) insertions[hop].target = first;
    retarget.set(at, -1 - hop);
  }
}

/** Rebuilds a buffer with insertions, and sets all jump distances. */
function insert(
  buffer: CodeBuffer,
  jumps: readonly Jump[],
  insertions: readonly Insertion[],
  retarget: ReadonlyMap<number, number>,
): LinkedCode {
  const code: LinkedCode = {
    insns: [],
    origins: [],
    relocations: new Map(),
    core: new Map(),
    targets: new Map(),
  };
  const moved = new Int32Array(buffer.insns.length + 1);
  const placed = new Int32Array(insertions.length);
  // Stable by place: `insertions` of one place stay in order.
  const order = insertions.map((_, i) => i).sort((a, b) =>
    insertions[a].before - insertions[b].before || a - b
  );
  let next = 0;
  for (let i = 0; i <= buffer.insns.length; i++) {
    for (; next < order.length && insertions[order[next]].before === i; next++) {
      placed[order[next]] = code.insns.length;
      code.insns.push(insertions[order[next]].insn);
      code.origins.push(-1);
    }
    moved[i] = code.insns.length;
    if (i === buffer.insns.length) break;
    const relocation = buffer.relocations.get(i);
    const core = buffer.core.get(i);
    const target = buffer.targets.get(i);
    if (relocation !== undefined) code.relocations.set(moved[i], relocation);
    if (core !== undefined) code.core.set(moved[i], core);
    if (target !== undefined) code.targets.set(moved[i], target);
    code.insns.push(buffer.insns[i]);
    code.origins.push(buffer.origins[i]);
  }
  const slots = slotTable(code.insns);
  const place = (target: number): number => target >= 0 ? moved[target] : placed[-1 - target];
  for (const { at, to } of jumps) {
    const from = moved[at];
    aim(code.insns[from], slots[place(retarget.get(at) ?? to)] - slots[from] - 1);
  }
  insertions.forEach(({ insn, target }, i) => {
    aim(insn, slots[place(target)] - slots[placed[i]] - 1);
  });
  return code;
}
