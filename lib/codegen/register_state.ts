/**
 * What each register holds during the walk over a block, and which register to take next.
 *
 * @module
 */

import { InvariantError } from "../errors.ts";
import { type Liveness, NEVER } from "./liveness.ts";
import type { MachineFunction, RegisterFile } from "./machine.ts";
import { REMAT, SLOT } from "./parallel_moves.ts";

/**
 * @param register A register.
 * @returns The mask of this register.
 */
export function bit(register: number): number {
  return 1 << register;
}

/**
 * @param mask A mask that is not empty.
 * @returns Its lowest register.
 */
export function lowest(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

/** Registers and the virtual registers in them. */
export class RegisterState {
  /** Virtual register in each register, -1 for none. */
  readonly content: Int32Array;
  /** Registers that hold each virtual register, a mask. */
  readonly where: Int32Array;
  /** Registers with content, a mask. */
  busy = 0;
  /** 1 for each virtual register that needs a spill slot. */
  readonly spilled: Uint8Array;

  readonly #fn: MachineFunction;
  readonly #registers: RegisterFile;
  readonly #liveness: Liveness;
  readonly #next: Int32Array;

  /**
   * @param fn The function.
   * @param registers The registers of the target.
   * @param liveness Liveness of the function.
   * @param next By virtual register: position of its next use, kept current by the caller.
   */
  constructor(
    fn: MachineFunction,
    registers: RegisterFile,
    liveness: Liveness,
    next: Int32Array,
  ) {
    this.#fn = fn;
    this.#registers = registers;
    this.#liveness = liveness;
    this.#next = next;
    this.spilled = new Uint8Array(fn.vregCount);
    this.content = new Int32Array(registers.count).fill(-1);
    this.where = new Int32Array(fn.vregCount);
    for (let v = 0; v < fn.vregCount; v++) this.where[v] = this.#home(v);
  }

  /** The mask of the reserved register that always holds a value. */
  #home(vreg: number): number {
    const home = this.#fn.homes[vreg];
    return home >= 0 ? bit(home) : 0;
  }

  /** Empties all registers. */
  clear(): void {
    for (let r = 0; r < this.content.length; r++) {
      const vreg = this.content[r];
      if (vreg < 0) continue;
      this.content[r] = -1;
      this.where[vreg] = this.#home(vreg);
    }
    this.busy = 0;
  }

  /**
   * Puts a value into a register.
   *
   * @param vreg The value.
   * @param register A register that is free.
   */
  assign(vreg: number, register: number): void {
    this.busy |= bit(register);
    this.content[register] = vreg;
    this.where[vreg] |= bit(register);
  }

  /**
   * Frees all registers of a value that is not needed any more.
   *
   * @param vreg The value.
   */
  release(vreg: number): void {
    if (this.#fn.homes[vreg] >= 0) return;
    const where = this.where[vreg];
    this.busy &= ~where;
    for (let rest = where; rest !== 0; rest &= rest - 1) this.content[lowest(rest)] = -1;
    this.where[vreg] = 0;
  }

  /**
   * Takes a value out of a register; it needs a slot if that was its last place.
   *
   * @param register A register with content.
   */
  drop(register: number): void {
    const vreg = this.content[register];
    this.forget(vreg, register);
    if (this.where[vreg] === 0 && this.#next[vreg] < NEVER) this.needSlot(vreg);
  }

  /**
   * Notes that a value must be stored where it is defined, unless it can be recomputed.
   *
   * @param vreg The value.
   */
  needSlot(vreg: number): void {
    if (this.#fn.remat[vreg] === null) this.spilled[vreg] = 1;
  }

  /**
   * The allocatable registers without content.
   *
   * @param exclude Registers that do not count, a mask.
   * @returns A mask.
   */
  free(exclude: number): number {
    return this.#registers.allocatable & ~exclude & ~this.busy;
  }

  /**
   * The best of some free registers for a value.
   *
   * @param vreg The value.
   * @param free The registers, a mask that is not empty.
   * @param want The register that is best of all, -1 for any.
   * @returns The register.
   */
  pick(vreg: number, free: number, want: number): number {
    const saved = free & ~this.#registers.callerSaved;
    const lost = free & this.#registers.callerSaved;
    const first = this.#liveness.lasting[vreg] !== 0 ? saved : lost;
    // A value that outlives a call is moved out of what the call destroys sooner or later: nobody may want it there.
    const good = first === saved && saved !== 0 ? saved : free;
    if (want >= 0 && (good & bit(want)) !== 0) return want;
    const hint = this.#fn.hints[vreg];
    if (hint >= 0 && (good & bit(hint)) !== 0) return hint;
    return lowest(first !== 0 ? first : free);
  }

  /**
   * The register whose value is needed last; what can be recomputed or is elsewhere, too, counts as farther.
   *
   * @param mask The registers to choose from.
   * @returns The register, -1 if all are empty.
   */
  farthest(mask: number): number {
    let best = -1;
    let far = -1;
    for (let r = 0; r < this.content.length; r++) {
      const vreg = this.content[r];
      if (vreg < 0 || (mask & bit(r)) === 0) continue;
      const next = this.#next[vreg];
      const cheap = this.#fn.remat[vreg] !== null || (this.where[vreg] & ~bit(r)) !== 0;
      const score = cheap ? next * 2 : next;
      if (score > far) [best, far] = [r, score];
    }
    return best;
  }

  /** Whether what a register holds is in another one, too. */
  #isSpare(register: number): boolean {
    const vreg = this.content[register];
    return vreg >= 0 && (this.where[vreg] & ~bit(register)) !== 0;
  }

  /**
   * A register for a value, freed if need be.
   *
   * @param vreg The value.
   * @param exclude Registers that may not be chosen, a mask.
   * @param want The register that is best of all, -1 for any.
   * @returns The register.
   * @throws {InvariantError} If all are excluded.
   */
  choose(vreg: number, exclude: number, want: number): number {
    if (want >= 0 && (exclude & bit(want)) === 0 && this.#isSpare(want)) {
      this.forget(this.content[want], want);
    }
    const free = this.free(exclude);
    if (free !== 0) return this.pick(vreg, free, want);
    const victim = this.farthest(this.#registers.allocatable & ~exclude);
    if (victim < 0) {
      throw new InvariantError(`too few registers in ${this.#fn.name}: all are operands`);
    }
    this.drop(victim);
    return victim;
  }

  /**
   * Where to read a value from: a register, a slot, or {@link REMAT} because it is recomputed.
   *
   * @param vreg The value.
   * @returns The location.
   */
  source(vreg: number): number {
    const where = this.where[vreg];
    if (where !== 0) return lowest(where);
    if (this.#fn.remat[vreg] !== null) return REMAT;
    this.spilled[vreg] = 1;
    return SLOT + vreg;
  }

  /**
   * Takes one copy of a value out of its register, without regard to what that loses.
   *
   * @param vreg The value.
   * @param register A register that holds it.
   */
  forget(vreg: number, register: number): void {
    this.busy &= ~bit(register);
    this.content[register] = -1;
    this.where[vreg] &= ~bit(register);
  }

  /**
   * Empties registers whose content no longer matters.
   *
   * @param mask The registers.
   */
  clobber(mask: number): void {
    for (let rest = mask & this.busy; rest !== 0; rest &= rest - 1) {
      const register = lowest(rest);
      this.forget(this.content[register], register);
    }
  }
}
