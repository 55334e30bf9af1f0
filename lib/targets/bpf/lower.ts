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
import { InvariantError, UnsupportedError } from "../../errors.ts";
import type { Block, IrFunction, Terminator, Value } from "../../ir/function.ts";
import { ATOMIC, type AtomicOp } from "../../isa/ops.ts";
import { BPF, type BpfInsn, CALL_CLOBBERS, FRAME_REGISTER } from "./code.ts";
import { type BpfOptions, coreAttachment, InsnBuilder } from "./insn_builder.ts";
import { lowerBranch } from "./lower_branch.ts";
import { Rows } from "./rows.ts";

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

/** Lowers one function. */
class Lowering {
  readonly #fn: IrFunction;
  readonly #out: InsnBuilder;
  /** Ids of the blocks whose branch was lowered to the inverse condition. */
  readonly #flipped: Set<number> = new Set();

  constructor(fn: IrFunction, options: BpfOptions) {
    this.#fn = fn;
    this.#out = new InsnBuilder(fn, options);
  }

  run(): MachineFunction<BpfInsn> {
    const { blocks } = this.#fn;
    const machine: MachineBlock<BpfInsn>[] = new Array(blocks.length);
    const byId: MachineBlock<BpfInsn>[] = new Array(this.#fn.blockCount);
    for (let i = 0; i < blocks.length; i++) {
      byId[blocks[i].id] = machine[i] = this.#block(blocks[i], i);
    }
    for (let i = 0; i < blocks.length; i++) this.#edges(blocks[i], byId);
    const { vregCount, hints, remat } = this.#out;
    return {
      name: this.#fn.name,
      blocks: machine,
      vregCount,
      hints,
      homes: this.#out.homes(),
      remat,
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
    const { hints } = this.#out;
    const params = block.params.length === 0 ? NONE : block.params.map((param) => param.id);
    for (const param of block.params) hints[param.id] = param.hint;
    const { insns } = block;
    for (let i = 0; i < insns.length; i++) {
      const value = insns[i];
      this.#out.pc = value.pc;
      this.#out.hints[value.id] = value.hint;
      this.#value(value);
    }
    this.#out.pc = term.pc;
    const insn = this.#terminator(term);
    return new MachineBlock<BpfInsn>(index, params, this.#out.take(), insn);
  }

  #edges(block: Block, byId: readonly MachineBlock<BpfInsn>[]): void {
    const from = byId[block.id];
    const { edges } = block.term!;
    const count = edges.length;
    if (count === 0) return;
    const succs: MachineEdge<BpfInsn>[] = new Array(count);
    for (let i = 0; i < count; i++) {
      succs[i] = this.#edge(from, byId[edges[i].to.id], edges[i].args);
    }
    // A branch that was lowered to the inverse condition goes the other way.
    if (this.#flipped.has(block.id)) succs.reverse();
    from.succs = succs;
    for (let i = 0; i < count; i++) {
      const { to } = succs[i];
      // Appending reserves room for many more; most blocks have one or two.
      if (to.preds.length === 0) to.preds = [succs[i]];
      else if (to.preds.length === 1) to.preds = [to.preds[0], succs[i]];
      else to.preds.push(succs[i]);
    }
  }

  #edge(
    from: MachineBlock<BpfInsn>,
    to: MachineBlock<BpfInsn>,
    values: readonly Value[],
  ): MachineEdge<BpfInsn> {
    if (values.length === 0) return { from, to, args: NONE };
    const args: number[] = new Array(values.length);
    for (let i = 0; i < values.length; i++) args[i] = this.#out.argument(values[i]);
    return { from, to, args };
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
        this.#out.emit(Rows.cast, value.id, [this.#out.operand(args[0])], Number(value.imm));
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
      const insn = this.#out.materialise(source, value.id);
      this.#out.append(insn);
      if (op !== "core") this.#out.remat[value.id] = [insn];
      return;
    }
    const insn = this.#out.emit(BPF.movReg, value.id, [this.#out.operand(source)]);
    if (op === "frame") this.#out.remat[value.id] = [insn];
    else insn.move = true;
  }

  #zext(value: Value, source: Value): void {
    if (source.op === "const") {
      const insn = this.#out.emit(BPF.mov32Imm, value.id, [], this.#out.immediates.of(source, 32)!);
      this.#out.remat[value.id] = [insn];
    } else if (source.op === "core" && source.width === 32) {
      const imm = Number(BigInt.asIntN(32, source.imm));
      this.#out.emit(BPF.mov32Imm, value.id, [], imm, coreAttachment(source.core));
    } else this.#out.emit(BPF.mov32Reg, value.id, [this.#out.operand(source)]);
  }

  #sext(value: Value): void {
    const { sign, width } = value;
    const source = this.#out.operand(value.args[0]);
    if (this.#out.options.cpu >= 4) {
      this.#out.emit(Rows.movsx(width, sign), value.id, [source]);
      return;
    }
    const extended = this.#out.extend(
      source,
      sign,
      width === 64 ? value.id : this.#out.newVreg(value.hint),
    );
    if (width === 32) this.#out.emit(BPF.mov32Reg, value.id, [extended]);
  }

  #alu(value: Value): void {
    const { fn, width } = value;
    let a = value.args[0];
    let b = value.args[1];
    const row = Rows.aluRow(fn);
    if (
      row.commutative && this.#out.immediates.of(a, width) !== null &&
      this.#out.immediates.of(b, width) === null
    ) [a, b] = [b, a];
    const imm = this.#out.immediates.ofAlu(fn, width, b);
    const left = this.#out.operand(a);
    if (imm !== null) {
      const attachment = coreAttachment(b.core);
      const insn = this.#out.emit(Rows.alu(fn, width, "imm"), value.id, [left], imm, attachment);
      insn.tied = 0;
      // An address in the frame is cheaper to recompute than to spill.
      const base = this.#out.remat[left];
      if (fn === "add" && width === 64 && b.core === null && (a.op === "frame" || isFrameCopy(a))) {
        const copy = a.op === "frame" ? [this.#out.make(BPF.movReg, value.id, [left])] : base;
        if (copy !== null) this.#out.remat[value.id] = [...copy, insn];
      }
      return;
    }
    const insn = this.#out.emit(Rows.alu(fn, width, "reg"), value.id, [left, this.#out.operand(b)]);
    insn.tied = 0;
    insn.commutative = row.commutative;
  }

  #unary(value: Value): void {
    const op = Rows.unary(value.fn, value.width, this.#out.options);
    this.#out.emit(op, value.id, [this.#out.operand(value.args[0])]).tied = 0;
  }

  #load(value: Value): void {
    const { size, sign } = value;
    const base = this.#out.operand(value.args[0]);
    if (sign === 0 || this.#out.options.cpu >= 4) {
      this.#out.access(Rows.load(size, sign), value.id, [base], value);
      return;
    }
    const raw = this.#out.newVreg(value.hint);
    this.#out.access(Rows.load(size, 0), raw, [base], value);
    this.#out.extend(raw, sign, value.id);
  }

  #store(value: Value): void {
    const { size } = value;
    const [base, stored] = value.args;
    const imm = this.#out.immediates.of(stored, size === 8 ? 64 : 32);
    if (imm !== null) {
      this.#out.access(Rows.store(size, "imm"), -1, [this.#out.operand(base)], value, imm);
      return;
    }
    const uses = [this.#out.operand(base), this.#out.operand(stored)];
    this.#out.access(Rows.store(size, "reg"), -1, uses, value);
  }

  #atomic(value: Value): void {
    const fn = value.fn as AtomicOp;
    const uses = value.args.map((arg) => this.#out.operand(arg));
    const def = ATOMIC[fn].fetches ? value.id : -1;
    const insn = this.#out.access(Rows.atomic(fn, value.size), def, uses, value);
    if (fn === "cmpxchg") {
      insn.defFixed = 0;
      insn.fixed = [-1, -1, 0];
    } else if (def >= 0 && fn !== "load_acquire") insn.tied = 1;
  }

  #packet(value: Value): void {
    const uses = value.args.map((arg) => this.#out.operand(arg));
    const op = Rows.packet(value.fn, value.size);
    const insn = this.#out.emit(op, value.id, uses, Number(BigInt.asIntN(32, value.imm)));
    insn.fixed = value.fn === "ind" ? [6, -1] : [6];
    insn.defFixed = 0;
    insn.clobbers = CALL_CLOBBERS;
  }

  /** Operands of a call with their registers; an undefined argument needs none, an address may be in any. */
  #callOperands(value: Value, addresses: 0 | 1): { uses: number[]; fixed: readonly number[] } {
    const { args } = value;
    if (addresses === 0 && !args.includes(this.#fn.undef)) {
      return {
        uses: args.map((arg) => this.#out.operand(arg)),
        fixed: ARGUMENT_REGISTERS[args.length],
      };
    }
    const uses: number[] = [];
    const fixed: number[] = [];
    args.forEach((arg, i) => {
      if (i >= addresses && arg.op === "undef") return;
      uses.push(this.#out.operand(arg));
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
        insn = this.#out.emit(Rows.call("helper"), value.id, uses, callee.id);
        break;
      case "local": {
        const { target, relocation } = callee;
        const attachment = { relocation, core: null, target };
        insn = this.#out.emit(Rows.call("local"), value.id, uses, -1, attachment);
        break;
      }
      case "kfunc": {
        const { imm, off, relocation } = callee;
        const attachment = relocation === null ? null : { relocation, core: null, target: -1 };
        insn = this.#out.make(Rows.call(callee.form), value.id, uses, off, imm, 0, attachment);
        this.#out.append(insn);
        break;
      }
      case "indirect":
        insn = this.#out.emit(Rows.callx, value.id, uses);
        break;
      case "intrinsic":
        throw new UnsupportedError(`cannot emit intrinsic ${callee.name}: eBPF has none`, {
          function: this.#fn.name,
          pc: value.pc,
        });
    }
    insn.fixed = fixed;
    insn.defFixed = 0;
    insn.clobbers = CALL_CLOBBERS;
  }

  // Terminators.

  #terminator(term: Terminator): BpfInsn {
    switch (term.op) {
      case "jump":
        return this.#out.make(BPF.goto, -1, []);
      case "may_goto":
        return this.#out.make(Rows.mayGoto, -1, []);
      case "gotox":
        throw new UnsupportedError("cannot emit gotox: jump tables are not rebuilt", {
          function: this.#fn.name,
          pc: term.pc,
        });
      case "trap":
        throw new UnsupportedError(`cannot emit trap ${term.trap}: eBPF has none`, {
          function: this.#fn.name,
          pc: term.pc,
        });
      case "return": {
        const result = term.args[0];
        const none = result.op === "undef";
        const insn = this.#out.make(BPF.exit, -1, none ? [] : [this.#out.operand(result)]);
        if (!none) insn.fixed = [0];
        return insn;
      }
      case "branch":
        return lowerBranch(this.#out, term, this.#flipped);
    }
  }
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
