/**
 * Prints single instructions in the mnemonic syntax of bpf_conformance: `stxdw [%r10-0x8], %r0`.
 *
 * What that suite lacks has a text of our own:
 *
 *     lddw %r1, map_fd 0x3                every pseudo form, as in the pseudo-C syntax
 *     call local name, call local +0x10   local call
 *     call kfunc 0x4d2, 0x1               kfunc by BTF id and index of its BTF
 *     ldacqdw %r1, [%r2]                  load-acquire
 *     streldw [%r1], %r2                  store-release
 *     ldabsw 0x4; ldindw %r3, 0x4         legacy packet access
 *     addr_space_cast %r1, %r2, 0x0, 0x1  to, from
 *
 * @module
 */

import type { Instruction } from "./instruction.ts";
import { MNEMONICS } from "./mnemonics.ts";
import { hex, kfuncOperand, R, rawDirective, signedHex, wideOperand } from "./operands.ts";

/** `[%r10-0x8]`. */
function address(base: number, off: number): string {
  return `[%${R[base]}${off === 0 ? "" : signedHex(off)}]`;
}

function printCall(insn: Instruction, reference: string): string {
  if (insn.op.fn === "helper") return `call ${hex(insn.imm)}`;
  return `call ${insn.op.fn === "kfunc" ? kfuncOperand(insn) : `local ${reference}`}`;
}

/**
 * Prints an instruction.
 *
 * @param insn The instruction.
 * @param reference What its jump, local call or function address refers to: a label, or a distance with its sign.
 * @returns The text.
 */
export function printMnemonic(insn: Instruction, reference: string): string {
  const { op, dst, src, off, imm } = insn;
  const name = MNEMONICS[op.id];
  const source = op.form === "imm" ? hex(imm) : `%${R[src]}`;
  switch (op.kind) {
    case "alu":
    case "mov":
      return `${name} %${R[dst]}, ${source}`;
    case "unary":
    case "gotox":
    case "callx":
      return `${name} %${R[dst]}`;
    case "cast":
      return `${name} %${R[dst]}, %${R[src]}, ${hex(imm >>> 16)}, ${hex(imm & 0xffff)}`;
    case "lddw":
      return `${name} %${R[dst]}, ${wideOperand(insn, reference)}`;
    case "load":
      return `${name} %${R[dst]}, ${address(src, off)}`;
    case "store":
      return `${name} ${address(dst, off)}, ${source}`;
    case "atomic":
      return op.fn === "load_acquire"
        ? `${name} %${R[dst]}, ${address(src, off)}`
        : `${name} ${address(dst, off)}, %${R[src]}`;
    case "packet":
      return op.fn === "abs" ? `${name} ${hex(imm)}` : `${name} %${R[src]}, ${hex(imm)}`;
    case "goto":
    case "may_goto":
      return `${name} ${reference}`;
    case "branch":
      return `${name} %${R[dst]}, ${source}, ${reference}`;
    case "call":
      return printCall(insn, reference);
    case "exit":
      return name;
    case "invalid":
      return rawDirective(insn);
  }
}
