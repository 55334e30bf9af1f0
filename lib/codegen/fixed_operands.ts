/**
 * Operands that must be in certain registers, and registers that an instruction destroys.
 *
 * @module
 */

import type { Step } from "./allocation.ts";
import { NEVER } from "./liveness.ts";
import type { MachineFunction, MachineInsn, RegisterFile } from "./machine.ts";
import type { NextUses } from "./next_uses.ts";
import { appendMoves, type Move, SLOT } from "./parallel_moves.ts";
import { bit, lowest, type RegisterState } from "./register_state.ts";
import type { Scratch } from "./scratch.ts";

/** Slot number of the place that breaks cycles, before slots are numbered. */
export const TEMP_SLOT = 0x3fff_0000;

/** What a value that must leave its registers before an instruction needs. */
interface Evictee {
  readonly vreg: number;
  readonly register: number;
  /** Next use after the instruction. */
  readonly next: number;
  /** Whether it must outlive what the instruction destroys. */
  readonly survives: boolean;
}

/** Prepares registers for instructions with fixed operands. */
export class FixedOperands<I extends MachineInsn> {
  /** Whether a step uses {@link TEMP_SLOT}. */
  usesTemp = false;

  readonly #fn: MachineFunction<I>;
  readonly #allocatable: number;
  readonly #uses: NextUses;
  readonly #state: RegisterState;
  readonly #steps: Scratch<Step<I>>;
  /** By register: the operand of the current instruction that is fixed to it; stale where none is. */
  readonly #wanted: Int32Array;

  /**
   * @param fn The function.
   * @param registers The registers of the target.
   * @param uses The next uses in the block.
   * @param state What the registers hold.
   * @param steps Where moves are appended.
   */
  constructor(
    fn: MachineFunction<I>,
    registers: RegisterFile,
    uses: NextUses,
    state: RegisterState,
    steps: Scratch<Step<I>>,
  ) {
    this.#fn = fn;
    this.#allocatable = registers.allocatable;
    this.#uses = uses;
    this.#state = state;
    this.#steps = steps;
    this.#wanted = new Int32Array(registers.count).fill(-1);
  }

  /**
   * Moves operands into their fixed registers and what must survive out of the way, all at once.
   *
   * @param insn The instruction.
   * @param base Number of its first operand in the block.
   */
  satisfy(insn: MachineInsn, base: number): void {
    const { uses, fixed } = insn;
    const wanted = this.#wanted;
    let fixedMask = 0;
    let moves: Move[] | null = null;
    if (fixed !== null) {
      for (let k = 0; k < uses.length; k++) {
        const register = fixed[k];
        if (register < 0) continue;
        fixedMask |= bit(register);
        wanted[register] = uses[k];
        if (this.#state.content[register] === uses[k] || this.#fn.remat[uses[k]]?.length === 0) {
          continue;
        }
        (moves ??= []).push({ dst: register, src: this.#state.source(uses[k]), vreg: uses[k] });
      }
    }
    const destroyed = insn.clobbers | (insn.defFixed >= 0 ? bit(insn.defFixed) : 0);
    if (((fixedMask | destroyed) & this.#state.busy) !== 0) {
      moves = this.#relocate(insn, base, fixedMask, destroyed, moves);
    }
    if (moves === null) return;
    let targets = 0;
    for (const { dst } of moves) targets |= bit(dst);
    appendMoves(moves, this.#state.free(targets | fixedMask), this.#steps, () => {
      this.usesTemp = true;
      return SLOT + TEMP_SLOT;
    });
    for (const { dst } of moves) this.#state.clobber(bit(dst));
    for (const { dst, vreg } of moves) this.#state.assign(vreg, dst);
  }

  /** Finds new registers for values that would be overwritten, nearest use first; drops what finds none. */
  #relocate(
    insn: MachineInsn,
    base: number,
    fixedMask: number,
    destroyed: number,
    moves: Move[] | null,
  ): Move[] | null {
    const evictees = this.#evictees(insn, base, fixedMask, destroyed);
    if (evictees === null) return moves;
    let taken = 0;
    for (const { vreg, register, next, survives } of evictees) {
      const avoid = fixedMask | taken | (survives ? destroyed : 0);
      const free = this.#state.free(avoid);
      let dst = -1;
      if (free !== 0) dst = this.#state.pick(vreg, free, -1);
      else {
        const victim = this.#state.farthest(
          this.#allocatable & ~avoid & ~this.#operandMask(insn),
        );
        if (victim >= 0 && this.#uses.next[this.#state.content[victim]] > next) {
          this.#state.drop(victim);
          dst = victim;
        }
      }
      if (dst >= 0) {
        taken |= bit(dst);
        (moves ??= []).push({ dst, src: register, vreg });
      } else this.#state.needSlot(vreg);
    }
    return moves;
  }

  #operandMask(insn: MachineInsn): number {
    let mask = 0;
    for (const vreg of insn.uses) mask |= this.#state.where[vreg];
    return mask;
  }

  #evictees(
    insn: MachineInsn,
    base: number,
    fixedMask: number,
    destroyed: number,
  ): Evictee[] | null {
    const { uses, fixed } = insn;
    let evictees: Evictee[] | null = null;
    for (let rest = (fixedMask | destroyed) & this.#state.busy; rest !== 0; rest &= rest - 1) {
      const register = lowest(rest);
      const vreg = this.#state.content[register];
      if (this.#fn.remat[vreg] !== null) continue;
      let next = this.#uses.next[vreg];
      let operand = false;
      for (let k = 0; k < uses.length; k++) {
        if (uses[k] !== vreg) continue;
        next = this.#uses.after[base + k];
        if (fixed === null || fixed[k] < 0) operand = true;
      }
      // Registers that keep the value through the moves, and through the instruction.
      let kept = this.#state.where[vreg] & ~fixedMask;
      if ((fixedMask & bit(register)) !== 0 && this.#wanted[register] === vreg) {
        kept |= bit(register);
      }
      if (evictees?.some((other) => other.vreg === vreg)) continue;
      if (next < NEVER && (kept & ~destroyed) === 0) {
        (evictees ??= []).push({ vreg, register, next, survives: true });
      } else if (operand && kept === 0) {
        (evictees ??= []).push({ vreg, register, next: -1, survives: false });
      }
    }
    return evictees?.sort((a, b) => a.next - b.next) ?? null;
  }
}
