/**
 * Allocated machine code to eBPF instructions: fall-through edges, inverted conditions, spill slots below the frame,
 * and jumps of any distance.
 *
 * @module
 */

import {
  type AllocatedBlock,
  type AllocatedFunction,
  type Step,
  useRegister,
} from "../../codegen/allocation.ts";
import type { MachineFunction } from "../../codegen/machine.ts";
import { InvariantError } from "../../errors.ts";
import { Instruction } from "../../isa/instruction.ts";
import { COND, type Cond, type Version } from "../../isa/ops.ts";
import type { CodeRelocation, CoreRecord, FunctionCode } from "../../object/program.ts";
import { BPF, type BpfInsn, FRAME_REGISTER, toInstruction } from "./code.ts";
import { relaxJumps } from "./jumps.ts";
import { Rows } from "./rows.ts";

/** A function being emitted: instructions with what is attached to them; jumps aim at labels. */
export class CodeBuffer {
  /** The instructions; the distance of a jump is not set yet. */
  readonly insns: Instruction[] = [];
  /** Slot in the section of the input that each stems from, -1 for none. */
  readonly origins: number[] = [];
  /** Indices of the jumps. */
  readonly jumps: number[] = [];
  /** Block ids that they go to, parallel. */
  readonly labels: number[] = [];
  /** By block id: index of its first instruction. */
  readonly blockStart: number[];
  /** Attachments by index. */
  readonly relocations: Map<number, CodeRelocation> = new Map();
  /** CO-RE records by index. */
  readonly core: Map<number, CoreRecord> = new Map();
  /** Local functions by index. */
  readonly targets: Map<number, number> = new Map();

  /** @param blockIds Number of block ids for which there is room at once. */
  constructor(blockIds = 0) {
    this.blockStart = new Array(blockIds);
  }

  /**
   * Appends an instruction.
   *
   * @param insn The instruction.
   * @param from What it was made from: origin and attachments; null for none.
   * @param label Block id that a jump goes to, -1 for no jump.
   */
  push(insn: Instruction, from: BpfInsn | null, label = -1): void {
    const attachment = from === null ? null : from.attachment;
    if (attachment !== null) {
      const index = this.insns.length;
      if (attachment.relocation !== null) this.relocations.set(index, attachment.relocation);
      if (attachment.core !== null) this.core.set(index, attachment.core);
      if (attachment.target >= 0) this.targets.set(index, attachment.target);
    }
    this.insns.push(insn);
    this.origins.push(from === null ? -1 : from.pc);
    if (label < 0) return;
    this.jumps.push(this.insns.length - 1);
    this.labels.push(label);
  }
}

class Emitter {
  readonly #fn: MachineFunction<BpfInsn>;
  readonly #allocated: AllocatedFunction<BpfInsn>;
  readonly #slots: readonly number[];
  readonly #cpu: Version;
  readonly buffer: CodeBuffer;

  constructor(
    fn: MachineFunction<BpfInsn>,
    allocated: AllocatedFunction<BpfInsn>,
    slots: readonly number[],
    cpu: Version,
  ) {
    this.#fn = fn;
    this.#allocated = allocated;
    this.#slots = slots;
    this.#cpu = cpu;
    this.buffer = new CodeBuffer(
      allocated.blocks.reduce((most, { id }) => Math.max(most, id), 0) + 1,
    );
  }

  run(): void {
    const { blocks } = this.#allocated;
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i];
      this.buffer.blockStart[block.id] = this.buffer.insns.length;
      const { steps } = block;
      for (let k = 0; k < steps.length; k++) this.#step(steps[k]);
      this.#terminator(block, i + 1 < blocks.length ? blocks[i + 1].id : -1);
    }
  }

  #step(step: Step<BpfInsn>): void {
    const { kind, dst, src } = step;
    switch (kind) {
      case "insn": {
        const insn = step.insn!;
        if (insn.move && dst === useRegister(src, 0)) return;
        this.buffer.push(toInstruction(insn, dst, src), insn);
        return;
      }
      case "move":
        this.buffer.push(new Instruction(BPF.movReg, dst, src), null);
        return;
      case "store":
        this.buffer.push(new Instruction(BPF.store64, FRAME_REGISTER, src, this.#slots[dst]), null);
        return;
      case "load":
        this.buffer.push(new Instruction(BPF.load64, dst, FRAME_REGISTER, this.#slots[src]), null);
        return;
      case "remat":
        this.#rematerialise(step.vreg, dst);
        return;
    }
  }

  #rematerialise(vreg: number, dst: number): void {
    const recipe = this.#fn.remat[vreg];
    if (recipe === null) throw new InvariantError(`value ${vreg} cannot be recomputed`);
    for (const insn of recipe) {
      // Its only uses are a reserved register and what the recipe computed so far.
      const home = insn.uses.length > 0 ? this.#fn.homes[insn.uses[0]] : -1;
      this.buffer.push(toInstruction(insn, dst, home >= 0 ? home : dst), insn);
    }
  }

  #terminator(block: AllocatedBlock<BpfInsn>, next: number): void {
    const { term, succs } = block;
    const from = term.insn!;
    const insn = toInstruction(from, 0, term.src);
    switch (insn.op.kind) {
      case "goto":
        if (succs[0] !== next) this.buffer.push(insn, from, succs[0]);
        return;
      case "branch":
        return this.#branch(insn, from, succs[0], succs[1], next);
      case "may_goto":
        this.buffer.push(insn, from, succs[0]);
        if (succs[1] !== next) this.#jump(succs[1]);
        return;
      default:
        this.buffer.push(insn, from);
    }
  }

  #branch(
    insn: Instruction,
    from: BpfInsn,
    taken: number,
    otherwise: number,
    next: number,
  ): void {
    if (otherwise === next) {
      this.buffer.push(insn, from, taken);
      return;
    }
    const { inverse } = COND[insn.op.fn as Cond];
    if (taken === next && inverse !== null && COND[inverse].version <= this.#cpu) {
      insn.op = Rows.branch(inverse, insn.op.width, insn.op.form as "imm" | "reg");
      this.buffer.push(insn, from, otherwise);
      return;
    }
    this.buffer.push(insn, from, taken);
    this.#jump(otherwise);
  }

  #jump(block: number): void {
    this.buffer.push(new Instruction(BPF.goto), null, block);
  }
}

/**
 * Emits a function.
 *
 * @param fn Its machine form.
 * @param allocated Its allocation.
 * @param slots Offsets of the spill slots from the frame pointer.
 * @param cpu Newest ISA version that may be used.
 * @returns The code.
 */
export function emitBpf(
  fn: MachineFunction<BpfInsn>,
  allocated: AllocatedFunction<BpfInsn>,
  slots: readonly number[],
  cpu: Version,
): FunctionCode {
  const emitter = new Emitter(fn, allocated, slots, cpu);
  emitter.run();
  const { insns, origins, relocations, core, targets } = relaxJumps(emitter.buffer, cpu);
  return { insns, origins: Int32Array.from(origins), relocations, core, targets };
}
