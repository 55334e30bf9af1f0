/**
 * SSA to machine form: one machine instruction for each value where the instruction set has one, expansions where the
 * ISA version lacks it, immediates where they fit.
 *
 * A constant, symbol or CO-RE constant that an instruction cannot take as its immediate is recomputed in a register at
 * the use. `undef` is 0 as an operand; as an argument of an edge, a call or a return it needs nothing.
 *
 * @module
 */

import { MachineBlock, type MachineEdge, type MachineFunction } from "../../codegen/machine.ts";
import type { ByteOrder } from "../../bytes.ts";
import { InvariantError, UnsupportedError } from "../../errors.ts";
import type { CoreRecord } from "../../object/program.ts";
import type { Block, IrFunction, Terminator, Value } from "../../ir/function.ts";
import {
  ATOMIC,
  type AtomicOp,
  COND,
  type Cond,
  type Op,
  type Version,
  type Width,
} from "../../isa/ops.ts";
import { type Attachment, BPF, BpfInsn, CALL_CLOBBERS, FRAME_REGISTER } from "./code.ts";
import { Immediates } from "./immediates.ts";
import { Rows } from "./rows.ts";

/** What lowering must know of the target machine. */
export interface BpfOptions {
  /** Newest ISA version that may be used. */
  readonly cpu: Version;
  /** Byte order of the program. */
  readonly order: ByteOrder;
}

const NONE: readonly number[] = [];

/** Registers of call arguments, by their number, when none is left out. */
const ARGUMENT_REGISTERS: readonly (readonly number[])[] = [
  [],
  [1],
  [1, 2],
  [1, 2, 3],
  [1, 2, 3, 4],
  [1, 2, 3, 4, 5],
];

/** The attachment that carries a CO-RE record, if there is one. */
function coreAttachment(core: CoreRecord | null): Attachment | null {
  return core === null ? null : { relocation: null, core, target: -1 };
}

/** Lowers one function. */
class Lowering {
  readonly #fn: IrFunction;
  readonly #options: BpfOptions;
  readonly #remat: (readonly BpfInsn[] | null)[];
  readonly #homes: number[] = [];
  readonly #immediates: Immediates;
  #hints: Int8Array<ArrayBuffer>;
  #vregs: number;
  #zero = -1;
  readonly #insns: BpfInsn[] = [];
  #pc = -1;

  constructor(fn: IrFunction, options: BpfOptions) {
    this.#fn = fn;
    this.#options = options;
    this.#vregs = fn.valueCount;
    this.#remat = new Array(fn.valueCount).fill(null);
    this.#immediates = new Immediates(fn.valueCount);
    this.#hints = new Int8Array(fn.valueCount).fill(-1);
  }

  run(): MachineFunction<BpfInsn> {
    const blocks: MachineBlock<BpfInsn>[] = [];
    const byId: MachineBlock<BpfInsn>[] = [];
    for (const block of this.#fn.blocks) {
      const machine = this.#block(block, blocks.length);
      blocks.push(machine);
      byId[block.id] = machine;
    }
    for (const block of this.#fn.blocks) this.#edges(block, byId);
    const homes = new Int8Array(this.#vregs).fill(-1);
    for (const vreg of this.#homes) homes[vreg] = FRAME_REGISTER;
    return {
      name: this.#fn.name,
      blocks,
      vregCount: this.#vregs,
      hints: this.#hints,
      homes,
      remat: this.#remat,
      entryRegisters: this.#entryRegisters(),
    };
  }

  /** A parameter arrives in the register that it names, else in that of its position. */
  #entryRegisters(): number[] {
    const registers: number[] = [];
    for (const { hint } of this.#fn.entry.params) {
      const register = hint >= 0 ? hint : registers.length + 1;
      if (register >= FRAME_REGISTER || registers.includes(register)) {
        throw new UnsupportedError(
          `cannot emit parameter ${registers.length}: r${register} is not free for it`,
          { function: this.#fn.name },
        );
      }
      registers.push(register);
    }
    return registers;
  }

  #block(block: Block, index: number): MachineBlock<BpfInsn> {
    const { term } = block;
    if (term === null) throw new InvariantError(`block ${block.id} has no terminator`);
    this.#insns.length = 0;
    for (const param of block.params) this.#hints[param.id] = param.hint;
    const { insns } = block;
    for (let i = 0; i < insns.length; i++) {
      const value = insns[i];
      this.#pc = value.pc;
      this.#hints[value.id] = value.hint;
      this.#value(value);
    }
    this.#pc = term.pc;
    const insn = this.#terminator(term);
    const params = block.params.length === 0 ? NONE : block.params.map((param) => param.id);
    return new MachineBlock<BpfInsn>(index, params, this.#insns.slice(), insn);
  }

  #edges(block: Block, byId: readonly MachineBlock<BpfInsn>[]): void {
    const from = byId[block.id];
    const { edges } = block.term!;
    if (edges.length === 0) return;
    from.succs = edges.map(({ to, args }): MachineEdge<BpfInsn> => ({
      from,
      to: byId[to.id],
      args: args.length === 0 ? NONE : args.map((arg) => this.#argument(arg)),
    }));
    // A branch that was lowered to the inverse condition goes the other way.
    if (this.#flipped.has(block.id)) from.succs = [from.succs[1], from.succs[0]];
    for (const edge of from.succs) {
      const { to } = edge;
      if (to.preds.length === 0) to.preds = [edge];
      else to.preds.push(edge);
    }
  }

  // Operands.

  #newVreg(hint: number): number {
    this.#remat.push(null);
    if (this.#vregs === this.#hints.length) {
      const grown = new Int8Array(this.#vregs + (this.#vregs >> 2) + 16).fill(-1);
      grown.set(this.#hints);
      this.#hints = grown;
    }
    this.#hints[this.#vregs] = hint;
    return this.#vregs++;
  }

  #make(
    op: Op,
    def: number,
    uses: number[],
    off = 0,
    imm = 0,
    high = 0,
    attachment: Attachment | null = null,
  ): BpfInsn {
    if (op.version > this.#options.cpu) {
      const what = [op.kind, op.fn, op.width === 32 ? "32" : ""].filter((part) => part !== "");
      throw new UnsupportedError(
        `cannot emit for v${this.#options.cpu}: ${what.join(" ")} needs v${op.version}`,
        { function: this.#fn.name, pc: this.#pc },
      );
    }
    return new BpfInsn(op, def, uses, this.#pc, off, imm, high, attachment);
  }

  /** Appends an instruction that may have an immediate. */
  #emit(
    op: Op,
    def: number,
    uses: number[],
    imm = 0,
    attachment: Attachment | null = null,
  ): BpfInsn {
    const insn = this.#make(op, def, uses, 0, imm, 0, attachment);
    this.#insns.push(insn);
    return insn;
  }

  /** Appends a memory access. */
  #access(op: Op, def: number, uses: number[], { off, core }: Value, imm = 0): BpfInsn {
    const insn = this.#make(op, def, uses, off, imm, 0, coreAttachment(core));
    this.#insns.push(insn);
    return insn;
  }

  /** The instruction that puts a leaf into a register. */
  #materialise(leaf: Value, def: number): BpfInsn {
    switch (leaf.op) {
      case "undef":
        return this.#make(BPF.movImm, def, []);
      case "symbol": {
        const { kind, imm, high, relocation, target } = leaf.ref!;
        const plain = relocation === null && target < 0;
        const attachment = plain ? null : { relocation, core: null, target };
        return this.#make(Rows.lddw(kind), def, [], 0, imm, high, attachment);
      }
      case "core": {
        const op = leaf.width === 32 ? BPF.movImm : BPF.lddw;
        const [low, high] = halves(leaf);
        return this.#make(
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
    const short = this.#immediates.of(leaf, 64);
    if (short !== null) return this.#make(BPF.movImm, def, [], 0, short);
    const [low, high] = halves(leaf);
    if (high === 0 && this.#options.cpu >= 3) return this.#make(BPF.mov32Imm, def, [], 0, low);
    return this.#make(BPF.lddw, def, [], 0, low, high);
  }

  /** The virtual register of an operand that is read. */
  #operand(value: Value): number {
    switch (value.op) {
      case "frame":
        if (this.#homes.length === 0) this.#homes.push(value.id);
        return value.id;
      case "undef":
        if (this.#zero < 0) {
          this.#zero = this.#newVreg(-1);
          this.#remat[this.#zero] = [this.#materialise(value, this.#zero)];
        }
        return this.#zero;
      case "const":
      case "symbol":
      case "core":
        this.#remat[value.id] ??= [this.#materialise(value, value.id)];
        return value.id;
      default:
        return value.id;
    }
  }

  /** The virtual register of an operand that is only passed on, so that an undefined one costs nothing. */
  #argument(value: Value): number {
    if (value.op !== "undef") return this.#operand(value);
    this.#remat[value.id] = [];
    return value.id;
  }

  // Values.

  #value(value: Value): void {
    const { args } = value;
    switch (value.op) {
      case "copy":
        return this.#copy(value, args[0]);
      case "zext":
        return this.#zext(value, args[0]);
      case "sext":
        return this.#sext(value);
      case "alu":
        return this.#alu(value);
      case "unary":
        return this.#unary(value);
      case "cast":
        this.#emit(Rows.cast, value.id, [this.#operand(args[0])], Number(value.imm));
        return;
      case "load":
        return this.#load(value);
      case "store":
        return this.#store(value);
      case "atomic":
        return this.#atomic(value);
      case "packet":
        return this.#packet(value);
      case "call":
        return this.#call(value);
      default:
        throw new InvariantError(`cannot lower value ${value.id}: ${value.op} inside a block`);
    }
  }

  #copy(value: Value, source: Value): void {
    const { op } = source;
    if (op === "const" || op === "symbol" || op === "core" || op === "undef") {
      const insn = this.#materialise(source, value.id);
      this.#insns.push(insn);
      if (op !== "core") this.#remat[value.id] = [insn];
      return;
    }
    const insn = this.#emit(BPF.movReg, value.id, [this.#operand(source)]);
    if (op === "frame") this.#remat[value.id] = [insn];
    else insn.move = true;
  }

  #zext(value: Value, source: Value): void {
    if (source.op === "const") {
      const insn = this.#emit(BPF.mov32Imm, value.id, [], this.#immediates.of(source, 32)!);
      this.#remat[value.id] = [insn];
    } else if (source.op === "core" && source.width === 32) {
      const imm = Number(BigInt.asIntN(32, source.imm));
      this.#emit(BPF.mov32Imm, value.id, [], imm, coreAttachment(source.core));
    } else this.#emit(BPF.mov32Reg, value.id, [this.#operand(source)]);
  }

  #sext(value: Value): void {
    const { sign, width } = value;
    const source = this.#operand(value.args[0]);
    if (this.#options.cpu >= 4) {
      this.#emit(Rows.movsx(width, sign), value.id, [source]);
      return;
    }
    const extended = this.#extend(
      source,
      sign,
      width === 64 ? value.id : this.#newVreg(value.hint),
    );
    if (width === 32) this.#emit(BPF.mov32Reg, value.id, [extended]);
  }

  /** Sign-extends low bits to 64 by two shifts, for versions without the instruction. */
  #extend(source: number, bits: number, def: number): number {
    const shifted = this.#newVreg(this.#hints[def]);
    const imm = 64 - bits;
    this.#emit(Rows.alu("lsh", 64, "imm"), shifted, [source], imm).tied = 0;
    this.#emit(Rows.alu("arsh", 64, "imm"), def, [shifted], imm).tied = 0;
    return def;
  }

  #alu(value: Value): void {
    const { fn, width } = value;
    let a = value.args[0];
    let b = value.args[1];
    const row = Rows.aluRow(fn);
    if (
      row.commutative && this.#immediates.of(a, width) !== null &&
      this.#immediates.of(b, width) === null
    ) [a, b] = [b, a];
    const imm = this.#immediates.ofAlu(fn, width, b);
    const left = this.#operand(a);
    if (imm !== null) {
      const attachment = coreAttachment(b.core);
      const insn = this.#emit(Rows.alu(fn, width, "imm"), value.id, [left], imm, attachment);
      insn.tied = 0;
      // An address in the frame is cheaper to recompute than to spill.
      const base = this.#remat[left];
      if (fn === "add" && width === 64 && b.core === null && (a.op === "frame" || isFrameCopy(a))) {
        const copy = a.op === "frame" ? [this.#make(BPF.movReg, value.id, [left])] : base;
        if (copy !== null) this.#remat[value.id] = [...copy, insn];
      }
      return;
    }
    const insn = this.#emit(Rows.alu(fn, width, "reg"), value.id, [left, this.#operand(b)]);
    insn.tied = 0;
    insn.commutative = row.commutative;
  }

  #unary(value: Value): void {
    const op = Rows.unary(value.fn, value.width, this.#options);
    this.#emit(op, value.id, [this.#operand(value.args[0])]).tied = 0;
  }

  #load(value: Value): void {
    const { size, sign } = value;
    const base = this.#operand(value.args[0]);
    if (sign === 0 || this.#options.cpu >= 4) {
      this.#access(Rows.load(size, sign), value.id, [base], value);
      return;
    }
    const raw = this.#newVreg(value.hint);
    this.#access(Rows.load(size, 0), raw, [base], value);
    this.#extend(raw, sign, value.id);
  }

  #store(value: Value): void {
    const { size } = value;
    const [base, stored] = value.args;
    const imm = this.#immediates.of(stored, size === 8 ? 64 : 32);
    if (imm !== null) {
      this.#access(Rows.store(size, "imm"), -1, [this.#operand(base)], value, imm);
      return;
    }
    const uses = [this.#operand(base), this.#operand(stored)];
    this.#access(Rows.store(size, "reg"), -1, uses, value);
  }

  #atomic(value: Value): void {
    const fn = value.fn as AtomicOp;
    const uses = value.args.map((arg) => this.#operand(arg));
    const def = ATOMIC[fn].fetches ? value.id : -1;
    const insn = this.#access(Rows.atomic(fn, value.size), def, uses, value);
    if (fn === "cmpxchg") {
      insn.defFixed = 0;
      insn.fixed = [-1, -1, 0];
    } else if (def >= 0 && fn !== "load_acquire") insn.tied = 1;
  }

  #packet(value: Value): void {
    const uses = value.args.map((arg) => this.#operand(arg));
    const op = Rows.packet(value.fn, value.size);
    const insn = this.#emit(op, value.id, uses, Number(BigInt.asIntN(32, value.imm)));
    insn.fixed = value.fn === "ind" ? [6, -1] : [6];
    insn.defFixed = 0;
    insn.clobbers = CALL_CLOBBERS;
  }

  /** Operands of a call with their registers; an undefined argument needs none, an address may be in any. */
  #callOperands(value: Value, addresses: 0 | 1): { uses: number[]; fixed: readonly number[] } {
    const { args } = value;
    if (addresses === 0 && !args.includes(this.#fn.undef)) {
      return {
        uses: args.map((arg) => this.#operand(arg)),
        fixed: ARGUMENT_REGISTERS[args.length],
      };
    }
    const uses: number[] = [];
    const fixed: number[] = [];
    args.forEach((arg, i) => {
      if (i >= addresses && arg.op === "undef") return;
      uses.push(this.#operand(arg));
      fixed.push(i < addresses ? -1 : i - addresses + 1);
    });
    return { uses, fixed };
  }

  #call(value: Value): void {
    const callee = value.callee!;
    const { uses, fixed } = this.#callOperands(value, callee.kind === "indirect" ? 1 : 0);
    let insn: BpfInsn;
    switch (callee.kind) {
      case "helper":
        insn = this.#emit(Rows.call("helper"), value.id, uses, callee.id);
        break;
      case "local": {
        const { target, relocation } = callee;
        const attachment = { relocation, core: null, target };
        insn = this.#emit(Rows.call("local"), value.id, uses, -1, attachment);
        break;
      }
      case "kfunc": {
        const { imm, off, relocation } = callee;
        const attachment = relocation === null ? null : { relocation, core: null, target: -1 };
        insn = this.#make(Rows.call(callee.form), value.id, uses, off, imm, 0, attachment);
        this.#insns.push(insn);
        break;
      }
      case "indirect":
        insn = this.#emit(Rows.callx, value.id, uses);
        break;
    }
    insn.fixed = fixed;
    insn.defFixed = 0;
    insn.clobbers = CALL_CLOBBERS;
  }

  // Terminators.

  readonly #flipped: Set<number> = new Set();

  #terminator(term: Terminator): BpfInsn {
    switch (term.op) {
      case "jump":
        return this.#make(BPF.goto, -1, []);
      case "may_goto":
        return this.#make(Rows.mayGoto, -1, []);
      case "gotox":
        throw new UnsupportedError("cannot emit gotox: jump tables are not rebuilt", {
          function: this.#fn.name,
          pc: term.pc,
        });
      case "return": {
        const result = term.args[0];
        const none = result.op === "undef";
        const insn = this.#make(BPF.exit, -1, none ? [] : [this.#operand(result)]);
        if (!none) insn.fixed = [0];
        return insn;
      }
      case "branch":
        return this.#branch(term);
    }
  }

  #branch(term: Terminator): BpfInsn {
    let fn = term.fn as Cond;
    let { width } = term;
    let [a, b] = term.args;
    const { cpu } = this.#options;
    if (this.#immediates.of(a, width) !== null && this.#immediates.of(b, width) === null) {
      [a, b] = [b, a];
      fn = COND[fn].swapped;
    }
    // Below v2 a missing condition is the inverse of one that exists.
    if (COND[fn].version > cpu) {
      fn = COND[fn].inverse!;
      this.#flipped.add(term.edges[0].from.id);
    }
    if (width === 32 && cpu < 3) {
      const signed = fn.startsWith("s") && fn !== "set";
      const widen = (value: Value): number => this.#widen(value, signed);
      width = 64;
      return this.#make(Rows.branch(fn, width, "reg"), -1, [widen(a), widen(b)]);
    }
    return this.#compare(fn, width, a, b);
  }

  #compare(fn: Cond, width: Width, a: Value, b: Value): BpfInsn {
    const imm = this.#immediates.of(b, width);
    const left = this.#operand(a);
    if (imm !== null) {
      return this.#make(Rows.branch(fn, width, "imm"), -1, [left], 0, imm);
    }
    const uses = [left, this.#operand(b)];
    return this.#make(Rows.branch(fn, width, "reg"), -1, uses);
  }

  /** The low 32 bits of a value extended to 64, for versions without 32-bit comparisons. */
  #widen(value: Value, signed: boolean): number {
    const def = this.#newVreg(-1);
    const source = this.#operand(value);
    if (signed) return this.#extend(source, 32, def);
    this.#emit(BPF.mov32Reg, def, [source]);
    return def;
  }
}

/** The low and high 32 bits of a constant, signed. */
function halves({ imm }: Value): [number, number] {
  return [Number(BigInt.asIntN(32, imm)), Number(BigInt.asIntN(32, imm >> 32n))];
}

function isFrameCopy(value: Value): boolean {
  return value.op === "copy" && value.args[0].op === "frame";
}

/**
 * Lowers a function.
 *
 * @param fn A valid function.
 * @param options The target machine.
 * @returns Its machine form.
 * @throws {UnsupportedError} If an instruction does not exist in the ISA version and has no expansion.
 */
export function lowerToBpf(fn: IrFunction, options: BpfOptions): MachineFunction<BpfInsn> {
  return new Lowering(fn, options).run();
}
