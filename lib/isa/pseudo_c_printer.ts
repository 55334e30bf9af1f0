/**
 * Prints single instructions in the pseudo-C syntax of LLVM and the kernel: `r1 = *(u64 *)(r10 - 0x8)`.
 *
 * What LLVM cannot express has a text of our own:
 *
 *     r1 = map_fd 0x3 ll                  lddw; also btf_id, func, map_idx
 *     r1 = map_value 0x3 + 0x10 ll        lddw with an immediate in its second slot; also map_idx_value
 *     r1 = func name ll                   lddw of a function's address
 *     call name, call pc+0x10             local call
 *     call kfunc 0x4d2, 0x1               kfunc by BTF id and index of its BTF
 *     .insn 0xff, 1, 2, 0x8, 0x10         undefined encoding: opcode, dst, src, off, imm
 *
 * @module
 */

import type { Instruction } from "./instruction.ts";
import { hex, kfuncOperand, R, rawDirective, W, wideOperand } from "./operands.ts";
import { ALU, type AluOp, COND, type Cond } from "./ops.ts";

const isDistance = (reference: string): boolean => reference[0] === "+" || reference[0] === "-";

/** `(r10 - 0x8)` without the parentheses. */
function address(base: number, off: number): string {
  return off < 0 ? `${R[base]} - ${hex(-off)}` : `${R[base]} + ${hex(off)}`;
}

function printAtomic(insn: Instruction): string {
  const { op, dst, src, off } = insn;
  const type = `u${op.size * 8}`;
  const names = op.size === 8 ? R : W;
  switch (op.fn) {
    case "load_acquire":
      return `${names[dst]} = load_acquire((${type} *)(${address(src, off)}))`;
    case "store_release":
      return `store_release((${type} *)(${address(dst, off)}), ${names[src]})`;
    case "xchg":
    case "cmpxchg": {
      const name = op.fn + (op.size === 8 ? "_64" : "32_32");
      return op.fn === "xchg"
        ? `${names[src]} = ${name}(${address(dst, off)}, ${names[src]})`
        : `${names[0]} = ${name}(${address(dst, off)}, ${names[0]}, ${names[src]})`;
    }
  }
  if (op.fn.startsWith("fetch_")) {
    return `${names[src]} = atomic_${op.fn}((${type} *)(${address(dst, off)}), ${names[src]})`;
  }
  // LLVM names the source of a 32-bit addition, which is older than its 32-bit registers, by 64 bits.
  const source = op.fn === "add" ? R[src] : names[src];
  return `lock *(${type} *)(${address(dst, off)}) ${ALU[op.fn as AluOp].sign}= ${source}`;
}

function printCall(insn: Instruction, reference: string): string {
  if (insn.op.fn === "helper") return `call ${hex(insn.imm)}`;
  if (insn.op.fn === "kfunc") return `call ${kfuncOperand(insn)}`;
  return isDistance(reference) ? `call pc${reference}` : `call ${reference}`;
}

/**
 * Prints an instruction.
 *
 * @param insn The instruction.
 * @param reference What its jump, local call or function address refers to: a label, or a distance with its sign.
 * @returns The text.
 */
export function printPseudoC(insn: Instruction, reference: string): string {
  const { op, dst, src, off, imm } = insn;
  const names = op.width === 64 ? R : W;
  const source = op.form === "imm" ? hex(imm) : names[src];
  switch (op.kind) {
    case "alu":
      return `${names[dst]} ${ALU[op.fn as AluOp].sign}= ${source}`;
    case "unary":
      return op.fn === "neg" ? `${names[dst]} = -${names[dst]}` : `${R[dst]} = ${op.fn} ${R[dst]}`;
    case "mov":
      return `${names[dst]} = ${op.sign === 0 ? "" : `(s${op.sign})`}${source}`;
    case "cast":
      return `${R[dst]} = addr_space_cast(${R[src]}, ${hex(imm >>> 16)}, ${hex(imm & 0xffff)})`;
    case "lddw":
      return `${R[dst]} = ${wideOperand(insn, reference)} ll`;
    case "load":
      return `${R[dst]} = *(${op.sign === 0 ? "u" : "s"}${op.size * 8} *)(${address(src, off)})`;
    case "store":
      return `*(u${op.size * 8} *)(${address(dst, off)}) = ${source}`;
    case "atomic":
      return printAtomic(insn);
    case "packet": {
      const index = op.fn === "abs" ? hex(imm) : imm === 0 ? R[src] : address(src, imm);
      return `r0 = *(u${op.size * 8} *)skb[${index}]`;
    }
    case "goto":
      return `${op.fn === "far" ? "gotol" : "goto"} ${reference}`;
    case "branch":
      return `if ${names[dst]} ${COND[op.fn as Cond].sign} ${source} goto ${reference}`;
    case "may_goto":
      return `may_goto ${reference}`;
    case "gotox":
    case "callx":
      return `${op.kind} ${R[dst]}`;
    case "call":
      return printCall(insn, reference);
    case "exit":
      return "exit";
    case "invalid":
      return rawDirective(insn);
  }
}

/**
 * Prints an instruction as `llvm-objdump` 19 does, which loses what LLVM does not know: the kind of a call, the second
 * slot of a pseudo `lddw`, the displacement of LD_IND, undefined encodings.
 *
 * @param insn The instruction.
 * @param reference The distance of its jump with its sign, and perhaps a symbol.
 * @returns The text, with LLVM's tab after `ld_pseudo`.
 */
export function printObjdump(insn: Instruction, reference: string): string {
  const { op, dst, src, imm } = insn;
  switch (op.kind) {
    case "invalid":
      return "<unknown>";
    case "call":
      return `call ${hex(imm)}`;
    case "lddw":
      if (op.fn !== "imm64") return `ld_pseudo\t${R[dst]}, ${hex(op.src)}, ${hex(imm >>> 0)}`;
      break;
    case "packet":
      if (op.fn === "ind") return `r0 = *(u${op.size * 8} *)skb[${R[src]}]`;
      break;
  }
  return printPseudoC(insn, reference);
}
