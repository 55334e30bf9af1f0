/**
 * Register assignment of one block after the other: a forward walk that keeps each live value in at most a few
 * registers, takes the register whose value is needed last when none is free (Belady), and satisfies fixed operands and
 * clobbers by parallel moves. A value that is dropped has a spill slot, written once where it is defined.
 *
 * @module
 */

import { InvariantError } from "../errors.ts";
import { Step } from "./allocation.ts";
import { FixedOperands } from "./fixed_operands.ts";
import { JoinVotes } from "./join_votes.ts";
import { type Liveness, NEVER } from "./liveness.ts";
import type { MachineBlock, MachineFunction, MachineInsn, RegisterFile } from "./machine.ts";
import { NextUses } from "./next_uses.ts";
import { appendMoves } from "./parallel_moves.ts";
import { bit, lowest, RegisterState } from "./register_state.ts";
import { Scratch } from "./scratch.ts";

/** Walks blocks in an order in which each has a predecessor that was walked before. */
export class BlockAllocator<I extends MachineInsn> {
  /** 1 for each block parameter that has no register at the start of its block. */
  readonly onStack: Uint8Array;

  /** Virtual register in each register at the start of each block, -1 for none: `count` entries a block. */
  readonly start: Int32Array;
  /** The same behind its terminator. */
  readonly end: Int32Array;

  readonly #fn: MachineFunction<I>;
  readonly #registers: RegisterFile;
  readonly #liveness: Liveness;
  readonly #uses: NextUses;
  readonly #state: RegisterState;
  readonly #fixed: FixedOperands<I>;
  readonly #walked: Uint8Array;
  readonly #steps = new Scratch<Step<I>>();
  readonly #votes: JoinVotes;
  /** Registers of the operands of the current instruction. */
  readonly #read = new Int32Array(6);

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
    this.#state = new RegisterState(fn, registers, liveness, this.#uses.next);
    this.#fixed = new FixedOperands(fn, registers, this.#uses, this.#state, this.#steps);
    this.onStack = new Uint8Array(fn.vregCount);
    this.start = new Int32Array(fn.blocks.length * registers.count).fill(-1);
    this.end = new Int32Array(fn.blocks.length * registers.count).fill(-1);
    this.#walked = new Uint8Array(fn.blocks.length);
    this.#votes = new JoinVotes(registers.count, this.end, this.#walked);
  }

  /** 1 for each virtual register that needs a spill slot. */
  get spilled(): Uint8Array {
    return this.#state.spilled;
  }

  /** Whether a step uses {@link TEMP_SLOT}. */
  get usesTemp(): boolean {
    return this.#fixed.usesTemp;
  }

  /**
   * Allocates a block.
   *
   * @param block The block; it is the entry or a predecessor was walked.
   * @returns Its steps; the terminator is the last.
   */
  walk(block: MachineBlock<I>): Step<I>[] {
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
    return this.#steps.take();
  }

  // Block boundaries.

  /** Registers that successors already agreed on, or that another way into them offers; preferences of parameters. */
  #wantedAtEnd(block: MachineBlock<I>, want: (vreg: number, register: number) => void): void {
    const { count } = this.#registers;
    for (const { to, args } of block.succs) {
      if (this.#walked[to.index] === 0) {
        for (let i = 0; i < args.length; i++) {
          const hint = this.#fn.hints[to.params[i]];
          if (hint >= 0) want(args[i], hint);
        }
        this.#wantAsOthers(to, args, want);
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

  /** The places that values have at the end of the first predecessor that was walked. */
  #wantAsOthers(
    { preds }: MachineBlock<I>,
    args: readonly number[],
    want: (vreg: number, register: number) => void,
  ): void {
    const { count } = this.#registers;
    for (const { from: { index }, args: others } of preds) {
      if (this.#walked[index] === 0) continue;
      for (let r = 0; r < count; r++) {
        const vreg = this.end[index * count + r];
        if (vreg < 0) continue;
        const param = others.indexOf(vreg);
        want(param >= 0 ? args[param] : vreg, r);
      }
      return;
    }
  }

  #enter(block: MachineBlock<I>): void {
    const { next } = this.#uses;
    const { count } = this.#registers;
    if (block.index === 0) {
      block.params.forEach((param, i) => {
        if (next[param] < NEVER) this.#state.assign(param, this.#fn.entryRegisters[i]);
      });
    } else {
      const primary = this.#primaryEdge(block);
      const base = primary.from.index * count;
      // Where ways meet, one register for each value is enough to agree on.
      const joins = block.preds.length > 1;
      for (let r = count - 1; r >= 0; r--) {
        const vreg = this.end[base + r];
        if (vreg < 0 || next[vreg] >= NEVER || joins && this.#state.where[vreg] !== 0) continue;
        if (joins && this.#fn.remat[vreg] !== null && !this.#votes.isUnanimous(block, vreg, r)) {
          continue;
        }
        if (this.#liveness.defBlock[vreg] === block.index) continue;
        if (joins) this.#votes.poll(block, -1, vreg);
        const elected = joins ? this.#votes.elected(this.#state.free(0), r) : r;
        if (elected >= 0) this.#state.assign(vreg, elected);
        else if ((this.#state.free(0) & bit(r)) !== 0) this.#state.assign(vreg, r);
      }
      for (let i = 0; i < block.params.length; i++) {
        const param = block.params[i];
        if (next[param] >= NEVER) continue;
        this.#votes.poll(block, i, -1);
        this.#placeParam(
          param,
          this.#votes.elected(this.#state.free(0), this.#fn.hints[param]),
        );
      }
    }
    const start = block.index * count;
    for (let r = 0; r < count; r++) this.start[start + r] = this.#state.content[r];
    if (block.index !== 0) return;
    for (const param of block.params) if (next[param] < NEVER) this.#moveToSafety(param, true);
  }

  /**
   * Gives a value that arrives in a register which calls destroy, and outlives one, another register at once: later it
   * would take a move before each of the first calls that it meets. It may stay where it arrived, too, as
   * arguments do that are passed on.
   */
  #moveToSafety(vreg: number, keep: boolean): void {
    const { callerSaved } = this.#registers;
    if (this.#liveness.lasting[vreg] === 0 || this.#fn.remat[vreg] !== null) return;
    const where = this.#state.where[vreg];
    if (where === 0 || (where & ~callerSaved) !== 0) return;
    const free = this.#state.free(callerSaved);
    if (free === 0) return;
    const dst = this.#state.pick(vreg, free, -1);
    const src = lowest(where);
    this.#steps.push(new Step<I>("move", null, dst, src, vreg));
    if (!keep) this.#state.forget(vreg, src);
    this.#state.assign(vreg, dst);
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

  /** Gives a parameter a register, that of its arguments if possible, or leaves it on the stack. */
  #placeParam(param: number, argRegister: number): void {
    const free = this.#state.free(0);
    if (free === 0) {
      const victim = this.#state.farthest(this.#registers.allocatable);
      const { next } = this.#uses;
      if (victim < 0 || next[this.#state.content[victim]] <= next[param]) {
        this.onStack[param] = 1;
        this.#state.spilled[param] = 1;
        return;
      }
      // Another parameter of this block that gives way arrives on the stack, too.
      const loser = this.#state.content[victim];
      if (this.#liveness.defBlock[loser] === this.#liveness.defBlock[param]) {
        this.onStack[loser] = 1;
      }
      this.#state.drop(victim);
      this.#state.assign(param, victim);
      return;
    }
    const hint = this.#fn.hints[param];
    const saved = free & ~this.#registers.callerSaved;
    const good = this.#liveness.lasting[param] !== 0 && saved !== 0 ? saved : free;
    const isGood = (register: number): boolean => register >= 0 && (good & bit(register)) !== 0;
    const register = isGood(argRegister)
      ? argRegister
      : isGood(hint)
      ? hint
      : this.#state.pick(param, free, -1);
    this.#state.assign(param, register);
  }

  #leave(block: MachineBlock<I>): void {
    const { next } = this.#uses;
    const { count } = this.#registers;
    const base = block.index * count;
    for (let r = 0; r < count; r++) {
      const vreg = this.#state.content[r];
      if (vreg >= 0 && next[vreg] < NEVER) this.end[base + r] = vreg;
    }
    this.#state.clear();
    this.#uses.finish(block);
    this.#walked[block.index] = 1;
  }

  /** Brings a value into a register outside a mask. */
  #load(vreg: number, exclude: number, want: number): number {
    const register = this.#state.choose(vreg, exclude, want);
    appendMoves([{ dst: register, src: this.#state.source(vreg), vreg }], 0, this.#steps, () => 0);
    this.#state.assign(vreg, register);
    return register;
  }

  // Instructions.

  #allocate(insn: I, base: number, defNext: number, want: number): void {
    const { uses } = insn;
    const { next, after } = this.#uses;
    if (insn.fixed !== null || insn.clobbers !== 0 || insn.defFixed >= 0) {
      this.#fixed.satisfy(insn, base);
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
    for (let k = 0; k < uses.length; k++) if (next[uses[k]] === NEVER) this.#state.release(uses[k]);
    this.#state.clobber(insn.clobbers);
    if (def >= 0) {
      if (insn.defFixed >= 0) {
        dst = insn.defFixed;
        this.#state.clobber(bit(dst));
      } else if (tied < 0) dst = this.#state.choose(def, 0, want);
    }
    this.#steps.push(new Step<I>("insn", insn, dst, packed, -1));
    if (def >= 0 && defNext < NEVER) {
      this.#state.assign(def, dst);
      next[def] = defNext;
      if (insn.defFixed >= 0) this.#moveToSafety(def, false);
    }
  }

  /** Finds a register for each operand: first for those that are in one, then by loading the others. */
  #readOperands(insn: I, want: number): void {
    const { uses, fixed } = insn;
    const read = this.#read;
    let locked = 0;
    let missing = false;
    for (let k = 0; k < uses.length; k++) {
      const where = this.#state.where[uses[k]];
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
      const where = this.#state.where[uses[k]];
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
    if (a === b || aDies || !bDies || this.#state.where[b] === 0) return;
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
    const elsewhere = (this.#state.where[vreg] & ~bit(register)) !== 0;
    const home = this.#fn.homes[vreg] >= 0;
    if (!home && (after[base + tied] === NEVER || elsewhere)) {
      this.#state.forget(vreg, register);
      return register;
    }
    if (!home && this.#fn.remat[vreg]?.length === 1) {
      this.#state.forget(vreg, register);
      return register;
    }
    let exclude = 0;
    for (let k = 0; k < uses.length; k++) if (k !== tied) exclude |= bit(read[k]);
    const dst = this.#state.choose(def, exclude, want);
    if (dst !== register) this.#steps.push(new Step<I>("move", null, dst, register, vreg));
    return dst;
  }
}
