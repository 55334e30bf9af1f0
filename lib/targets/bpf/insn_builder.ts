/**
 * Machine instructions under construction: virtual registers for operands, leaves put into registers, and the
 * instructions of a block.
 *
 * @module
 */

import type { ByteOrder } from "../../bytes.ts";
import { Scratch } from "../../codegen/scratch.ts";
import { UnsupportedError } from "../../errors.ts";
import type { IrFunction, Value } from "../../ir/function.ts";
import type { Op, Version } from "../../isa/ops.ts";
import type { CoreRecord } from "../../object/program.ts";
import { type Attachment, BPF, BpfInsn, FRAME_REGISTER } from "./code.ts";
import { Immediates } from "./immediates.ts";
import { Rows } from "./rows.ts";

/** What lowering must know of the target machine. */
export interface BpfOptions {
  /** Newest ISA version that may be used. */
  readonly cpu: Version;
  /** Byte order of the program. */
  readonly order: ByteOrder;
  /** Whether 32-bit moves may load constants for versions whose compilers do not, though their kernels do. */
  readonly optimised?: boolean;
}

/**
 * @param core A CO-RE record, if there is one.
 * @returns The attachment that carries it.
 */
export function coreAttachment(core: CoreRecord | null): Attachment | null {
  return core === null ? null : { relocation: null, core, target: -1 };
}

/** The low and high 32 bits of a constant, signed. */
function halves({ imm }: Value): [number, number] {
  return [Number(BigInt.asIntN(32, imm)), Number(BigInt.asIntN(32, imm >> 32n))];
}

/** Makes the machine instructions of one function. */
export class InsnBuilder {
  /** What is known of the target machine. */
  readonly options: BpfOptions;
  /** The constants of the function as immediates. */
  readonly immediates: Immediates;
  /** See `MachineFunction.remat`. */
  readonly remat: (readonly BpfInsn[] | null)[];
  /** See `MachineFunction.hints`; longer than the number of virtual registers. */
  hints: Int8Array<ArrayBuffer>;
  /** Slot in the section that the next instructions stem from. */
  pc = -1;
  readonly #fn: IrFunction;
  readonly #insns: Scratch<BpfInsn> = new Scratch<BpfInsn>();
  #vregs: number;
  #zero = -1;
  #frame = -1;

  /**
   * @param fn The function.
   * @param options The target machine.
   */
  constructor(fn: IrFunction, options: BpfOptions) {
    this.#fn = fn;
    this.options = options;
    this.#vregs = fn.valueCount;
    this.remat = new Array(fn.valueCount).fill(null);
    this.immediates = new Immediates(fn.valueCount);
    this.hints = new Int8Array(fn.valueCount).fill(-1);
  }

  /** Number of virtual registers. */
  get vregCount(): number {
    return this.#vregs;
  }

  /** See `MachineFunction.homes`: only the frame pointer has one. */
  homes(): Int8Array<ArrayBuffer> {
    const homes = new Int8Array(this.#vregs).fill(-1);
    if (this.#frame >= 0) homes[this.#frame] = FRAME_REGISTER;
    return homes;
  }

  /**
   * Appends an instruction.
   *
   * @param insn The instruction.
   */
  append(insn: BpfInsn): void {
    this.#insns.push(insn);
  }

  /**
   * Ends a block.
   *
   * @returns The instructions since the last one.
   */
  take(): BpfInsn[] {
    return this.#insns.take();
  }

  /**
   * A virtual register beyond those of values.
   *
   * @param hint The register it prefers, -1 for none.
   * @returns The virtual register.
   */
  newVreg(hint: number): number {
    this.remat.push(null);
    if (this.#vregs === this.hints.length) {
      const grown = new Int8Array(this.#vregs + (this.#vregs >> 2) + 16).fill(-1);
      grown.set(this.hints);
      this.hints = grown;
    }
    this.hints[this.#vregs] = hint;
    return this.#vregs++;
  }

  /**
   * Makes an instruction without appending it.
   *
   * @param op Row of the instruction table.
   * @param def Virtual register defined, -1 for none.
   * @param uses Virtual registers read.
   * @param off Offset field.
   * @param imm Immediate field.
   * @param high High half of an `lddw`.
   * @param attachment What is attached.
   * @returns The instruction.
   * @throws {UnsupportedError} If the ISA version lacks it.
   */
  make(
    op: Op,
    def: number,
    uses: number[],
    off = 0,
    imm = 0,
    high = 0,
    attachment: Attachment | null = null,
  ): BpfInsn {
    if (op.version > this.options.cpu) {
      const what = [op.kind, op.fn, op.width === 32 ? "32" : ""].filter((part) => part !== "");
      throw new UnsupportedError(
        `cannot emit for v${this.options.cpu}: ${what.join(" ")} needs v${op.version}`,
        { function: this.#fn.name, pc: this.pc },
      );
    }
    return new BpfInsn(op, def, uses, this.pc, off, imm, high, attachment);
  }

  /**
   * Appends an instruction that may have an immediate.
   *
   * @param op Row of the instruction table.
   * @param def Virtual register defined, -1 for none.
   * @param uses Virtual registers read.
   * @param imm Immediate field.
   * @param attachment What is attached.
   * @returns The instruction.
   */
  emit(
    op: Op,
    def: number,
    uses: number[],
    imm = 0,
    attachment: Attachment | null = null,
  ): BpfInsn {
    const insn = this.make(op, def, uses, 0, imm, 0, attachment);
    this.append(insn);
    return insn;
  }

  /**
   * Appends a memory access.
   *
   * @param op Row of the instruction table.
   * @param def Virtual register defined, -1 for none.
   * @param uses Virtual registers read.
   * @param value The access; gives the offset and CO-RE record.
   * @param imm Immediate field.
   * @returns The instruction.
   */
  access(op: Op, def: number, uses: number[], { off, core }: Value, imm = 0): BpfInsn {
    const insn = this.make(op, def, uses, off, imm, 0, coreAttachment(core));
    this.append(insn);
    return insn;
  }

  /**
   * The instruction that puts a leaf into a register.
   *
   * @param leaf The leaf.
   * @param def Virtual register defined.
   * @returns The instruction, not appended.
   */
  materialise(leaf: Value, def: number): BpfInsn {
    switch (leaf.op) {
      case "undef":
        return this.make(BPF.movImm, def, []);
      case "symbol": {
        const { kind, imm, high, relocation, target } = leaf.ref!;
        const plain = relocation === null && target < 0;
        const attachment = plain ? null : { relocation, core: null, target };
        return this.make(Rows.lddw(kind), def, [], 0, imm, high, attachment);
      }
      case "core": {
        const op = leaf.width === 32 ? BPF.movImm : BPF.lddw;
        const [low, high] = halves(leaf);
        return this.make(
          op,
          def,
          [],
          0,
          low,
          leaf.width === 32 ? 0 : high,
          coreAttachment(leaf.core),
        );
      }
    }
    const short = this.immediates.of(leaf, 64);
    if (short !== null) return this.make(BPF.movImm, def, [], 0, short);
    const [low, high] = halves(leaf);
    const { cpu, optimised } = this.options;
    if (high === 0 && (cpu >= 3 || optimised === true)) {
      return this.make(BPF.mov32Imm, def, [], 0, low);
    }
    return this.make(BPF.lddw, def, [], 0, low, high);
  }

  /**
   * The virtual register of an operand that is read.
   *
   * @param value The operand.
   * @returns The virtual register.
   */
  operand(value: Value): number {
    switch (value.op) {
      case "frame":
        this.#frame = value.id;
        return value.id;
      case "undef":
        if (this.#zero < 0) {
          this.#zero = this.newVreg(-1);
          this.remat[this.#zero] = [this.materialise(value, this.#zero)];
        }
        return this.#zero;
      case "const":
      case "symbol":
      case "core":
        this.remat[value.id] ??= [this.materialise(value, value.id)];
        return value.id;
      default:
        return value.id;
    }
  }

  /**
   * The virtual register of an operand that is only passed on, so that an undefined one costs nothing.
   *
   * @param value The operand.
   * @returns The virtual register.
   */
  argument(value: Value): number {
    if (value.op !== "undef") return this.operand(value);
    this.remat[value.id] = [];
    return value.id;
  }

  /**
   * Sign-extends low bits to 64 by two shifts, for versions without the instruction.
   *
   * @param source The virtual register that is extended.
   * @param bits How many bits it has.
   * @param def Virtual register defined.
   * @returns `def`.
   */
  extend(source: number, bits: number, def: number): number {
    const shifted = this.newVreg(this.hints[def]);
    const imm = 64 - bits;
    this.emit(Rows.alu("lsh", 64, "imm"), shifted, [source], imm).tied = 0;
    this.emit(Rows.alu("arsh", 64, "imm"), def, [shifted], imm).tied = 0;
    return def;
  }
}
