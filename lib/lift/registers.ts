/**
 * Which registers an instruction reads and writes.
 *
 * A set of registers is a mask with two halves. Bit `r` says that register `r` is required: the instruction has no
 * meaning without it. Bit `16 + r` says that it may be read: required, or passed to a callee that is free to ignore it
 * (the last arguments of `bpf_trace_printk`, all arguments of an unknown helper function). A write takes away both
 * bits. r10 is in no set: it never changes.
 *
 * @module
 */

import type { Instruction } from "../isa/instruction.ts";
import { ATOMIC, type AtomicOp, type Op, OPS } from "../isa/ops.ts";

/** Registers of a mask, without r10. */
const TRACKED = 0x03ff_03ff;

/**
 * @param registers A plain register mask: bit `r` for register `r`.
 * @returns The set that requires these registers.
 */
export function required(registers: number): number {
  return registers | registers << 16;
}

/**
 * @param registers A plain register mask: bit `r` for register `r`.
 * @returns The set that may read these registers.
 */
export function optional(registers: number): number {
  return registers << 16;
}

/**
 * @param count How many argument registers.
 * @returns The plain mask of r1 to r`count`.
 */
export function argumentRegisters(count: number): number {
  return (2 << count) - 2;
}

const R0 = required(1);
const R6 = required(1 << 6);
/** r0 to r5: what a call overwrites. */
const CALLER_SAVED = required(0x3f);

/** Which operand fields name a register that is read or written. */
const READS_DST = 1, READS_SRC = 2, WRITES_DST = 4, WRITES_SRC = 8;

function atomicOperands(fn: AtomicOp): number {
  if (fn === "load_acquire") return READS_SRC | WRITES_DST;
  const writes = ATOMIC[fn].fetches && fn !== "cmpxchg" ? WRITES_SRC : 0;
  return READS_DST | READS_SRC | writes;
}

function operandsOf(op: Op): number {
  const source = op.form === "reg" ? READS_SRC : 0;
  switch (op.kind) {
    case "alu":
      return READS_DST | source | WRITES_DST;
    case "unary":
      return READS_DST | WRITES_DST;
    case "mov":
      return source | WRITES_DST;
    case "cast":
    case "load":
      return READS_SRC | WRITES_DST;
    case "lddw":
      return WRITES_DST;
    case "store":
    case "branch":
      return READS_DST | source;
    case "atomic":
      return atomicOperands(op.fn as AtomicOp);
    case "packet":
      return op.fn === "ind" ? READS_SRC : 0;
    case "gotox":
    case "callx":
      return READS_DST;
    default:
      return 0;
  }
}

function impliedReads(op: Op): number {
  if (op.kind === "exit" || op.fn === "cmpxchg") return R0;
  if (op.kind === "packet") return R6;
  return op.kind === "callx" ? optional(argumentRegisters(5)) : 0;
}

function impliedWrites(op: Op): number {
  if (op.fn === "cmpxchg") return R0;
  return op.kind === "call" || op.kind === "callx" || op.kind === "packet" ? CALLER_SAVED : 0;
}

const OPERANDS = Uint8Array.from(OPS, operandsOf);
const READS = Int32Array.from(OPS, impliedReads);
const WRITES = Int32Array.from(OPS, impliedWrites);

/**
 * The registers that an instruction reads.
 *
 * @param insn An instruction of the table; for a `call` the arguments are not included.
 * @returns A register set.
 */
export function readsOf(insn: Instruction): number {
  const { id } = insn.op;
  const operands = OPERANDS[id];
  let set = READS[id];
  if ((operands & READS_DST) !== 0) set |= 0x10001 << insn.dst;
  if ((operands & READS_SRC) !== 0) set |= 0x10001 << insn.src;
  return set & TRACKED;
}

/**
 * The registers that an instruction overwrites, with a result or with nothing.
 *
 * @param insn An instruction of the table.
 * @returns A register set.
 */
export function writesOf(insn: Instruction): number {
  const { id } = insn.op;
  const operands = OPERANDS[id];
  let set = WRITES[id];
  if ((operands & WRITES_DST) !== 0) set |= 0x10001 << insn.dst;
  if ((operands & WRITES_SRC) !== 0) set |= 0x10001 << insn.src;
  return set & TRACKED;
}

/**
 * @param insn An instruction of the table.
 * @returns Whether it writes r10, which no valid program does.
 */
export function writesFrame(insn: Instruction): boolean {
  const operands = OPERANDS[insn.op.id];
  return ((operands & WRITES_DST) !== 0 && insn.dst === 10) ||
    ((operands & WRITES_SRC) !== 0 && insn.src === 10);
}
