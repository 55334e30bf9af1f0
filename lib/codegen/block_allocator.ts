/**
 * Register assignment of one block after the other: a forward walk that keeps each live value in at most a few
 * registers, takes the register whose value is needed last when none is free (Belady), and satisfies fixed operands and
 * clobbers by parallel moves. A value that is dropped has a spill slot, written once where it is defined.
 *
 * @module
 */

import { InvariantError } from "../errors.ts";
import { Step } from "./allocation.ts";
import { type Liveness, NEVER } from "./liveness.ts";
import type { MachineBlock, MachineFunction, MachineInsn, RegisterFile } from "./machine.ts";
import { NextUses } from "./next_uses.ts";
import { appendMoves, type Move, REMAT, SLOT } from "./parallel_moves.ts";

/** Slot number of the place that breaks cycles, before slots are numbered. */
export const TEMP_SLOT = 0x3fff_0000;

const bit = (register: number): number => 1 << register;
const lowest = (mask: number): number => 31 - Math.clz32(mask & -mask);

/** What a value that must leave its registers before an instruction needs. */
interface Evictee {
  readonly vreg: number;
  readonly register: number;
  /** Next use after the instruction. */
  readonly next: number;
  /** Whether it must outlive what the instruction destroys. */
  readonly survives: boolean;
}

/** Walks blocks in an order in which each has a predecessor that was walked before. */
export class BlockAllocator<I extends MachineInsn> {
  /** 1 for each virtual register that needs a spill slot. */
  readonly spilled: Uint8Array;
  /** 1 for each block parameter that has no register at the start of its block. */
  readonly onStack: Uint8Array;
  /** Whether a step uses {@link TEMP_SLOT}. */
  usesTemp = false;

  /** Virtual register in each register at the start of each block, -1 for none: `count` entries a block. */
  readonly start: Int32Array;
  /** The same behind its terminator. */
  readonly end: Int32Array;

  readonly #fn: MachineFunction<I>;
  readonly #registers: RegisterFile;
  readonly #liveness: Liveness;
  readonly #uses: NextUses;
  /** Virtual register in each register, -1 for none. */
  readonly #content: Int32Array;
  /** Registers that hold each virtual register, a mask. */
  readonly #where: Int32Array;
  /** Registers with content, a mask. */
  #busy = 0;
  readonly #walked: Uint8Array;
  readonly #steps: Step<I>[] = [];
  /** Registers of the operands of the current instruction. */
  readonly #read = new Int32Array(6);
  /** By register: the operand of the current instruction that is fixed to it; stale where none is. */
  readonly #wanted: Int32Array;

  /**
   * @param fn The function.
   * @param registers The registers of the target.
   * @param liveness Liveness of the function.
   */
  constructor(fn: MachineFunction<I>, registers: RegisterFile, liveness: Liveness) {
    this.#fn = fn;
    this.#registers = registers;
    this.#liveness = liveness;
    this.#uses = new NextUses(fn, liveness);
    this.spilled = new Uint8Array(fn.vregCount);
    this.onStack = new Uint8Array(fn.vregCount);
    this.#content = new Int32Array(registers.count).fill(-1);
    this.#where = new Int32Array(fn.vregCount);
    for (let v = 0; v < fn.vregCount; v++) {
      if (fn.homes[v] >= 0) this.#where[v] = bit(fn.homes[v]);
    }
    this.start = new Int32Array(fn.blocks.length * registers.count).fill(-1);
    this.end = new Int32Array(fn.blocks.length * registers.count).fill(-1);
    this.#walked = new Uint8Array(fn.blocks.length);
    this.#wanted = new Int32Array(registers.count).fill(-1);
  }

  /**
   * Allocates a block.
   *
   * @param block The block; it is the entry or a predecessor was walked.
   * @returns Its steps; the terminator is the last.
   */
  walk(block: MachineBlock<I>): Step<I>[] {
    this.#steps.length = 0;
    this.#uses.scan(block, (want) => this.#wantedAtEnd(block, want));
    this.#enter(block);
    let operand = 0;
    const { insns } = block;
    for (let i = 0; i < insns.length; i++) {
      this.#allocate(insns[i], operand, this.#uses.defNext[i], this.#uses.defWant[i]);
      operand += insns[i].uses.length;
    }
    this.#allocate(block.term, operand, NEVER, -1);
    this.#leave(block);
    return this.#steps.slice();
  }

  // Block boundaries.

  /** Registers that successors already agreed on, and the preferences of parameters. */
  #wantedAtEnd(block: MachineBlock<I>, want: (vreg: number, register: number) => void): void {
    const { count } = this.#registers;
    for (const { to, args } of block.succs) {
      if (this.#walked[to.index] === 0) {
        for (let i = 0; i < args.length; i++) {
          const hint = this.#fn.hints[to.params[i]];
          if (hint >= 0) want(args[i], hint);
        }
        continue;
      }
      for (let r = 0; r < count; r++) {
        const vreg = this.start[to.index * count + r];
        if (vreg < 0) continue;
        const param = to.params.indexOf(vreg);
        want(param >= 0 ? args[param] : vreg, r);
      }
    }
  }

  #enter(block: MachineBlock<I>): void {
    const { next } = this.#uses;
    const { count } = this.#registers;
    if (block.index === 0) {
      block.params.forEach((param, i) => {
        if (next[param] < NEVER) this.#assign(param, this.#fn.entryRegisters[i]);
      });
    } else {
      const primary = this.#primaryEdge(block);
      const base = primary.from.index * count;
      for (let r = 0; r < count; r++) {
        const vreg = this.end[base + r];
        if (vreg >= 0 && next[vreg] < NEVER && this.#liveness.defBlock[vreg] !== block.index) {
          this.#assign(vreg, r);
        }
      }
      for (let i = 0; i < block.params.length; i++) {
        const param = block.params[i];
        if (next[param] < NEVER) this.#placeParam(param, this.#endRegister(base, primary.args[i]));
      }
    }
    const start = block.index * count;
    for (let r = 0; r < count; r++) this.start[start + r] = this.#content[r];
  }

  /** The register that holds a value at the end of the block whose entries begin at `base`, -1 for none. */
  #endRegister(base: number, vreg: number): number {
    for (let r = 0; r < this.#registers.count; r++) if (this.end[base + r] === vreg) return r;
    return -1;
  }

  /** The walked predecessor that leaves most in registers. */
  #primaryEdge(block: MachineBlock<I>): MachineBlock<I>["preds"][number] {
    const { count } = this.#registers;
    let best = null;
    let most = -1;
    if (block.preds.length === 1) return block.preds[0];
    for (const edge of block.preds) {
      if (this.#walked[edge.from.index] === 0) continue;
      let held = 0;
      const base = edge.from.index * count;
      for (let r = 0; r < count; r++) if (this.end[base + r] >= 0) held++;
      if (held > most) [best, most] = [edge, held];
    }
    if (best === null) throw new InvariantError(`block ${block.index} is walked too early`);
    return best;
  }

  /** Gives a parameter a register, that of its argument if possible, or leaves it on the stack. */
  #placeParam(param: number, argRegister: number): void {
    const free = this.#free(0);
    if (free === 0) {
      const victim = this.#farthest(this.#registers.allocatable);
      const { next } = this.#uses;
      if (victim < 0 || next[this.#content[victim]] <= next[param]) {
        this.onStack[param] = 1;
        this.spilled[param] = 1;
        return;
      }
      // Another parameter of this block that gives way arrives on the stack, too.
      const loser = this.#content[victim];
      if (this.#liveness.defBlock[loser] === this.#liveness.defBlock[param]) {
        this.onStack[loser] = 1;
      }
      this.#drop(victim);
      this.#assign(param, victim);
      return;
    }
    const hint = this.#fn.hints[param];
    const keep = hint >= 0 && (free & bit(hint)) !== 0 ? hint : argRegister;
    this.#assign(param, keep >= 0 && (free & bit(keep)) !== 0 ? keep : this.#pick(param, free, -1));
  }

  #leave(block: MachineBlock<I>): void {
    const { next } = this.#uses;
    const { count } = this.#registers;
    const base = block.index * count;
    for (let r = 0; r < count; r++) {
      const vreg = this.#content[r];
      if (vreg < 0) continue;
      if (next[vreg] < NEVER) this.end[base + r] = vreg;
      this.#content[r] = -1;
      const home = this.#fn.homes[vreg];
      this.#where[vreg] = home >= 0 ? bit(home) : 0;
    }
    this.#busy = 0;
    this.#uses.finish(block);
    this.#walked[block.index] = 1;
  }

  // Registers.

  #assign(vreg: number, register: number): void {
    this.#busy |= bit(register);
    this.#content[register] = vreg;
    this.#where[vreg] |= bit(register);
  }

  /** Frees all registers of a value that is not needed any more. */
  #release(vreg: number): void {
    if (this.#fn.homes[vreg] >= 0) return;
    let where = this.#where[vreg];
    this.#busy &= ~where;
    while (where !== 0) {
      const register = lowest(where);
      this.#content[register] = -1;
      where &= ~bit(register);
    }
    this.#where[vreg] = 0;
  }

  /** Takes a value out of a register; it needs a slot if that was its last place. */
  #drop(register: number): void {
    const vreg = this.#content[register];
    this.#forget(vreg, register);
    if (this.#where[vreg] === 0 && this.#uses.next[vreg] < NEVER) this.#needSlot(vreg);
  }

  #needSlot(vreg: number): void {
    if (this.#fn.remat[vreg] === null) this.spilled[vreg] = 1;
  }

  #free(exclude: number): number {
    return this.#registers.allocatable & ~exclude & ~this.#busy;
  }

  /** The best of some free registers for a value. */
  #pick(vreg: number, free: number, want: number): number {
    if (want >= 0 && (free & bit(want)) !== 0) return want;
    const hint = this.#fn.hints[vreg];
    if (hint >= 0 && (free & bit(hint)) !== 0) return hint;
    const saved = free & ~this.#registers.callerSaved;
    const lost = free & this.#registers.callerSaved;
    const first = this.#liveness.crossesCall[vreg] !== 0 ? saved : lost;
    return lowest(first !== 0 ? first : free);
  }

  /** The register of a mask whose value is needed last; recomputable values count as farther. -1 if none is taken. */
  #farthest(mask: number): number {
    let best = -1;
    let far = -1;
    for (let r = 0; r < this.#content.length; r++) {
      const vreg = this.#content[r];
      if (vreg < 0 || (mask & bit(r)) === 0) continue;
      const next = this.#uses.next[vreg];
      const cheap = this.#fn.remat[vreg] !== null || (this.#where[vreg] & ~bit(r)) !== 0;
      const score = cheap ? next * 2 : next;
      if (score > far) [best, far] = [r, score];
    }
    return best;
  }

  /** A register outside a mask for a value, freed if need be. */
  #choose(vreg: number, exclude: number, want: number): number {
    const free = this.#free(exclude);
    if (free !== 0) return this.#pick(vreg, free, want);
    const victim = this.#farthest(this.#registers.allocatable & ~exclude);
    if (victim < 0) {
      throw new InvariantError(`too few registers in ${this.#fn.name}: all are operands`);
    }
    this.#drop(victim);
    return victim;
  }

  /** Where to read a value from: a register, a slot, or nowhere because it is recomputed. */
  #source(vreg: number): number {
    const where = this.#where[vreg];
    if (where !== 0) return lowest(where);
    if (this.#fn.remat[vreg] !== null) return REMAT;
    this.spilled[vreg] = 1;
    return SLOT + vreg;
  }

  /** Brings a value into a register outside a mask. */
  #load(vreg: number, exclude: number, want: number): number {
    const register = this.#choose(vreg, exclude, want);
    appendMoves([{ dst: register, src: this.#source(vreg), vreg }], 0, this.#steps, () => 0);
    this.#assign(vreg, register);
    return register;
  }

  // Instructions.

  #allocate(insn: I, base: number, defNext: number, want: number): void {
    const { uses } = insn;
    const { next, after } = this.#uses;
    if (insn.fixed !== null || insn.clobbers !== 0 || insn.defFixed >= 0) {
      this.#satisfyFixed(insn, base);
    }
    if (insn.commutative && uses.length === 2) this.#orderOperands(uses, base);
    this.#readOperands(insn, want);
    const read = this.#read;
    let packed = 0;
    for (let k = 0; k < uses.length; k++) packed |= read[k] << (k * 5);
    // The copy of a tied operand comes before the operands are released: it must not land on one of them.
    const { tied, def } = insn;
    let dst = -1;
    if (tied >= 0) {
      dst = this.#tiedDefinition(insn, base, want);
      packed = packed & ~(31 << (tied * 5)) | dst << (tied * 5);
    }
    for (let k = 0; k < uses.length; k++) next[uses[k]] = after[base + k];
    for (let k = 0; k < uses.length; k++) if (next[uses[k]] === NEVER) this.#release(uses[k]);
    this.#clobber(insn.clobbers);
    if (def >= 0) {
      if (insn.defFixed >= 0) {
        dst = insn.defFixed;
        this.#clobber(bit(dst));
      } else if (tied < 0) dst = this.#choose(def, 0, want);
    }
    this.#steps.push(new Step<I>("insn", insn, dst, packed, -1));
    if (def >= 0 && defNext < NEVER) {
      this.#assign(def, dst);
      next[def] = defNext;
    }
  }

  /** Finds a register for each operand: first for those that are in one, then by loading the others. */
  #readOperands(insn: I, want: number): void {
    const { uses, fixed } = insn;
    const read = this.#read;
    let locked = 0;
    let missing = false;
    for (let k = 0; k < uses.length; k++) {
      const where = this.#where[uses[k]];
      const register = fixed !== null && fixed[k] >= 0
        ? fixed[k]
        : where !== 0
        ? lowest(where)
        : -1;
      read[k] = register;
      if (register >= 0) locked |= bit(register);
      else missing = true;
    }
    if (!missing) return;
    for (let k = 0; k < uses.length; k++) {
      if (read[k] >= 0) continue;
      // The same value may have been loaded as an operand before.
      const where = this.#where[uses[k]];
      read[k] = where !== 0
        ? lowest(where)
        : this.#load(uses[k], locked, insn.tied === k ? want : -1);
      locked |= bit(read[k]);
    }
  }

  /** Puts the operand that dies first of a commutative instruction, so that its register can be taken over. */
  #orderOperands(uses: number[], base: number): void {
    const { after } = this.#uses;
    const a = uses[0];
    const b = uses[1];
    const aDies = after[base] === NEVER && this.#fn.homes[a] < 0;
    const bDies = after[base + 1] === NEVER && this.#fn.homes[b] < 0;
    if (a === b || aDies || !bDies || this.#where[b] === 0) return;
    const afterA = after[base];
    uses[0] = b;
    uses[1] = a;
    after[base] = after[base + 1];
    after[base + 1] = afterA;
  }

  /**
   * The register of a definition that overwrites its tied operand: that operand's own if nothing needs it afterwards,
   * else another that it is copied to.
   */
  #tiedDefinition(
    insn: I,
    base: number,
    want: number,
  ): number {
    const { uses, tied, def } = insn;
    const read = this.#read;
    const vreg = uses[tied];
    const register = read[tied];
    const { after } = this.#uses;
    const elsewhere = (this.#where[vreg] & ~bit(register)) !== 0;
    const home = this.#fn.homes[vreg] >= 0;
    if (!home && (after[base + tied] === NEVER || elsewhere)) {
      this.#forget(vreg, register);
      return register;
    }
    if (!home && this.#fn.remat[vreg]?.length === 1) {
      this.#forget(vreg, register);
      return register;
    }
    let exclude = 0;
    for (let k = 0; k < uses.length; k++) if (k !== tied) exclude |= bit(read[k]);
    const dst = this.#choose(def, exclude, want);
    if (dst !== register) this.#steps.push(new Step<I>("move", null, dst, register, vreg));
    return dst;
  }

  #forget(vreg: number, register: number): void {
    this.#busy &= ~bit(register);
    this.#content[register] = -1;
    this.#where[vreg] &= ~bit(register);
  }

  /** Empties registers whose content no longer matters. */
  #clobber(mask: number): void {
    for (let rest = mask & this.#busy; rest !== 0; rest &= rest - 1) {
      const register = lowest(rest);
      this.#forget(this.#content[register], register);
    }
  }

  /** Moves operands into their fixed registers and what must survive out of the way, all at once. */
  #satisfyFixed(insn: I, base: number): void {
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
        if (this.#content[register] === uses[k] || this.#fn.remat[uses[k]]?.length === 0) continue;
        (moves ??= []).push({ dst: register, src: this.#source(uses[k]), vreg: uses[k] });
      }
    }
    const destroyed = insn.clobbers | (insn.defFixed >= 0 ? bit(insn.defFixed) : 0);
    if (((fixedMask | destroyed) & this.#busy) !== 0) {
      moves = this.#relocate(insn, base, fixedMask, destroyed, moves);
    }
    if (moves === null) return;
    let targets = 0;
    for (const { dst } of moves) targets |= bit(dst);
    appendMoves(moves, this.#free(targets | fixedMask), this.#steps, () => {
      this.usesTemp = true;
      return SLOT + TEMP_SLOT;
    });
    for (const { dst } of moves) this.#clobber(bit(dst));
    for (const { dst, vreg } of moves) this.#assign(vreg, dst);
  }

  /** Finds new registers for values that would be overwritten, nearest use first; drops what finds none. */
  #relocate(
    insn: I,
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
      const free = this.#free(avoid);
      let dst = -1;
      if (free !== 0) dst = this.#pick(vreg, free, -1);
      else {
        const victim = this.#farthest(
          this.#registers.allocatable & ~avoid & ~this.#operandMask(insn),
        );
        if (victim >= 0 && this.#uses.next[this.#content[victim]] > next) {
          this.#drop(victim);
          dst = victim;
        }
      }
      if (dst >= 0) {
        taken |= bit(dst);
        (moves ??= []).push({ dst, src: register, vreg });
      } else this.#needSlot(vreg);
    }
    return moves;
  }

  #operandMask(insn: I): number {
    let mask = 0;
    for (const vreg of insn.uses) mask |= this.#where[vreg];
    return mask;
  }

  #evictees(
    insn: I,
    base: number,
    fixedMask: number,
    destroyed: number,
  ): Evictee[] | null {
    const { uses, fixed } = insn;
    let evictees: Evictee[] | null = null;
    for (let rest = (fixedMask | destroyed) & this.#busy; rest !== 0; rest &= rest - 1) {
      const register = lowest(rest);
      const vreg = this.#content[register];
      if (this.#fn.remat[vreg] !== null) continue;
      let next = this.#uses.next[vreg];
      let operand = false;
      for (let k = 0; k < uses.length; k++) {
        if (uses[k] !== vreg) continue;
        next = this.#uses.after[base + k];
        if (fixed === null || fixed[k] < 0) operand = true;
      }
      // Registers that keep the value through the moves, and through the instruction.
      let kept = this.#where[vreg] & ~fixedMask;
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
