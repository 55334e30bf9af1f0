/**
 * The machine form that register targets lower to: target instructions over virtual registers, still in SSA form with
 * block parameters, each operand with its constraint. The register allocator reads it without knowing the target.
 *
 * @module
 */

/**
 * A target instruction over virtual registers; a target extends it by what it emits. Registers are numbers of the
 * target, below 32.
 */
export class MachineInsn {
  /** Virtual register defined, -1 for none. */
  def: number;
  /** Virtual registers read. */
  uses: number[];
  /** Register that the definition must be in, -1 for any. */
  defFixed = -1;
  /** Registers that the uses must be in, parallel to `uses`, -1 for any; null when none is fixed. */
  fixed: readonly number[] | null = null;
  /** Index of the use whose register the definition takes over (two-address instructions), -1 for none. */
  tied = -1;
  /** Whether use 0 and use 1 may be exchanged. */
  commutative = false;
  /** Registers whose content is lost, a bit mask; not the definition's. */
  clobbers = 0;
  /** It only copies use 0 to the definition. */
  move = false;

  /**
   * @param def Virtual register defined, -1 for none.
   * @param uses Virtual registers read.
   */
  constructor(def: number, uses: number[]) {
    this.def = def;
    this.uses = uses;
  }
}

/** An edge between machine blocks with an argument for each parameter of its target. */
export interface MachineEdge<I extends MachineInsn = MachineInsn> {
  /** The block it leaves. */
  readonly from: MachineBlock<I>;
  /** The block it enters. */
  readonly to: MachineBlock<I>;
  /** Virtual registers, parallel to `to.params`. */
  readonly args: readonly number[];
}

const NO_EDGES: never[] = [];

/** A basic block of machine instructions. */
export class MachineBlock<I extends MachineInsn = MachineInsn> {
  /** Index in {@link MachineFunction.blocks}. */
  readonly index: number;
  /** Virtual registers defined at its start. */
  readonly params: readonly number[];
  /** Instructions in order, without the terminator. */
  readonly insns: readonly I[];
  /** The terminator; its uses are read before any edge is taken. */
  readonly term: I;
  /** Edges that leave; their order means what the terminator says. */
  succs: readonly MachineEdge<I>[] = NO_EDGES;
  /** Edges that enter. */
  preds: MachineEdge<I>[] = NO_EDGES;

  /**
   * @param index Index in the function.
   * @param params Virtual registers defined at its start.
   * @param insns Instructions in order, without the terminator.
   * @param term The terminator.
   */
  constructor(index: number, params: readonly number[], insns: readonly I[], term: I) {
    this.index = index;
    this.params = params;
    this.insns = insns;
    this.term = term;
  }
}

/** The registers of a target. Masks have bit r set for register r. */
export interface RegisterFile {
  /** Number of registers, at most 32. */
  readonly count: number;
  /** Registers that the allocator may choose. Fixed operands may name others. */
  readonly allocatable: number;
  /** Registers that a call destroys. */
  readonly callerSaved: number;
}

/** A function in machine form. */
export interface MachineFunction<I extends MachineInsn = MachineInsn> {
  /** Name, for messages. */
  readonly name: string;
  /** Blocks in layout order; the first is the entry, without predecessors. */
  readonly blocks: MachineBlock<I>[];
  /** Number of virtual registers. */
  readonly vregCount: number;
  /** Preferred register of each virtual register, -1 for none. */
  readonly hints: Int8Array;
  /** Reserved register that always holds a virtual register (a frame pointer), -1 for none. */
  readonly homes: Int8Array;
  /**
   * How to recompute a virtual register anywhere: instructions that each define it, without other uses than reserved
   * registers and itself. Null if it cannot be; an empty list for one that is undefined, so that nothing needs to be
   * done.
   */
  readonly remat: (readonly I[] | null)[];
  /** Registers in which the parameters of the entry block arrive. */
  readonly entryRegisters: readonly number[];
}

/**
 * Orders blocks so that each comes after its predecessors, but for retreating edges.
 *
 * @param fn The function.
 * @returns Indices of the reachable blocks in reverse post order.
 */
export function reversePostOrder(fn: MachineFunction): Int32Array<ArrayBuffer> {
  const { blocks } = fn;
  const order = new Int32Array(blocks.length);
  const nextEdge = new Int32Array(blocks.length).fill(-1);
  const stack = [0];
  nextEdge[0] = 0;
  let at = blocks.length;
  while (stack.length > 0) {
    const index = stack[stack.length - 1];
    const { succs } = blocks[index];
    // The last edge first, so that the first (taken) successor comes later and layouts stay close to their source.
    if (nextEdge[index] < succs.length) {
      const to = succs[nextEdge[index]++].to.index;
      if (nextEdge[to] < 0) {
        nextEdge[to] = 0;
        stack.push(to);
      }
    } else {
      stack.pop();
      order[--at] = index;
    }
  }
  return order.subarray(at);
}
