/**
 * Random programs that are valid by construction: every register is set before it is read, every loop ends, every
 * memory access is in bounds unless a fault is wanted. They use loops, diamonds, local and indirect calls, helper 5,
 * stack and context memory, atomics, and all arithmetic and conditions.
 *
 * @module
 */

import { Instruction, slotTable } from "../../lib/isa/instruction.ts";
import { findOp, type Kind, type Op, OPS, type Size } from "../../lib/isa/ops.ts";
import { Random } from "./random.ts";

/** Options of {@link randomProgram}. */
export interface RandomProgramOptions {
  /** The most arguments that calls pass, 0 to 5; 5 by default. */
  readonly maxArguments?: number;
  /** Probability that the program contains accesses that fault when reached, 0.1 by default. */
  readonly faults?: number;
}

/** A random program. */
export interface RandomProgram {
  /** The instructions; the program starts at the first. r1 must be the address of the context. */
  readonly insns: Instruction[];
  /** A context for it. */
  readonly context: Uint8Array;
}

const CONTEXT_SIZE = 64;
/** Bytes of the stack that every function initialises and uses. */
const SCRATCH = 64;
/** Displacement of the counter of the outer loop; the inner one is 8 below. */
const COUNTERS = -SCRATCH - 8;

const ofKind = (kind: Kind): readonly Op[] => OPS.filter((op) => op.kind === kind);
const ALU = ofKind("alu"), UNARY = ofKind("unary"), MOV = ofKind("mov");
const LOAD = ofKind("load"), STORE = ofKind("store"), ATOMIC = ofKind("atomic");
const BRANCH = ofKind("branch");
const MOV_IMM = findOp({ kind: "mov", form: "imm" }),
  MOV_REG = findOp({ kind: "mov", form: "reg" });
const ADD_IMM = findOp({ kind: "alu", fn: "add", form: "imm" });
const ADD_REG = findOp({ kind: "alu", fn: "add", form: "reg" });
const AND_IMM = findOp({ kind: "alu", fn: "and", form: "imm" });
const XOR_REG = findOp({ kind: "alu", fn: "xor", form: "reg" });
const LOAD_64 = findOp({ kind: "load", size: 8 });
const STORE_IMM_64 = findOp({ kind: "store", size: 8, form: "imm" });
const STORE_REG_64 = findOp({ kind: "store", size: 8, form: "reg" });
const LDDW = findOp({ kind: "lddw", fn: "imm64" }),
  LDDW_FUNC = findOp({ kind: "lddw", fn: "func" });
const GOTO = findOp({ kind: "goto", fn: "near" }), EXIT = findOp({ kind: "exit" });
const CALL = findOp({ kind: "call", fn: "local" }), CALLX = findOp({ kind: "callx" });
const HELPER = findOp({ kind: "call", fn: "helper" });
const LOOP_ENDS = (["ne", "gt", "sgt"] as const).flatMap((fn) =>
  ([64, 32] as const).map((width) => findOp({ kind: "branch", fn, width, form: "imm" }))
);

/** Memory that a function may access: `size` bytes from `off` on, relative to a register that stays what it is. */
interface Area {
  readonly base: number;
  readonly off: number;
  readonly size: number;
}

/** Generates one program. */
class Generator {
  readonly #random: Random;
  readonly #insns: Instruction[] = [];
  /** For jumps, the index of the target instruction; for local calls and addresses, of the function. */
  readonly #targets = new Map<Instruction, number>();
  readonly #entries: number[] = [];
  readonly #parameters: number[] = [];
  readonly #faults: boolean;
  readonly #maxArguments: number;
  /** The set of registers with a defined value that may be overwritten. */
  #defined = 0;
  /** The set of registers that may be used at all. */
  #usable = 0;
  #areas: Area[] = [];
  #function = 0;
  #loops = 0;

  constructor(seed: number, options: RandomProgramOptions) {
    this.#random = new Random(seed);
    this.#maxArguments = options.maxArguments ?? 5;
    this.#faults = this.#random.chance(options.faults ?? 0.1);
    this.#parameters.push(2);
    const functions = this.#random.below(4);
    for (let i = 0; i < functions; i++) {
      this.#parameters.push(this.#random.below(this.#maxArguments + 1));
    }
  }

  generate(): RandomProgram {
    for (let i = 0; i < this.#parameters.length; i++) this.#emitFunction(i);
    const slots = slotTable(this.#insns);
    this.#insns.forEach((insn, at) => {
      const target = this.#targets.get(insn);
      if (target === undefined) return;
      const jumps = insn.op.kind === "branch" || insn.op.kind === "goto";
      const distance = slots[jumps ? target : this.#entries[target]] - slots[at] - 1;
      if (jumps) insn.off = distance;
      else insn.imm = distance;
    });
    const context = Uint8Array.from({ length: CONTEXT_SIZE }, () => this.#random.below(256));
    return { insns: this.#insns, context };
  }

  #emit(op: Op, dst = 0, src = 0, off = 0, imm = 0, high = 0): Instruction {
    const insn = new Instruction(op, dst, src, off, imm, high);
    this.#insns.push(insn);
    return insn;
  }

  /** A jump whose target is set later with {@link #land}, or an instruction with a function as its target. */
  #emitJump(op: Op, dst = 0, src = 0, imm = 0, target = -1): Instruction {
    const insn = this.#emit(op, dst, src, 0, imm);
    this.#targets.set(insn, target);
    return insn;
  }

  #land(jump: Instruction): void {
    this.#targets.set(jump, this.#insns.length);
  }

  /** A random member of a register set. */
  #member(set: number): number {
    let count = 0;
    for (let rest = set; rest !== 0; rest &= rest - 1) count++;
    let left = this.#random.below(count);
    for (let r = 0;; r++) if ((set >> r & 1) !== 0 && left-- === 0) return r;
  }

  /** A register to read; sets one first if few are set. */
  #source(): number {
    if ((this.#defined & this.#defined - 1) === 0) this.#define(this.#member(this.#usable));
    return this.#member(this.#defined);
  }

  /** A register to write; it counts as set. */
  #destination(): number {
    const r = this.#member(this.#usable);
    this.#defined |= 1 << r;
    return r;
  }

  /** Sets a register to something. */
  #define(r: number): void {
    const random = this.#random;
    const kind = random.below(4);
    if (kind === 0) {
      const area = random.pick(this.#areas);
      const op = random.pick(LOAD);
      this.#emit(op, r, area.base, this.#within(area, op.size as Size));
    } else if (kind === 1) {
      this.#emit(LDDW, r, 0, 0, random.immediate(), random.immediate());
    } else {
      this.#emit(MOV_IMM, r, 0, 0, random.immediate());
    }
    this.#defined |= 1 << r;
  }

  #defineAll(set: number): void {
    for (let r = 0; r < 9; r++) if ((set >> r & 1) !== 0) this.#define(r);
  }

  /** A displacement for an access inside an area; a multiple of `align`. */
  #within({ off, size }: Area, bytes: Size, align = 1): number {
    return off + this.#random.below(Math.floor((size - bytes) / align) + 1) * align;
  }

  /** r1 is the context; r2 of functions with two parameters or more is the address of a slot of the caller. */
  #emitFunction(index: number): void {
    const random = this.#random;
    const parameters = this.#parameters[index];
    this.#function = index;
    this.#loops = 0;
    this.#entries[index] = this.#insns.length;
    this.#areas = [{ base: 10, off: -SCRATCH, size: SCRATCH }];
    this.#usable = 0x1ff;
    this.#defined = (1 << parameters + 1) - 2;
    for (let at = -SCRATCH; at < 0; at += 8) {
      this.#emit(STORE_IMM_64, 10, 0, at, random.immediate());
    }
    if (parameters > 0) {
      this.#emit(MOV_REG, 9, 1);
      this.#areas.push({ base: 9, off: 0, size: CONTEXT_SIZE });
    }
    if (parameters > 1 && index > 0) {
      this.#emit(MOV_REG, 8, 2);
      this.#areas.push({ base: 8, off: 0, size: 8 });
      this.#usable &= ~(1 << 8);
    }
    this.#defined &= ~2;
    this.#defineAll(this.#usable & ~this.#defined & random.bits());
    this.#statements(3 + random.below(index === 0 ? 14 : 7), 0);
    this.#return();
  }

  /** Mixes what is set into r0 and returns it. */
  #return(): void {
    if ((this.#defined & 1) === 0) this.#define(0);
    for (let r = 1; r < 9; r++) {
      if ((this.#defined >> r & 1) !== 0) this.#emit(this.#random.pick([ADD_REG, XOR_REG]), 0, r);
    }
    this.#emit(EXIT);
  }

  #statements(count: number, depth: number): void {
    for (let i = 0; i < count; i++) this.#statement(depth);
  }

  #statement(depth: number): void {
    const kind = this.#random.below(20);
    if (kind < 6) this.#arithmetic();
    else if (kind < 10) this.#access();
    else if (kind === 10) this.#indexedAccess();
    else if (kind === 11) this.#atomic();
    else if (kind === 12) this.#define(this.#member(this.#usable));
    else if (kind < 15 && depth < 3) this.#diamond(depth);
    else if (kind < 17 && this.#loops < 2 && depth < 3) this.#loop(depth);
    else if (kind < 19 && this.#loops < 2) this.#call();
    else if (this.#faults && this.#random.chance(0.3)) this.#fault();
    else this.#arithmetic();
  }

  #arithmetic(): void {
    const random = this.#random;
    const op = random.pick(random.chance(0.6) ? ALU : random.chance(0.5) ? UNARY : MOV);
    const source = op.form === "reg" ? this.#source() : 0;
    const imm = op.form === "imm" ? random.immediate() : 0;
    const dst = op.kind === "mov" ? this.#destination() : this.#source();
    this.#emit(op, dst, source, 0, imm);
  }

  #access(): void {
    const random = this.#random;
    const area = random.pick(this.#areas);
    if (random.chance(0.5)) {
      const op = random.pick(LOAD);
      this.#emit(op, this.#destination(), area.base, this.#within(area, op.size as Size));
    } else {
      const op = random.pick(STORE);
      const source = op.form === "reg" ? this.#source() : 0;
      const imm = op.form === "imm" ? random.immediate() : 0;
      this.#emit(op, area.base, source, this.#within(area, op.size as Size), imm);
    }
  }

  /** `address = base + (index & mask)`, an access there, and a new value for the address register. */
  #indexedAccess(): void {
    const random = this.#random;
    const area = random.pick(this.#areas.filter(({ size }) => size > 8));
    const address = this.#source();
    const mask = area.size / 2 - 1;
    this.#emit(AND_IMM, address, 0, 0, mask);
    this.#emit(ADD_REG, address, area.base);
    const inside = { base: address, off: area.off, size: area.size - mask };
    if (random.chance(0.5)) {
      const op = random.pick(LOAD);
      this.#emit(op, address, address, this.#within(inside, op.size as Size));
    } else {
      const op = random.pick(STORE.filter(({ form }) => form === "imm"));
      this.#emit(op, address, 0, this.#within(inside, op.size as Size), random.immediate());
      this.#define(address);
    }
  }

  #atomic(): void {
    const op = this.#random.pick(ATOMIC);
    const area = this.#random.pick(this.#areas);
    const off = this.#within(area, op.size as Size, op.size);
    if (op.fn === "load_acquire") {
      this.#emit(op, this.#destination(), area.base, off);
      return;
    }
    if (op.fn === "cmpxchg" && (this.#defined & 1) === 0) this.#define(0);
    this.#emit(op, area.base, this.#source(), off);
  }

  /** A conditional jump; the caller lands it. */
  #branch(): Instruction {
    const op = this.#random.pick(BRANCH);
    const src = op.form === "reg" ? this.#source() : 0;
    const imm = op.form === "imm" ? this.#random.immediate() : 0;
    return this.#emitJump(op, this.#source(), src, imm);
  }

  #diamond(depth: number): void {
    const random = this.#random;
    const toElse = this.#branch();
    const before = this.#defined;
    this.#statements(1 + random.below(3), depth + 1);
    const afterThen = this.#defined;
    if (random.chance(0.4)) {
      this.#land(toElse);
      this.#defined = before & afterThen;
      return;
    }
    const toEnd = this.#emitJump(GOTO);
    this.#land(toElse);
    this.#defined = before;
    this.#statements(1 + random.below(3), depth + 1);
    this.#land(toEnd);
    this.#defined &= afterThen;
  }

  /** A loop of one to five rounds, with its counter in r6, r7 or the stack. */
  #loop(depth: number): void {
    const random = this.#random;
    const level = this.#loops++;
    const inRegister = random.chance(0.6);
    const slot = COUNTERS - 8 * level;
    const counter = 6 + level;
    const rounds = 1 + random.below(5);
    const usable = this.#usable;
    if (inRegister) {
      this.#emit(MOV_IMM, counter, 0, 0, rounds);
      this.#usable &= ~(1 << counter);
      this.#defined &= ~(1 << counter);
    } else {
      this.#emit(STORE_IMM_64, 10, 0, slot, rounds);
    }
    this.#source();
    const head = this.#insns.length;
    const atHead = this.#defined;
    this.#statements(1 + random.below(5), depth + 1);
    this.#defineAll(atHead & ~this.#defined);
    const r = inRegister ? counter : this.#destination();
    if (!inRegister) this.#emit(LOAD_64, r, 10, slot);
    this.#emit(ADD_IMM, r, 0, 0, -1);
    if (!inRegister) this.#emit(STORE_REG_64, 10, r, slot);
    this.#emitJump(random.pick(LOOP_ENDS), r, 0, 0, head);
    this.#usable = usable;
    if (inRegister) this.#defined |= 1 << counter;
    this.#loops--;
  }

  /** Sets r1 to r`count`: `first` is put in r1 and the address of a slot in r2 for functions of the program. */
  #passArguments(count: number, local: boolean): void {
    for (let r = 1; r <= count; r++) {
      if (local && r === 1) this.#passContext();
      else if (local && r === 2) {
        this.#emit(MOV_REG, 2, 10);
        this.#emit(ADD_IMM, 2, 0, 0, -8 * (1 + this.#random.below(SCRATCH / 8)));
      } else if (this.#random.chance(0.5) || (this.#defined & ~0x3e) === 0) this.#define(r);
      else this.#emit(MOV_REG, r, this.#member(this.#defined & ~0x3e));
    }
    this.#defined &= ~0x3e;
  }

  /** Passes the context, for which a function without parameters passes its stack. */
  #passContext(): void {
    if (this.#areas.some(({ base }) => base === 9)) {
      this.#emit(MOV_REG, 1, 9);
    } else {
      this.#emit(MOV_REG, 1, 10);
      this.#emit(ADD_IMM, 1, 0, 0, -SCRATCH);
    }
  }

  /** Calls helper 5 or a later function, whose number of parameters it respects. */
  #call(): void {
    const random = this.#random;
    const callee = this.#function + 1 + random.below(this.#parameters.length - this.#function);
    if (callee >= this.#parameters.length) {
      if (this.#maxArguments === 0) return;
      this.#passArguments(1 + random.below(this.#maxArguments), false);
      this.#emit(HELPER, 0, 0, 0, 5);
    } else {
      this.#passArguments(this.#parameters[callee], true);
      const indirect = random.chance(0.2);
      if (indirect) {
        this.#emitJump(LDDW_FUNC, 0, 0, 0, callee);
        this.#emit(CALLX, 0);
      } else {
        this.#emitJump(CALL, 0, 0, 0, callee);
      }
    }
    this.#defined |= 1;
  }

  /** An access that faults. */
  #fault(): void {
    const random = this.#random;
    const kind = random.below(5);
    const base = kind === 0 ? this.#source() : random.pick(this.#areas).base;
    if (kind === 0) {
      this.#emit(MOV_IMM, base, 0, 0, random.below(4096));
      this.#emit(random.pick(LOAD), this.#destination(), base, random.below(64));
    } else if (kind === 1) {
      this.#emit(random.pick(STORE.filter(({ form }) => form === "imm")), base, 0, 4096, 1);
    } else if (kind === 2) {
      this.#emit(STORE_IMM_64, 10, 0, -4, 1);
    } else if (kind === 3) {
      this.#emit(random.pick(LOAD), this.#destination(), 10, 8);
    } else {
      this.#emit(
        random.pick(ATOMIC.filter(({ fn, size }) => fn === "add" && size === 8)),
        10,
        this.#source(),
        -12,
      );
    }
  }
}

/**
 * Generates a program.
 *
 * @param seed The same seed and options give the same program.
 * @param options What it may contain.
 * @returns The program.
 */
export function randomProgram(seed: number, options: RandomProgramOptions = {}): RandomProgram {
  return new Generator(seed, options).generate();
}
