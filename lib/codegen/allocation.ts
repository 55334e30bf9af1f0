/**
 * What the register allocator produces: blocks of steps over registers and spill slots, in layout order.
 *
 * @module
 */

import type { MachineInsn } from "./machine.ts";

/** What a step does: a target instruction, or data movement that the allocator added. */
export type StepKind =
  | "insn" // insn with its definition in register `dst` and its uses in registers `src`, packed
  | "move" // register dst = register src
  | "store" // slot dst = register src
  | "load" // register dst = slot src
  | "remat"; // register dst = virtual register `vreg`, recomputed

/** One step. All have all fields, so that reading one is monomorphic. */
export class Step<I extends MachineInsn = MachineInsn> {
  /** What it does. */
  kind: StepKind;
  /** The target instruction of an `insn`. */
  insn: I | null;
  /** Destination register or slot; -1 for none. */
  dst: number;
  /** Source register or slot; for an `insn` the registers of its uses, see {@link useRegister}. */
  src: number;
  /** The virtual register that moves; -1 for an `insn`. */
  vreg: number;

  /**
   * @param kind What it does.
   * @param insn The target instruction of an `insn`.
   * @param dst Destination register or slot; -1 for none.
   * @param src Source register or slot, or packed registers.
   * @param vreg The virtual register that moves.
   */
  constructor(
    kind: StepKind,
    insn: I | null,
    dst: number,
    src: number,
    vreg: number,
  ) {
    this.kind = kind;
    this.insn = insn;
    this.dst = dst;
    this.src = src;
    this.vreg = vreg;
  }
}

/**
 * @param packed Registers of the uses of an instruction: five bits each, use 0 lowest.
 * @param index Which use, at most 5.
 * @returns Its register.
 */
export function useRegister(packed: number, index: number): number {
  return (packed >>> (index * 5)) & 31;
}

/** A block after allocation. */
export interface AllocatedBlock<I extends MachineInsn = MachineInsn> {
  /** Index of the machine block; -1 for a block that splits an edge. */
  readonly source: number;
  /** Steps in order, without the terminator. */
  readonly steps: Step<I>[];
  /** The terminator, of kind `insn`. */
  readonly term: Step<I>;
  /** Ids of its successors in the order of the terminator's edges. */
  readonly succs: number[];
  /** Its id: the index of its machine block, or a number above them all. */
  readonly id: number;
}

/** A function after allocation. */
export interface AllocatedFunction<I extends MachineInsn = MachineInsn> {
  /** Blocks in layout order; unreachable ones are dropped. */
  readonly blocks: readonly AllocatedBlock<I>[];
  /** Number of spill slots. */
  readonly slotCount: number;
}
