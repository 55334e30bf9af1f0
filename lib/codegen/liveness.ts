/**
 * Liveness with next-use distances.
 *
 * Live-in sets are lists, found by walking up from each use to the definition (Boissinot et al., "Computing Liveness
 * Sets for SSA-Form Programs", 2011, algorithm 4), so that cost is proportional to their size. Distances count
 * instructions; leaving a loop costs {@link LOOP_EXIT}, so that what is used inside a loop counts as nearer (Braun and
 * Hack, "Register Spilling and Live-Range Splitting for SSA-Form Programs", 2009).
 *
 * Virtual registers with a home or without a definition (leaves that are recomputed at each use) are never live.
 *
 * @module
 */

import type { MachineBlock, MachineFunction, MachineInsn } from "./machine.ts";

/** Distance of a use that does not exist. */
export const NEVER = 0x3fff_ffff;
/** Distance added on an edge that leaves a loop. */
const LOOP_EXIT = 100_000;

/** Result of {@link computeLiveness}; lists are indexed by block. */
export interface Liveness {
  /** Virtual registers live into each block, its parameters excluded. */
  readonly liveIn: readonly (readonly number[])[];
  /** Distance from the start of the block to the next use, parallel to `liveIn`. */
  readonly distance: readonly Int32Array[];
  /** Block that defines each virtual register, -1 for none. */
  readonly defBlock: Int32Array;
  /** 1 for virtual registers that are live across an instruction that clobbers registers. */
  readonly crossesCall: Uint8Array;
}

/** For each virtual register the blocks that use it before defining it, or whose edges pass it on, in one array. */
interface UseSites {
  /** Start of each virtual register's range in `sites`. */
  readonly start: Int32Array;
  /** Block index × 2, + 1 if the use is on an edge that leaves the block. */
  readonly sites: Int32Array;
}

function definitions(fn: MachineFunction): Int32Array<ArrayBuffer> {
  const defBlock = new Int32Array(fn.vregCount).fill(-1);
  for (const block of fn.blocks) {
    for (const param of block.params) defBlock[param] = block.index;
    for (const insn of block.insns) if (insn.def >= 0) defBlock[insn.def] = block.index;
  }
  return defBlock;
}

/** Calls `visit(vreg, site)` for each use outside the defining block and each edge argument. */
function forEachSite(
  fn: MachineFunction,
  defBlock: Int32Array,
  visit: (vreg: number, site: number) => void,
): void {
  for (const block of fn.blocks) {
    const site = block.index * 2;
    const visitUses = (insn: MachineInsn): void => {
      const { uses } = insn;
      for (let i = 0; i < uses.length; i++) {
        const home = defBlock[uses[i]];
        if (home >= 0 && home !== block.index) visit(uses[i], site);
      }
    };
    for (const insn of block.insns) visitUses(insn);
    visitUses(block.term);
    for (const edge of block.succs) {
      for (const arg of edge.args) {
        // An argument defined in this very block is local; the allocator sees it on the edge.
        const home = defBlock[arg];
        if (home >= 0 && home !== block.index) visit(arg, site + 1);
      }
    }
  }
}

function useSites(fn: MachineFunction, defBlock: Int32Array): UseSites {
  const start = new Int32Array(fn.vregCount + 1);
  forEachSite(fn, defBlock, (vreg) => start[vreg + 1]++);
  for (let v = 0; v < fn.vregCount; v++) start[v + 1] += start[v];
  const sites = new Int32Array(start[fn.vregCount]);
  const fill = start.slice();
  forEachSite(fn, defBlock, (vreg, site) => sites[fill[vreg]++] = site);
  return { start, sites };
}

function liveInSets(fn: MachineFunction, defBlock: Int32Array): number[][] {
  const { start, sites } = useSites(fn, defBlock);
  const liveIn: number[][] = fn.blocks.map(() => []);
  const seen = new Int32Array(fn.blocks.length).fill(-1);
  const stack: number[] = [];
  for (let vreg = 0; vreg < fn.vregCount; vreg++) {
    const home = defBlock[vreg];
    for (let i = start[vreg]; i < start[vreg + 1]; i++) stack.push(sites[i] >> 1);
    while (stack.length > 0) {
      const index = stack.pop()!;
      if (index === home || seen[index] === vreg) continue;
      seen[index] = vreg;
      liveIn[index].push(vreg);
      for (const edge of fn.blocks[index].preds) stack.push(edge.from.index);
    }
  }
  return liveIn;
}

/**
 * Position of the first use in each block of what is live into it, -1 for none; and what crosses calls. `first` and
 * `calls` are scratch by virtual register.
 */
function scanBlock(
  block: MachineBlock,
  liveIn: readonly number[],
  isLiveOut: (vreg: number) => boolean,
  first: Int32Array,
  calls: Int32Array,
  crossesCall: Uint8Array,
): Int32Array {
  // Backwards, counting calls: a register crosses one if the count grows between its last use and its definition.
  let seen = 0;
  const { insns } = block;
  const use = (insn: MachineInsn, position: number): void => {
    const { uses } = insn;
    for (let i = 0; i < uses.length; i++) {
      const vreg = uses[i];
      if (first[vreg] < 0 && calls[vreg] < 0) calls[vreg] = seen;
      first[vreg] = position;
    }
  };
  use(block.term, insns.length);
  for (let i = insns.length - 1; i >= 0; i--) {
    const insn = insns[i];
    const { def } = insn;
    if (def >= 0) {
      const since = calls[def] >= 0 ? calls[def] : isLiveOut(def) ? 0 : seen;
      if (seen > since) crossesCall[def] = 1;
      first[def] = -1;
      calls[def] = -1;
    }
    if (insn.clobbers !== 0) seen++;
    use(insn, i);
  }
  const result = new Int32Array(liveIn.length);
  for (let i = 0; i < liveIn.length; i++) {
    const vreg = liveIn[i];
    result[i] = first[vreg];
    const since = isLiveOut(vreg) ? 0 : calls[vreg];
    if (seen > since) crossesCall[vreg] = 1;
  }
  for (const param of block.params) {
    const since = isLiveOut(param) ? 0 : calls[param];
    if (since >= 0 && seen > since) crossesCall[param] = 1;
  }
  const clear = (insn: MachineInsn): void => {
    for (const vreg of insn.uses) first[vreg] = calls[vreg] = -1;
  };
  for (const insn of insns) clear(insn);
  clear(block.term);
  return result;
}

/**
 * Computes liveness.
 *
 * @param fn The function.
 * @param order Its blocks in reverse post order.
 * @returns Live-in sets and distances.
 */
export function computeLiveness(fn: MachineFunction, order: Int32Array): Liveness {
  const { blocks, vregCount } = fn;
  const defBlock = definitions(fn);
  const liveIn = liveInSets(fn, defBlock);
  const crossesCall = new Uint8Array(vregCount);
  const first = new Int32Array(vregCount).fill(-1);
  const calls = new Int32Array(vregCount).fill(-1);
  const outStamp = new Int32Array(vregCount).fill(-1);
  const distance: Int32Array[] = new Array(blocks.length);
  for (const block of blocks) {
    for (const edge of block.succs) {
      for (const vreg of liveIn[edge.to.index]) outStamp[vreg] = block.index;
      for (const vreg of edge.args) outStamp[vreg] = block.index;
    }
    distance[block.index] = scanBlock(
      block,
      liveIn[block.index],
      (vreg) => outStamp[vreg] === block.index,
      first,
      calls,
      crossesCall,
    );
  }
  propagateDistances(fn, order, liveIn, distance);
  return { liveIn, distance, defBlock, crossesCall };
}

/** Turns first-use positions into distances across blocks, in two rounds so that back edges count. */
function propagateDistances(
  fn: MachineFunction,
  order: Int32Array,
  liveIn: readonly (readonly number[])[],
  distance: Int32Array[],
): void {
  const out = new Int32Array(fn.vregCount).fill(NEVER);
  const local = distance.map((positions) => positions.slice());
  for (let round = 0; round < 2; round++) {
    for (let i = order.length - 1; i >= 0; i--) {
      const block = fn.blocks[order[i]];
      const length = block.insns.length + 1;
      forEachLiveOut(block, liveIn, distance, (vreg, far) => {
        if (far < out[vreg]) out[vreg] = far;
      });
      const here = liveIn[block.index];
      const positions = local[block.index];
      const result = distance[block.index];
      for (let k = 0; k < here.length; k++) {
        result[k] = positions[k] >= 0 ? positions[k] : Math.min(NEVER - 1, length + out[here[k]]);
      }
      for (const edge of block.succs) {
        for (const vreg of liveIn[edge.to.index]) out[vreg] = NEVER;
        for (const vreg of edge.args) out[vreg] = NEVER;
      }
    }
  }
}

/**
 * Visits what is live at the end of a block: what its successors need and the arguments of its edges. One virtual
 * register may be visited several times.
 *
 * @param block The block.
 * @param liveIn Live-in lists by block.
 * @param distance Distances parallel to `liveIn`; entries below zero are not known yet.
 * @param visit Takes the virtual register and the distance of its next use from the end of the block.
 */
export function forEachLiveOut(
  block: MachineBlock,
  liveIn: readonly (readonly number[])[],
  distance: readonly Int32Array[],
  visit: (vreg: number, distance: number) => void,
): void {
  for (const edge of block.succs) {
    const exit = edge.to.depth < block.depth ? LOOP_EXIT : 0;
    const vregs = liveIn[edge.to.index];
    const far = distance[edge.to.index];
    for (let k = 0; k < vregs.length; k++) {
      visit(vregs[k], far[k] < 0 ? NEVER - 1 : Math.min(NEVER - 1, far[k] + exit));
    }
    for (const vreg of edge.args) visit(vreg, exit);
  }
}
