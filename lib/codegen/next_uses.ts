/**
 * What the allocator must know of the rest of a block before it walks through it: for each operand the next use after
 * it, and for each definition the register that its uses would like.
 *
 * @module
 */

import { clearLiveOut, type Liveness, lowerToLiveOut, NEVER } from "./liveness.ts";
import type { MachineBlock, MachineFunction, MachineInsn } from "./machine.ts";

/** The future of a block, found by one walk backwards. Positions count instructions of the block. */
export class NextUses {
  /** By virtual register: position of its next use, {@link NEVER} for none. The allocator keeps it current. */
  readonly next: Int32Array;
  /** By operand, in program order over the block: the next use of that register after the instruction. */
  after: Int32Array = new Int32Array(256);
  /** By instruction: the first use of its definition. */
  defNext: Int32Array = new Int32Array(64);
  /** By instruction: the register that its definition is wanted in, -1 for any. */
  defWant: Int8Array = new Int8Array(64);

  readonly #fn: MachineFunction;
  readonly #liveness: Liveness;
  /** By virtual register: the wanted register, and how many clobbering instructions lay behind it then. */
  readonly #want: Int8Array;
  readonly #wantEpoch: Int32Array;
  #epoch = 0;
  #clobbered = 0;

  /**
   * @param fn The function.
   * @param liveness Its liveness.
   */
  constructor(fn: MachineFunction, liveness: Liveness) {
    this.#fn = fn;
    this.#liveness = liveness;
    this.next = new Int32Array(fn.vregCount).fill(NEVER);
    this.#want = new Int8Array(fn.vregCount).fill(-1);
    this.#wantEpoch = new Int32Array(fn.vregCount).fill(-1);
  }

  /**
   * Looks ahead over a block.
   *
   * @param block The block.
   * @param wantedAtEnd Calls back with registers that successors would like live values in.
   */
  scan(
    block: MachineBlock,
    wantedAtEnd: (want: (vreg: number, register: number) => void) => void,
  ): void {
    const { insns } = block;
    const { next } = this;
    this.#epoch++;
    this.#clobbered = 0;
    const behind = insns.length + 1;
    lowerToLiveOut(block, this.#liveness, behind, next);
    wantedAtEnd((vreg, register) => this.#setWant(vreg, register));
    let operands = block.term.uses.length;
    for (let i = 0; i < insns.length; i++) operands += insns[i].uses.length;
    this.#reserve(operands, insns.length);
    operands -= block.term.uses.length;
    this.#visitUses(block.term, insns.length, operands, -1);
    for (let i = insns.length - 1; i >= 0; i--) {
      const insn = insns[i];
      const { def } = insn;
      let want = -1;
      if (def >= 0) {
        this.defNext[i] = next[def];
        next[def] = NEVER;
        want = this.wanted(def);
        this.defWant[i] = want;
      }
      if (insn.clobbers !== 0) {
        this.#epoch++;
        this.#clobbered |= insn.clobbers;
      }
      operands -= insn.uses.length;
      this.#visitUses(insn, i, operands, want);
    }
  }

  /**
   * @param vreg A virtual register.
   * @returns The register it is wanted in at the point that the scan has reached, -1 for any.
   */
  wanted(vreg: number): number {
    const register = this.#want[vreg];
    if (register < 0) return -1;
    if (this.#wantEpoch[vreg] === this.#epoch) return register;
    // Older wishes hold only for registers that no instruction in between destroys.
    return (this.#clobbered >>> register & 1) === 0 ? register : -1;
  }

  /**
   * Forgets the block.
   *
   * @param block The block that was scanned last.
   */
  finish(block: MachineBlock): void {
    clearLiveOut(block, this.#liveness, this.next, NEVER);
    clearLiveOut(block, this.#liveness, this.#want, -1);
    const { insns, params } = block;
    for (let i = 0; i < insns.length; i++) {
      const { def } = insns[i];
      if (def >= 0) this.#want[def] = -1;
      this.#forgetWants(insns[i].uses);
    }
    this.#forgetWants(block.term.uses);
    this.#forgetWants(params);
  }

  #forgetWants(vregs: readonly number[]): void {
    for (let k = 0; k < vregs.length; k++) this.#want[vregs[k]] = -1;
  }

  #setWant(vreg: number, register: number): void {
    this.#want[vreg] = register;
    this.#wantEpoch[vreg] = this.#epoch;
  }

  #visitUses(insn: MachineInsn, position: number, base: number, defWant: number): void {
    const { uses, fixed } = insn;
    const { next, after } = this;
    for (let k = 0; k < uses.length; k++) after[base + k] = next[uses[k]];
    for (let k = 0; k < uses.length; k++) {
      next[uses[k]] = position;
      if (fixed !== null && fixed[k] >= 0) this.#setWant(uses[k], fixed[k]);
    }
    // A tied operand that is needed afterwards is copied, unless it may change places with one that is not.
    const dying = insn.tied < 0 || after[base + insn.tied] === NEVER
      ? insn.tied
      : insn.commutative && after[base + 1 - insn.tied] === NEVER
      ? 1 - insn.tied
      : -1;
    if (dying >= 0) {
      const wish = defWant >= 0 ? defWant : this.#fn.hints[insn.def];
      if (wish >= 0) this.#setWant(uses[dying], wish);
    } else if (insn.move && defWant >= 0 && this.#fn.hints[uses[0]] < 0) {
      // A value that knows its register keeps it: moves of the input stay where they are.
      this.#setWant(uses[0], defWant);
    }
  }

  #reserve(operands: number, insns: number): void {
    if (operands > this.after.length) this.after = new Int32Array(operands * 2);
    if (insns > this.defNext.length) {
      this.defNext = new Int32Array(insns * 2);
      this.defWant = new Int8Array(insns * 2);
    }
  }
}
