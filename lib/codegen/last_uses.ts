/**
 * Which virtual registers are still read, asked along a walk over the blocks of a machine function.
 *
 * @module
 */

import { computeLiveness, type Liveness } from "./liveness.ts";
import {
  type MachineBlock,
  type MachineFunction,
  type MachineInsn,
  reversePostOrder,
} from "./machine.ts";

/** Last uses in the block under walk; times grow from block to block, so those of earlier blocks are past. */
export class LastUses {
  readonly #liveness: Liveness;
  /** Time of the last use by virtual register. */
  readonly #until: Float64Array;
  #insns: readonly MachineInsn[] = [];
  /** Index of the instruction reached. */
  #next = 0;
  /** Times of the first instruction of the block and of its end. */
  #start = 0;
  #end = 0;

  /**
   * Computes liveness.
   *
   * @param fn The function.
   */
  constructor(fn: MachineFunction) {
    this.#liveness = computeLiveness(fn, reversePostOrder(fn));
    this.#until = new Float64Array(fn.vregCount);
  }

  /**
   * Begins the walk over a block.
   *
   * @param block The block.
   */
  enter({ insns, term, succs }: MachineBlock): void {
    const start = this.#end + 1;
    this.#insns = insns;
    this.#next = 0;
    this.#start = start;
    this.#end = start + insns.length + 1;
    for (let i = 0; i < insns.length; i++) this.#use(insns[i].uses, start + i);
    this.#use(term.uses, start + insns.length);
    for (const { to, args } of succs) {
      this.#use(this.liveInto(to), this.#end);
      this.#use(args, this.#end);
    }
  }

  #use(vregs: ArrayLike<number>, time: number): void {
    for (let i = 0; i < vregs.length; i++) this.#until[vregs[i]] = time;
  }

  /**
   * Moves on to an instruction.
   *
   * @param insn One behind the instruction reached before, or the terminator.
   */
  reach(insn: MachineInsn): void {
    while (this.#next < this.#insns.length && this.#insns[this.#next] !== insn) this.#next++;
  }

  /**
   * Whether a virtual register is read behind the instruction reached.
   *
   * @param vreg The virtual register.
   * @returns False if nothing reads it until it is defined again.
   */
  isRead(vreg: number): boolean {
    return this.#until[vreg] > this.#start + this.#next;
  }

  /**
   * What is live into a block.
   *
   * @param block The block.
   * @returns Virtual registers, its parameters excluded.
   */
  liveInto({ index }: MachineBlock): Int32Array {
    const { start, vregs } = this.#liveness;
    return vregs.subarray(start[index], start[index + 1]);
  }
}
