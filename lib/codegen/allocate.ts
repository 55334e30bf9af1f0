/**
 * Register allocation.
 *
 * One walk over the blocks in reverse post order assigns registers ({@link BlockAllocator}); then each edge moves what
 * its two ends hold in different places, on critical edges in a block of its own; then spill slots are shared between
 * values that do not live at the same time. Time and space are linear in the size of the function and of its live-in
 * sets. The approach is that of Go's compiler (cmd/compile/internal/ssa/regalloc.go): values keep their identity, so
 * that a value may be in another register after each block boundary without new SSA names.
 *
 * @module
 */

import { type AllocatedBlock, type AllocatedFunction, Step } from "./allocation.ts";
import { BlockAllocator } from "./block_allocator.ts";
import { TEMP_SLOT } from "./fixed_operands.ts";
import { computeLiveness } from "./liveness.ts";
import {
  type MachineBlock,
  type MachineEdge,
  type MachineFunction,
  type MachineInsn,
  type RegisterFile,
  reversePostOrder,
} from "./machine.ts";
import { appendMoves, type Move, REMAT, SLOT } from "./parallel_moves.ts";
import { colourSlots } from "./slots.ts";

/** A move on an edge; slots are virtual registers until they are numbered. */
interface EdgeMoves {
  readonly edge: MachineEdge;
  readonly moves: readonly Move[];
}

/** Where a value is at the end of a block: a register, the slot of a virtual register, or recomputed. */
function sourceAtEnd(
  base: number,
  vreg: number,
  preferred: number,
  fn: MachineFunction,
  { end, spilled, count }: Ends,
): number {
  if (fn.homes[vreg] >= 0) return fn.homes[vreg];
  if (preferred >= 0 && end[base + preferred] === vreg) return preferred;
  for (let r = 0; r < count; r++) if (end[base + r] === vreg) return r;
  if (fn.remat[vreg] !== null) return REMAT;
  spilled[vreg] = 1;
  return SLOT + vreg;
}

/** What the walk left: see {@link BlockAllocator}. */
interface Ends {
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly spilled: Uint8Array;
  readonly onStack: Uint8Array;
  readonly count: number;
}

const NO_MOVES: readonly Move[] = [];

/** What must move on an edge so that its target finds everything in place. */
function edgeMoves(edge: MachineEdge, fn: MachineFunction, ends: Ends): readonly Move[] {
  const { to, args } = edge;
  const { start, end, count } = ends;
  const first = to.index * count;
  const last = edge.from.index * count;
  let moves: Move[] | null = null;
  for (let r = 0; r < count; r++) {
    const wanted = start[first + r];
    if (wanted < 0 || (wanted === end[last + r] && to.params.length === 0)) continue;
    const param = to.params.indexOf(wanted);
    const vreg = param >= 0 ? args[param] : wanted;
    if (end[last + r] === vreg || fn.remat[vreg]?.length === 0) continue;
    (moves ??= []).push({ dst: r, src: sourceAtEnd(last, vreg, r, fn, ends), vreg });
  }
  for (let i = 0; i < to.params.length; i++) {
    const param = to.params[i];
    if (ends.onStack[param] === 0 || fn.remat[args[i]]?.length === 0) continue;
    const src = sourceAtEnd(last, args[i], -1, fn, ends);
    (moves ??= []).push({ dst: SLOT + param, src, vreg: args[i] });
  }
  return moves ?? NO_MOVES;
}

/** Puts steps, edges and slots together. */
class Assembler<I extends MachineInsn> {
  readonly #registers: RegisterFile;
  readonly #allocator: BlockAllocator<I>;
  readonly #slots: Int32Array;
  readonly #makeJump: () => I;
  #slotCount: number;
  #temps = 0;
  #nextId: number;

  constructor(
    fn: MachineFunction<I>,
    registers: RegisterFile,
    allocator: BlockAllocator<I>,
    slots: { readonly slotOf: Int32Array; readonly count: number },
    makeJump: () => I,
  ) {
    this.#registers = registers;
    this.#allocator = allocator;
    this.#slots = slots.slotOf;
    this.#slotCount = slots.count;
    this.#makeJump = makeJump;
    this.#nextId = fn.blocks.length;
  }

  get slotCount(): number {
    return this.#slotCount + this.#temps;
  }

  #number(location: number): number {
    if (location < SLOT) return location;
    if (location === SLOT + TEMP_SLOT) {
      this.#temps = Math.max(this.#temps, 1);
      return SLOT + this.#slotCount;
    }
    return SLOT + this.#slots[location - SLOT];
  }

  /** The steps of a block with numbered slots, and each spilled definition stored. */
  block(block: MachineBlock<I>, steps: Step<I>[]): AllocatedBlock<I> {
    const { spilled, onStack } = this.#allocator;
    const succs: number[] = new Array(block.succs.length);
    for (let i = 0; i < succs.length; i++) succs[i] = block.succs[i].to.index;
    if (this.slotCount === 0 && !this.#allocator.usesTemp) {
      const term = steps.pop()!;
      return { source: block.index, id: block.index, steps, term, succs };
    }
    const result: Step<I>[] = [];
    for (const param of block.params) {
      if (spilled[param] === 0 || onStack[param] !== 0) continue;
      const register = this.#startRegister(block.index, param);
      if (register >= 0) result.push(this.#store(param, register));
    }
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      if (step.kind === "load") step.src = this.#number(SLOT + step.src) - SLOT;
      else if (step.kind === "store") step.dst = this.#number(SLOT + step.dst) - SLOT;
      result.push(step);
      const def = step.insn === null ? -1 : step.insn.def;
      if (def >= 0 && spilled[def] !== 0) result.push(this.#store(def, step.dst));
    }
    const term = result.pop()!;
    return { source: block.index, id: block.index, steps: result, term, succs };
  }

  #startRegister(block: number, vreg: number): number {
    const { count } = this.#registers;
    const content = this.#allocator.start;
    for (let r = 0; r < count; r++) if (content[block * count + r] === vreg) return r;
    return -1;
  }

  #store(vreg: number, register: number): Step<I> {
    return new Step<I>("store", null, this.#slots[vreg], register, vreg);
  }

  /** The steps of an edge. */
  edge(edge: MachineEdge, moves: readonly Move[]): Step<I>[] {
    const numbered = moves.map(({ dst, src, vreg }) => ({
      dst: this.#number(dst),
      src: src === REMAT ? REMAT : this.#number(src),
      vreg,
    }));
    let free = this.#registers.allocatable;
    const { count } = this.#registers;
    const { start } = this.#allocator;
    for (let r = 0; r < count; r++) {
      if (start[edge.to.index * count + r] >= 0) free &= ~(1 << r);
    }
    const steps: Step<I>[] = [];
    let temps = 0;
    appendMoves(numbered, free, steps, () => {
      this.#temps = Math.max(this.#temps, ++temps);
      return SLOT + this.#slotCount + temps - 1;
    });
    return steps;
  }

  /** A block for the moves of a critical edge. */
  split(edge: MachineEdge, steps: Step<I>[]): AllocatedBlock<I> {
    const term = new Step<I>("insn", this.#makeJump(), -1, 0, -1);
    return { source: -1, id: this.#nextId++, steps, term, succs: [edge.to.index] };
  }
}

/**
 * Allocates registers.
 *
 * @param fn The function in machine form.
 * @param registers The registers of the target.
 * @param makeJump Makes an unconditional jump, for blocks that split edges.
 * @returns The function over registers and slots.
 * @throws {InvariantError} If an instruction needs more registers at once than are allocatable.
 */
export function allocateRegisters<I extends MachineInsn>(
  fn: MachineFunction<I>,
  registers: RegisterFile,
  makeJump: () => I,
): AllocatedFunction<I> {
  const order = reversePostOrder(fn);
  const liveness = computeLiveness(fn, order);
  const allocator = new BlockAllocator(fn, registers, liveness);
  const { blocks } = fn;
  const steps: (Step<I>[] | null)[] = new Array(blocks.length).fill(null);
  for (let i = 0; i < order.length; i++) steps[order[i]] = allocator.walk(blocks[order[i]]);
  // All edges first: they decide which values need slots.
  const pending = pendingMoves(fn, registers, allocator, steps);
  const slots = colourSlots(fn, liveness, allocator.spilled);
  const assembler = new Assembler(fn, registers, allocator, slots, makeJump);
  const allocated: (AllocatedBlock<I> | null)[] = new Array(blocks.length).fill(null);
  for (let i = 0; i < blocks.length; i++) {
    const list = steps[i];
    if (list !== null) allocated[i] = assembler.block(blocks[i], list);
  }
  return { blocks: placeMoves(pending, allocated, assembler), slotCount: assembler.slotCount };
}

/** The moves of all edges that need any. */
function pendingMoves<I extends MachineInsn>(
  fn: MachineFunction<I>,
  { count }: RegisterFile,
  { start, end, spilled, onStack }: BlockAllocator<I>,
  steps: readonly (Step<I>[] | null)[],
): EdgeMoves[] {
  const ends: Ends = { start, end, spilled, onStack, count };
  const pending: EdgeMoves[] = [];
  for (let i = 0; i < steps.length; i++) {
    if (steps[i] === null) continue;
    const { succs } = fn.blocks[i];
    for (let k = 0; k < succs.length; k++) {
      const moves = edgeMoves(succs[k], fn, ends);
      if (moves.length > 0) pending.push({ edge: succs[k], moves });
    }
  }
  return pending;
}

/** Puts moves at the end of the block that an edge leaves, at the start of the one that it enters, or in between. */
function placeMoves<I extends MachineInsn>(
  pending: readonly EdgeMoves[],
  allocated: readonly (AllocatedBlock<I> | null)[],
  assembler: Assembler<I>,
): AllocatedBlock<I>[] {
  const inline = new Map<number, AllocatedBlock<I>>();
  const outlying: AllocatedBlock<I>[] = [];
  for (const { edge, moves } of pending) {
    const code = assembler.edge(edge, moves);
    const from = allocated[edge.from.index]!;
    // What a terminator reads must not be overwritten before it.
    if (edge.from.succs.length === 1 && edge.from.term.uses.length === 0) from.steps.push(...code);
    else if (edge.to.preds.length === 1) allocated[edge.to.index]!.steps.unshift(...code);
    else {
      const split = assembler.split(edge, code);
      const position = edge.from.succs.indexOf(edge);
      from.succs[position] = split.id;
      // The fall-through edge stays in line, the others go to the end.
      if (position === edge.from.succs.length - 1) inline.set(from.id, split);
      else outlying.push(split);
    }
  }
  const blocks: AllocatedBlock<I>[] = [];
  for (let i = 0; i < allocated.length; i++) {
    const block = allocated[i];
    if (block === null) continue;
    blocks.push(block);
    const split = inline.get(i);
    if (split !== undefined) blocks.push(split);
  }
  return blocks.concat(outlying);
}
