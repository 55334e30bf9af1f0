/**
 * The opcodes of the interpreter: dense numbers for its dispatch. Immediates become constants of the register file, so
 * that the two operand forms of an instruction share one opcode; byte swaps fold the byte order of the program.
 *
 * @module
 */

import { type Op, OPS } from "../isa/ops.ts";

/** Names of the opcodes; the index of a name is its number, and the dispatch loop repeats both. */
// deno-fmt-ignore
export const OPCODES = [
  "add.64", "sub.64", "mul.64", "div.64", "sdiv.64", "mod.64", "smod.64", "or.64", "and.64", "xor.64", "lsh.64", "rsh.64", "arsh.64",
  "add.32", "sub.32", "mul.32", "div.32", "sdiv.32", "mod.32", "smod.32", "or.32", "and.32", "xor.32", "lsh.32", "rsh.32", "arsh.32",
  "neg.64", "neg.32", "mov.64", "mov.32", "movs8.64", "movs16.64", "movs32.64", "movs8.32", "movs16.32",
  "swap16", "swap32", "swap64", "zext16", "nop", "lddw",
  "load.u8", "load.u16", "load.u32", "load.u64", "load.s8", "load.s16", "load.s32", "store.8", "store.16", "store.32", "store.64",
  "atomic", "packet", "goto",
  "eq.64", "ne.64", "set.64", "gt.64", "ge.64", "lt.64", "le.64", "sgt.64", "sge.64", "slt.64", "sle.64",
  "eq.32", "ne.32", "set.32", "gt.32", "ge.32", "lt.32", "le.32", "sgt.32", "sge.32", "slt.32", "sle.32",
  "may_goto", "helper", "kfunc", "local", "callx", "exit", "trap",
] as const;

/** Name of an opcode. */
export type OpcodeName = typeof OPCODES[number];

/** The number of each opcode. */
export const OPCODE = Object.fromEntries(OPCODES.map((name, i) => [name, i])) as {
  readonly [K in OpcodeName]: number;
};

/** The opcode of a byte swap or negation; `big` is the byte order of the program. */
function unaryName({ fn, width }: Op, big: boolean): string {
  if (fn === "neg") return `neg.${width}`;
  const bits = fn.match(/\d+$/)![0];
  if (fn.startsWith("bswap") || fn.startsWith("be") !== big) return `swap${bits}`;
  return bits === "16" ? "zext16" : bits === "32" ? "mov.32" : "nop";
}

/** The opcode of a row of the instruction table. */
function opcodeName(op: Op, big: boolean): string {
  switch (op.kind) {
    case "alu":
    case "branch":
      return `${op.fn}.${op.width}`;
    case "unary":
      return unaryName(op, big);
    case "mov":
      return `mov${op.sign === 0 ? "" : `s${op.sign}`}.${op.width}`;
    case "cast":
      return "mov.32";
    case "load":
      return `load.${op.sign === 0 ? "u" : "s"}${op.size * 8}`;
    case "store":
      return `store.${op.size * 8}`;
    case "call":
      return op.fn;
    case "gotox":
    case "invalid":
      return "trap";
    default:
      return op.kind;
  }
}

const table = (big: boolean): Uint8Array =>
  Uint8Array.from(OPS, (op) => OPCODE[opcodeName(op, big) as OpcodeName]);

/** The opcode for each row of the instruction table, by its id, for little-endian programs. */
export const OPCODE_OF_LITTLE: Uint8Array = table(false);
/** The same for big-endian programs. */
export const OPCODE_OF_BIG: Uint8Array = table(true);
