/**
 * The code of a program in the form that the interpreter runs: four int32 words for each slot, jumps and calls
 * resolved to word indices, immediates in a constant pool behind the registers.
 *
 * Words of an instruction: opcode | dst << 8, operand, displacement or target, extra. Registers and constants are
 * named by the index of their low half in the register file. What cannot be executed is a `trap`, and a jump that
 * leaves its section goes to a trap of its own behind the code, so that the loop needs no checks.
 *
 * @module
 */

import { type Instruction, jumpTarget } from "../isa/instruction.ts";
import { ATOMIC, type AtomicOp, type LddwKind } from "../isa/ops.ts";
import type { CodeRelocation, CodeSection, Program, ProgramFunction } from "../object/program.ts";
import type { FaultKind } from "./fault.ts";
import { type RegisterFile, writePair } from "./register_file.ts";
import { GUEST_BASE } from "./memory.ts";
import { OPCODE, OPCODE_OF_BIG, OPCODE_OF_LITTLE } from "./opcodes.ts";

/** Words per slot. */
export const STRIDE = 4;
/** Address of the first slot of the code; a function's address is this plus 8 times its slot in the whole code. */
export const CODE_BASE = 0x8000_0000;
/** Elements of the register file before the constants: r0 to r10 in pairs. */
export const REGISTER_WORDS = 22;
/** The atomic operations; the extra word of an `atomic` is an index here | size in bytes << 8. */
export const ATOMIC_OPS = Object.keys(ATOMIC) as readonly AtomicOp[];

/** An address that somebody outside the program must provide. */
export interface SymbolRequest {
  /** Pseudo form of the `lddw`; `imm64` when only its relocation says what it is. */
  readonly kind: LddwKind;
  /** Low immediate. */
  readonly imm: number;
  /** High immediate. */
  readonly high: number;
  /** The relocation, if any. */
  readonly relocation: CodeRelocation | null;
  /** Name of the extern that it stands for; empty if none. */
  readonly extern: string;
  /** Name of the section. */
  readonly section: string;
  /** Slot in the section. */
  readonly pc: number;
}

/**
 * Provides the value of an `lddw`: a map handle, the address of a map value or variable.
 *
 * @param request What the instruction asks for.
 * @returns The 64-bit pattern, or null if unknown: the program faults if it executes the instruction.
 */
export type SymbolResolver = (request: SymbolRequest) => bigint | null;

/** What a `trap` reports. */
export interface Trap {
  /** Why the program is stopped. */
  readonly kind: FaultKind;
  /** What failed, a colon, then the state. */
  readonly message: string;
  /** Slot in the whole code of the instruction at fault. */
  readonly slot: number;
}

/** Where an instruction is. */
export interface CodePlace {
  /** Name of the section. */
  readonly section: string;
  /** Slot in the section. */
  readonly pc: number;
  /** Name of the function, empty if none covers it. */
  readonly function: string;
}

/** A program ready to run. */
export interface Code {
  /** The program. */
  readonly program: Program;
  /** {@link STRIDE} words for each slot. */
  readonly words: Int32Array<ArrayBuffer>;
  /** A register file with the constants in place. */
  readonly registers: RegisterFile;
  /** What the traps report. */
  readonly traps: readonly Trap[];
  /** Names of the kfuncs called. */
  readonly kfuncs: readonly string[];
  /** First slot of each section in the whole code. */
  readonly sectionSlots: readonly number[];
  /** Entry slot of each function in the whole code. */
  readonly entries: readonly number[];
  /** 1 for each slot whose address can be called. */
  readonly callable: Uint8Array;
}

/** Translates the sections of a program one after the other. */
class Translator {
  readonly program: Program;
  readonly words: number[] = [];
  readonly traps: Trap[] = [];
  readonly kfuncs: string[] = [];
  readonly sectionSlots: number[] = [];
  readonly entries: number[] = [];
  readonly callable: Uint8Array<ArrayBuffer>;
  readonly #resolve: SymbolResolver;
  readonly #opcodes: Uint8Array;
  readonly #smallConstants = new Map<number, number>();
  readonly #wideConstants = new Map<bigint, number>();
  readonly #constants: bigint[] = [];
  readonly #kfuncIndex = new Map<string, number>();
  readonly #stubs: { readonly word: number; readonly trap: number }[] = [];
  #section!: CodeSection;
  #base = 0;

  constructor(program: Program, resolve: SymbolResolver) {
    this.program = program;
    this.#resolve = resolve;
    this.#opcodes = program.order === "big" ? OPCODE_OF_BIG : OPCODE_OF_LITTLE;
    let slots = 0;
    for (const { slots: table } of program.sections) {
      this.sectionSlots.push(slots);
      slots += table[table.length - 1] + 1;
    }
    this.callable = new Uint8Array(slots);
    const index = new Map(program.sections.map((section, i) => [section, i]));
    for (const { section, first } of program.functions) {
      const slot = this.sectionSlots[index.get(section)!] + section.slots[first];
      this.entries.push(slot);
      this.callable[slot] = 1;
    }
  }

  translate(): Code {
    const { program } = this;
    program.sections.forEach((section, i) => {
      this.#section = section;
      this.#base = this.sectionSlots[i];
      section.insns.forEach((insn, j) => this.#instruction(insn, section.slots[j]));
      const end = section.slots[section.insns.length];
      this.#trap("end-of-code", "cannot continue: past the last instruction", end);
    });
    for (const { word, trap } of this.#stubs) {
      this.words[word] = this.words.length;
      this.words.push(OPCODE.trap, trap, 0, 0);
    }
    const registers = new Int32Array(REGISTER_WORDS + 2 * this.#constants.length);
    this.#constants.forEach((value, i) => writePair(registers, REGISTER_WORDS + 2 * i, value));
    const { traps, kfuncs, sectionSlots, entries, callable } = this;
    const words = Int32Array.from(this.words);
    return { program, words, registers, traps, kfuncs, sectionSlots, entries, callable };
  }

  /** Index in the register file of a sign-extended 32-bit constant. */
  #small(value: number): number {
    let at = this.#smallConstants.get(value);
    if (at === undefined) this.#smallConstants.set(value, at = this.#addConstant(BigInt(value)));
    return at;
  }

  #wide(value: bigint): number {
    let at = this.#wideConstants.get(value);
    if (at === undefined) this.#wideConstants.set(value, at = this.#addConstant(value));
    return at;
  }

  #addConstant(value: bigint): number {
    return REGISTER_WORDS + 2 * (this.#constants.push(value) - 1);
  }

  #addTrap(kind: FaultKind, message: string, pc: number): number {
    return this.traps.push({ kind, message, slot: this.#base + pc }) - 1;
  }

  #trap(kind: FaultKind, message: string, pc: number): void {
    this.words.push(OPCODE.trap, this.#addTrap(kind, message, pc), 0, 0);
  }

  /** The word index of a slot of this section; of a trap if there is no instruction. */
  #target(slot: number, pc: number, action: string): number {
    const { slots } = this.#section;
    if (slot >= 0 && slot < slots[slots.length - 1]) return (this.#base + slot) * STRIDE;
    const trap = this.#addTrap(
      "bad-jump",
      `cannot ${action} slot ${slot}: outside the section`,
      pc,
    );
    this.#stubs.push({ word: this.words.length + 2, trap });
    return 0;
  }

  #instruction(insn: Instruction, pc: number): void {
    const { op, src, imm, off } = insn;
    const dst = insn.dst * 2;
    const code = op.id < 0 ? OPCODE.trap : this.#opcodes[op.id];
    const value = op.form === "imm" ? this.#small(imm) : src * 2;
    if (writesFramePointer(insn)) {
      return this.#trap("invalid-instruction", "cannot write r10: it is read-only", pc);
    }
    switch (op.kind) {
      case "alu":
      case "mov":
        return this.#emit(code, dst, value, 0, 0);
      case "unary":
        return this.#emit(code, dst, dst, 0, 0);
      case "cast":
        return this.#emit(code, dst, src * 2, 0, 0);
      case "lddw":
        return this.#lddw(insn, pc);
      case "load":
        return this.#emit(code, dst, src * 2, off - GUEST_BASE, 0);
      case "store":
        return this.#emit(code, dst, value, off - GUEST_BASE, 0);
      case "atomic":
        return this.#atomic(insn);
      case "packet":
        return this.#emit(code, 0, op.fn === "ind" ? src * 2 : this.#small(0), imm, op.size);
      case "goto":
      case "may_goto":
        return this.#emit(code, 0, 0, this.#target(jumpTarget(insn, pc), pc, "jump to"), 0);
      case "branch":
        return this.#emit(code, dst, value, this.#target(jumpTarget(insn, pc), pc, "jump to"), 0);
      case "call":
        return this.#call(insn, pc);
      case "callx":
        return this.#emit(code, 0, dst, 0, 0);
      case "exit":
        return this.#emit(code, 0, 0, 0, 0);
      case "gotox":
      case "invalid":
        return this.#trap("invalid-instruction", invalidMessage(insn), pc);
    }
  }

  #emit(code: number, dst: number, operand: number, displacement: number, extra: number): void {
    this.words.push(code | dst << 8, operand, displacement, extra);
  }

  /** `load_acquire` reads from src; all others access memory at dst. */
  #atomic({ op, dst, src, off }: Instruction): void {
    const acquire = op.fn === "load_acquire";
    const extra = ATOMIC_OPS.indexOf(op.fn as AtomicOp) | op.size << 8;
    const base = (acquire ? src : dst) * 2, operand = (acquire ? dst : src) * 2;
    this.#emit(OPCODE.atomic, base, operand, off - GUEST_BASE, extra);
  }

  #lddw(insn: Instruction, pc: number): void {
    const value = this.#symbol(insn, pc);
    if (value === null) {
      this.#trap(
        "unresolved-symbol",
        `cannot load ${symbolName(insn, this.#section, pc)}: unresolved`,
        pc,
      );
    } else {
      this.#emit(OPCODE.lddw, insn.dst * 2, this.#wide(value), 0, 0);
    }
    this.#trap("bad-jump", "cannot execute the second slot of an lddw", pc + 1);
  }

  /** The value of an `lddw`, or null if nobody knows it. */
  #symbol({ op, imm, high }: Instruction, pc: number): bigint | null {
    const section = this.#section;
    const target = section.targets.get(pc);
    if (target?.kind === "function") return this.#codeAddress(this.entries[target.index]);
    const relocation = section.relocations.get(pc) ?? null;
    if (op.fn === "func" && target === undefined) {
      const slot = pc + 1 + imm;
      const inside = slot >= 0 && slot < section.slots[section.slots.length - 1];
      return inside ? this.#codeAddress(this.#base + slot) : null;
    }
    if (op.fn === "imm64" && target === undefined && relocation === null) {
      return BigInt(high) << 32n | BigInt(imm >>> 0);
    }
    const kind = op.fn as LddwKind;
    const extern = target?.name ?? "";
    return this.#resolve({ kind, imm, high, relocation, extern, section: section.name, pc });
  }

  #codeAddress(slot: number): bigint {
    this.callable[slot] = 1;
    return BigInt(CODE_BASE) + 8n * BigInt(slot);
  }

  #call({ op, imm, off }: Instruction, pc: number): void {
    const target = this.#section.targets.get(pc);
    if (target?.kind === "function") {
      return this.#emit(OPCODE.local, 0, 0, this.entries[target.index] * STRIDE, 0);
    }
    if (op.fn === "local" && target === undefined) {
      return this.#emit(OPCODE.local, 0, 0, this.#target(pc + 1 + imm, pc, "call"), 0);
    }
    if (op.fn === "helper" && target === undefined) {
      return this.#emit(OPCODE.helper, 0, imm, 0, 0);
    }
    const name = target?.name ?? `#${imm}${off === 0 ? "" : `@${off}`}`;
    let index = this.#kfuncIndex.get(name);
    if (index === undefined) this.#kfuncIndex.set(name, index = this.kfuncs.push(name) - 1);
    this.#emit(OPCODE.kfunc, 0, index, 0, 0);
  }
}

function writesFramePointer({ op, dst, src }: Instruction): boolean {
  switch (op.kind) {
    case "alu":
    case "unary":
    case "mov":
    case "cast":
    case "lddw":
    case "load":
      return dst === 10;
    case "atomic":
      if (op.fn === "load_acquire") return dst === 10;
      return src === 10 && op.fn !== "cmpxchg" && ATOMIC[op.fn as AtomicOp].fetches;
    default:
      return false;
  }
}

function invalidMessage({ op }: Instruction): string {
  return op.kind === "gotox"
    ? "cannot execute gotox: jump tables are not supported"
    : `cannot execute opcode 0x${op.code.toString(16)}: undefined encoding`;
}

/** What an unresolved `lddw` stands for, for messages. */
function symbolName({ op, imm }: Instruction, section: CodeSection, pc: number): string {
  const target = section.targets.get(pc);
  if (target?.kind === "extern") return `the address of ${target.name}`;
  const relocation = section.relocations.get(pc);
  return relocation === undefined ? `${op.fn} ${imm}` : `the address of ${relocation.name}`;
}

/**
 * Translates a program for the interpreter.
 *
 * @param program The program.
 * @param resolve Provides the values of its symbols.
 * @returns The code.
 */
export function translate(program: Program, resolve: SymbolResolver): Code {
  return new Translator(program, resolve).translate();
}

/**
 * The addresses of functions: what an `lddw` of them yields, and tail calls jump to.
 *
 * @param program The program.
 * @returns For each function its address; they fit 32 bits.
 */
export function functionAddresses({ sections, functions }: Program): number[] {
  const starts = new Map<CodeSection, number>();
  let slots = 0;
  for (const section of sections) {
    starts.set(section, slots);
    slots += section.slots[section.insns.length] + 1;
  }
  return functions.map(({ section, first }) =>
    CODE_BASE + 8 * (starts.get(section)! + section.slots[first])
  );
}

/**
 * Finds the section and function of a slot.
 *
 * @param code The code.
 * @param slot A slot in the whole code.
 * @returns Its place.
 */
export function placeOf(code: Code, slot: number): CodePlace {
  const { sections, functions } = code.program;
  let i = sections.length - 1;
  while (i > 0 && code.sectionSlots[i] > slot) i--;
  const section = sections[i];
  const pc = slot - code.sectionSlots[i];
  const covers = ({ section: of, first, last }: ProgramFunction): boolean =>
    of === section && of.slots[first] <= pc &&
    pc <= of.slots[last] - (last < of.insns.length ? 1 : 0);
  return { section: section.name, pc, function: functions.find(covers)?.name ?? "" };
}
