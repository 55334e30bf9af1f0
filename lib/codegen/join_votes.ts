/**
 * Where a value should be where ways into a block meet: the ways that are allocated vote for the registers that hold it.
 *
 * @module
 */

import type { MachineBlock } from "./machine.ts";

/** Votes for registers. */
export class JoinVotes {
  readonly #end: Int32Array;
  readonly #walked: Uint8Array;
  readonly #votes: Int32Array;

  /**
   * @param count Number of registers.
   * @param end Virtual register in each register at the end of each block, `count` entries a block.
   * @param walked By block: 1 if it is allocated.
   */
  constructor(count: number, end: Int32Array, walked: Uint8Array) {
    this.#end = end;
    this.#walked = walked;
    this.#votes = new Int32Array(count);
  }

  /**
   * Weighs registers by the ways on which they hold a value; a critical edge counts twice, since moves on it cost a
   * jump, too.
   *
   * @param block The block.
   * @param param Index of the parameter whose arguments count; -1 for a value that is live into the block.
   * @param vreg That value.
   */
  poll(block: MachineBlock, param: number, vreg: number): void {
    const votes = this.#votes;
    votes.fill(0);
    for (const { from: { index, succs }, args } of block.preds) {
      if (this.#walked[index] === 0) continue;
      const wanted = param < 0 ? vreg : args[param];
      const base = index * votes.length;
      for (let r = 0; r < votes.length; r++) {
        if (this.#end[base + r] === wanted) votes[r] += succs.length > 1 ? 2 : 1;
      }
    }
  }

  /**
   * The outcome of the last poll.
   *
   * @param free The registers that can be chosen, a mask.
   * @param preferred The register that wins a tie, -1 for none.
   * @returns The register with most votes, -1 if none has any.
   */
  elected(free: number, preferred: number): number {
    const votes = this.#votes;
    let best = -1, most = 0;
    for (let r = votes.length - 1; r >= 0; r--) {
      const weight = votes[r] * 2 + (r === preferred ? 1 : 0);
      if ((free >>> r & 1) !== 0 && votes[r] > 0 && weight > most) [best, most] = [r, weight];
    }
    return best;
  }

  /**
   * Whether a register holds a value on every way into a block, so that no edge has to recompute it.
   *
   * @param block The block.
   * @param vreg The value.
   * @param register The register.
   * @returns Whether it does.
   */
  isUnanimous({ preds }: MachineBlock, vreg: number, register: number): boolean {
    const count = this.#votes.length;
    return preds.every(({ from: { index } }) =>
      this.#walked[index] !== 0 && this.#end[index * count + register] === vreg
    );
  }
}
