/**
 * Parallel moves in sequence: all sources are read before any destination is written, whatever the order of the steps.
 * Cycles are broken through a free register, else through a spill slot, never by exclusive-or, which the kernel's
 * verifier forbids on pointers.
 *
 * @module
 */

import { Step } from "./allocation.ts";
import type { MachineInsn } from "./machine.ts";

/** Locations at or above this number are spill slots, below are registers. */
export const SLOT = 32;
/** The source of a value that is recomputed. */
export const REMAT = -1;

/** One of several moves that happen at once. */
export interface Move {
  /** Destination location. */
  readonly dst: number;
  /** Source location, or {@link REMAT}. */
  src: number;
  /** The virtual register that moves. */
  readonly vreg: number;
}

/** Where steps are appended. */
interface Steps<I extends MachineInsn> {
  push(step: Step<I>): unknown;
}

/** Emits the moves of one place; holds what is needed to break cycles. */
class Sequencer<I extends MachineInsn> {
  readonly #pending: Move[];
  readonly #steps: Steps<I>;
  readonly #tempSlot: () => number;
  #free: number;

  constructor(moves: readonly Move[], free: number, steps: Steps<I>, tempSlot: () => number) {
    this.#pending = moves.filter((move) => move.dst !== move.src).map((move) => ({ ...move }));
    this.#steps = steps;
    this.#tempSlot = tempSlot;
    this.#free = free;
  }

  run(): void {
    const pending = this.#pending;
    while (pending.length > 0) {
      let progress = false;
      for (let i = 0; i < pending.length;) {
        const move = pending[i];
        if (pending.some((other) => other !== move && other.src === move.dst)) {
          i++;
          continue;
        }
        pending.splice(i, 1);
        this.#emit(move);
        progress = true;
      }
      if (!progress) this.#breakCycle();
    }
  }

  /** Saves the content of one destination, so that it can be overwritten. */
  #breakCycle(): void {
    const victim = this.#pending[0].dst;
    const vreg = this.#pending.find((move) => move.src === victim)!.vreg;
    const temp = this.#freeRegister();
    const place = temp >= 0 ? temp : this.#tempSlot();
    this.#transfer(place, victim, vreg);
    for (const move of this.#pending) if (move.src === victim) move.src = place;
    if (temp >= 0) this.#free &= ~(1 << temp);
  }

  #freeRegister(): number {
    let free = this.#free;
    for (const { dst, src } of this.#pending) {
      if (dst < SLOT) free &= ~(1 << dst);
      if (src >= 0 && src < SLOT) free &= ~(1 << src);
    }
    return free === 0 ? -1 : 31 - Math.clz32(free & -free);
  }

  #emit({ dst, src, vreg }: Move): void {
    if (dst < SLOT) this.#free &= ~(1 << dst);
    this.#transfer(dst, src, vreg);
  }

  /** One move; from a slot or a recomputation to a slot it goes through a free register, or one saved meanwhile. */
  #transfer(dst: number, src: number, vreg: number): void {
    if (dst < SLOT || (src >= 0 && src < SLOT)) return this.#copy(dst, src, vreg);
    const free = this.#freeRegister();
    const register = free >= 0 ? free : 0;
    const saved = free >= 0 ? -1 : this.#tempSlot();
    if (saved >= 0) this.#copy(saved, register, vreg);
    this.#copy(register, src, vreg);
    this.#copy(dst, register, vreg);
    if (saved >= 0) this.#copy(register, saved, vreg);
  }

  /** A step that has a register at one end at least. */
  #copy(dst: number, src: number, vreg: number): void {
    if (src === REMAT) this.#steps.push(new Step<I>("remat", null, dst, -1, vreg));
    else if (dst >= SLOT) this.#steps.push(new Step<I>("store", null, dst - SLOT, src, vreg));
    else if (src >= SLOT) this.#steps.push(new Step<I>("load", null, dst, src - SLOT, vreg));
    else this.#steps.push(new Step<I>("move", null, dst, src, vreg));
  }
}

/**
 * Appends steps that carry out parallel moves.
 *
 * @param moves The moves; destinations are distinct.
 * @param free Registers that hold nothing needed before or after, a mask.
 * @param steps Where to append.
 * @param tempSlot Makes a location that nothing else uses, for when no register is free; each call may give another.
 */
export function appendMoves<I extends MachineInsn>(
  moves: readonly Move[],
  free: number,
  steps: Steps<I>,
  tempSlot: () => number,
): void {
  if (moves.length === 1) {
    // The common case needs no ordering.
    const [{ dst, src, vreg }] = moves;
    if (dst === src) return;
    if (dst < SLOT && src >= 0 && src < SLOT) {
      steps.push(new Step<I>("move", null, dst, src, vreg));
      return;
    }
  }
  new Sequencer(moves, free, steps, tempSlot).run();
}
