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

import { IntList } from "./int_list.ts";
import { machineLoopDepths } from "./loop_depths.ts";
import type { MachineBlock, MachineFunction } from "./machine.ts";

/** Distance of a use that does not exist. */
export const NEVER = 0x3fff_ffff;
/** Distance added on an edge that leaves a loop. */
const LOOP_EXIT = 100_000;

/** Result of {@link computeLiveness}. */
export interface Liveness {
  /** By block: where its entries in `vregs` and `distance` begin; they end where the next block's begin. */
  readonly start: Int32Array;
  /** Virtual registers live into each block, its parameters excluded. */
  readonly vregs: Int32Array;
  /** Distance from the start of the block to the next use, parallel to `vregs`. */
  readonly distance: Int32Array;
  /** Block that defines each virtual register, -1 for none. */
  readonly defBlock: Int32Array;
  /** 1 for virtual registers that are live across an instruction that clobbers registers. */
  readonly crossesCall: Uint8Array;
  /** 1 for these, and for those that are passed on to a parameter that is one. */
  readonly lasting: Uint8Array;
  /** By block: how many loops hold it. */
  readonly depth: Int32Array;
}

function definitions(fn: MachineFunction): Int32Array<ArrayBuffer> {
  const defBlock = new Int32Array(fn.vregCount).fill(-1);
  const { blocks } = fn;
  for (let b = 0; b < blocks.length; b++) {
    const { params, insns } = blocks[b];
    for (let i = 0; i < params.length; i++) defBlock[params[i]] = b;
    for (let i = 0; i < insns.length; i++) if (insns[i].def >= 0) defBlock[insns[i].def] = b;
  }
  return defBlock;
}

/** Uses outside the defining block, edge arguments among them: virtual registers and, parallel, blocks. */
interface Uses {
  readonly vregs: IntList;
  readonly blocks: IntList;
}

function outerUses(fn: MachineFunction, defBlock: Int32Array): Uses {
  const found: Uses = { vregs: new IntList(), blocks: new IntList() };
  const visit = (uses: readonly number[], block: number): void => {
    for (let i = 0; i < uses.length; i++) {
      const home = defBlock[uses[i]];
      if (home < 0 || home === block) continue;
      found.vregs.push(uses[i]);
      found.blocks.push(block);
    }
  };
  const { blocks } = fn;
  for (let b = 0; b < blocks.length; b++) {
    const { insns, term, succs } = blocks[b];
    for (let i = 0; i < insns.length; i++) visit(insns[i].uses, b);
    visit(term.uses, b);
    for (let i = 0; i < succs.length; i++) visit(succs[i].args, b);
  }
  return found;
}

/** Stable counting sort of `values` by `keys`: where each key's values begin, and the values. */
function groupBy(
  { items: keys, length }: IntList,
  { items: values }: IntList,
  keyCount: number,
): { start: Int32Array<ArrayBuffer>; grouped: Int32Array<ArrayBuffer> } {
  const start = new Int32Array(keyCount + 1);
  for (let i = 0; i < length; i++) start[keys[i] + 1]++;
  for (let k = 0; k < keyCount; k++) start[k + 1] += start[k];
  const grouped = new Int32Array(length);
  const fill = start.slice();
  for (let i = 0; i < length; i++) grouped[fill[keys[i]]++] = values[i];
  return { start, grouped };
}

/** Live-in lists: from each use up to the definition. */
function liveInLists(
  fn: MachineFunction,
  defBlock: Int32Array,
): { start: Int32Array<ArrayBuffer>; grouped: Int32Array<ArrayBuffer> } {
  const { blocks, vregCount } = fn;
  const uses = outerUses(fn, defBlock);
  const sites = groupBy(uses.vregs, uses.blocks, vregCount);
  const liveBlocks = new IntList();
  const liveVregs = new IntList();
  const seen = new Int32Array(blocks.length).fill(-1);
  const stack: number[] = [];
  for (let vreg = 0; vreg < vregCount; vreg++) {
    const home = defBlock[vreg];
    for (let i = sites.start[vreg]; i < sites.start[vreg + 1]; i++) stack.push(sites.grouped[i]);
    while (stack.length > 0) {
      const block = stack.pop()!;
      if (block === home || seen[block] === vreg) continue;
      seen[block] = vreg;
      liveBlocks.push(block);
      liveVregs.push(vreg);
      const { preds } = blocks[block];
      for (let i = 0; i < preds.length; i++) stack.push(preds[i].from.index);
    }
  }
  return groupBy(liveBlocks, liveVregs, blocks.length);
}

/** Computes liveness; by virtual register it keeps what it has seen of the block under scan. */
class Scan implements Liveness {
  readonly start: Int32Array;
  readonly vregs: Int32Array;
  readonly distance: Int32Array;
  readonly defBlock: Int32Array;
  readonly crossesCall: Uint8Array;
  lasting: Uint8Array = new Uint8Array(0);
  readonly depth: Int32Array;
  readonly #fn: MachineFunction;
  /** Position of the first use. */
  readonly #first: Int32Array;
  /** How many calls lay between the last use and the end of the block. */
  readonly #calls: Int32Array;
  /** The last block found to have it live at its end. */
  readonly #liveOut: Int32Array;

  constructor(fn: MachineFunction, order: Int32Array) {
    this.#fn = fn;
    this.depth = machineLoopDepths(fn, order);
    this.defBlock = definitions(fn);
    const { start, grouped } = liveInLists(fn, this.defBlock);
    this.start = start;
    this.vregs = grouped;
    this.distance = new Int32Array(grouped.length);
    this.crossesCall = new Uint8Array(fn.vregCount);
    this.#first = new Int32Array(fn.vregCount).fill(-1);
    this.#calls = new Int32Array(fn.vregCount).fill(-1);
    this.#liveOut = new Int32Array(fn.vregCount).fill(-1);
  }

  /** Sets the distance of each live-in to the position of its first use in the block, -1 for none. */
  positions(): void {
    const { blocks } = this.#fn;
    for (let b = 0; b < blocks.length; b++) {
      const { succs } = blocks[b];
      for (let s = 0; s < succs.length; s++) {
        const { args, to: { index } } = succs[s];
        for (let i = this.start[index]; i < this.start[index + 1]; i++) {
          this.#liveOut[this.vregs[i]] = b;
        }
        for (let i = 0; i < args.length; i++) this.#liveOut[args[i]] = b;
      }
      this.#scanBlock(blocks[b]);
    }
  }

  /** Backwards, counting calls: what is defined before a call and used behind it crosses it. */
  #scanBlock(block: MachineBlock): void {
    const { insns, params, index } = block;
    let seen = 0;
    this.#use(block.term.uses, insns.length, seen);
    for (let i = insns.length - 1; i >= 0; i--) {
      const insn = insns[i];
      const { def } = insn;
      if (def >= 0) {
        this.#noteCalls(def, index, seen);
        this.#forget(def);
      }
      if (insn.clobbers !== 0) seen++;
      this.#use(insn.uses, i, seen);
    }
    for (let i = this.start[index]; i < this.start[index + 1]; i++) {
      const vreg = this.vregs[i];
      this.distance[i] = this.#first[vreg];
      this.#noteCalls(vreg, index, seen);
    }
    for (let i = 0; i < params.length; i++) this.#noteCalls(params[i], index, seen);
    for (let i = 0; i < insns.length; i++) {
      const { uses } = insns[i];
      for (let k = 0; k < uses.length; k++) this.#forget(uses[k]);
    }
    const { uses } = block.term;
    for (let k = 0; k < uses.length; k++) this.#forget(uses[k]);
  }

  #use(uses: readonly number[], position: number, seen: number): void {
    for (let i = 0; i < uses.length; i++) {
      const vreg = uses[i];
      if (this.#calls[vreg] < 0) this.#calls[vreg] = seen;
      this.#first[vreg] = position;
    }
  }

  #noteCalls(vreg: number, block: number, seen: number): void {
    const since = this.#liveOut[vreg] === block ? 0 : this.#calls[vreg];
    if (since >= 0 && seen > since) this.crossesCall[vreg] = 1;
  }

  #forget(vreg: number): void {
    this.#first[vreg] = -1;
    this.#calls[vreg] = -1;
  }

  /** What becomes a parameter that crosses a call is as well off in a register that outlasts one; two rounds for loops. */
  passOn(order: Int32Array): void {
    const lasting = this.lasting = this.crossesCall.slice();
    for (let round = 0; round < 2; round++) {
      for (let i = order.length - 1; i >= 0; i--) {
        for (const { to, args } of this.#fn.blocks[order[i]].succs) {
          for (let k = 0; k < args.length; k++) {
            if (lasting[to.params[k]] !== 0) lasting[args[k]] = 1;
          }
        }
      }
    }
  }

  /** Turns positions into distances across blocks, in two rounds so that back edges count. */
  propagate(order: Int32Array): void {
    const { start, vregs, distance } = this;
    const local = distance.slice();
    const out = new Int32Array(this.#fn.vregCount).fill(NEVER);
    for (let round = 0; round < 2; round++) {
      for (let i = order.length - 1; i >= 0; i--) {
        const block = this.#fn.blocks[order[i]];
        const { index } = block;
        const length = block.insns.length + 1;
        lowerToLiveOut(block, this, 0, out);
        for (let k = start[index]; k < start[index + 1]; k++) {
          distance[k] = local[k] >= 0 ? local[k] : Math.min(NEVER - 1, length + out[vregs[k]]);
        }
        clearLiveOut(block, this, out, NEVER);
      }
    }
  }
}

/**
 * Computes liveness.
 *
 * @param fn The function.
 * @param order Its blocks in reverse post order.
 * @returns Live-in sets and distances.
 */
export function computeLiveness(fn: MachineFunction, order: Int32Array): Liveness {
  const scan = new Scan(fn, order);
  scan.positions();
  scan.passOn(order);
  scan.propagate(order);
  return scan;
}

/**
 * Lowers a table to the distances of what is live at the end of a block: what its successors need and the arguments of
 * its edges.
 *
 * @param block The block.
 * @param liveness Liveness; distances below zero are not known yet.
 * @param base Distance added to each.
 * @param table By virtual register.
 */
export function lowerToLiveOut(
  block: MachineBlock,
  liveness: Liveness,
  base: number,
  table: Int32Array,
): void {
  const { start, vregs, distance, depth } = liveness;
  const { succs } = block;
  for (let s = 0; s < succs.length; s++) {
    const { to, args } = succs[s];
    const exit = base + (depth[to.index] < depth[block.index] ? LOOP_EXIT : 0);
    for (let k = start[to.index]; k < start[to.index + 1]; k++) {
      const far = distance[k] < 0 ? NEVER - 1 : Math.min(NEVER - 1, distance[k] + exit);
      if (far < table[vregs[k]]) table[vregs[k]] = far;
    }
    for (let i = 0; i < args.length; i++) if (exit < table[args[i]]) table[args[i]] = exit;
  }
}

/**
 * Sets a table to one value for all that is live at the end of a block.
 *
 * @param block The block.
 * @param liveness Liveness.
 * @param table By virtual register.
 * @param value The value.
 */
export function clearLiveOut(
  block: MachineBlock,
  liveness: Liveness,
  table: Int32Array | Int8Array,
  value: number,
): void {
  const { start, vregs } = liveness;
  const { succs } = block;
  for (let s = 0; s < succs.length; s++) {
    const { to, args } = succs[s];
    for (let k = start[to.index]; k < start[to.index + 1]; k++) table[vregs[k]] = value;
    for (let i = 0; i < args.length; i++) table[args[i]] = value;
  }
}
