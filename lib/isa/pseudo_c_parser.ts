/**
 * Parses single statements of the pseudo-C syntax; see `pseudo_c_printer.ts` for its forms.
 *
 * @module
 */

import { Instruction } from "./instruction.ts";
import {
  ALU,
  COND,
  findOp,
  LDDW_KINDS,
  lookUpOp,
  type Op,
  type OpKey,
  type Size,
  UNARY,
  type Width,
} from "./ops.ts";
import type { StatementScanner } from "./statement.ts";

/** A pattern of operators, the longest first, each followed by a text. */
function operators(signs: readonly string[], suffix: string): RegExp {
  const escaped = signs.toSorted((a, b) => b.length - a.length)
    .map((sign) => sign.replace(/[^\w=<>]/g, "\\$&"));
  return new RegExp(`(${escaped.join("|")})${suffix}`, "y");
}

const ALU_OPERATOR = operators(Object.values(ALU).map((row) => row.sign), "=");
const COND_OPERATOR = operators(Object.values(COND).map((row) => row.sign), "");
const ALU_BY_SIGN = new Map(Object.entries(ALU).map(([fn, row]) => [row.sign, fn]));
const COND_BY_SIGN = new Map(Object.entries(COND).map(([fn, row]) => [row.sign, fn]));

const MOV_SIGN = /\(\s*s(8|16|32)\s*\)/y;
const POINTER = /\(\s*([us])(8|16|32|64)\s*\*\s*\)/y;
const EXCHANGE = /(xchg|cmpxchg)(32_32|_64)/y;
const NEGATED = /-(?=\s*%?[rw])/y;

const GOTO = findOp({ kind: "goto", fn: "near" });
const GOTOL = findOp({ kind: "goto", fn: "far" });
const MAY_GOTO = findOp({ kind: "may_goto" });
const GOTOX = findOp({ kind: "gotox" });
const CALLX = findOp({ kind: "callx" });
const EXIT = findOp({ kind: "exit" });
const CAST = findOp({ kind: "cast" });

/** The row of a key, or an error at the cursor. */
function rowOf(s: StatementScanner, key: OpKey): Op {
  const op = lookUpOp(key);
  if (op === undefined) throw s.error("there is no such instruction");
  return op;
}

/** Reads `(u64 *)`; gives the size in bytes and whether it is signed. */
function pointer(s: StatementScanner): { size: Size; signed: boolean } {
  const found = s.match(POINTER);
  if (found === null) throw s.expected("a type such as (u64 *)");
  return { size: Number(found[2]) / 8 as Size, signed: found[1] === "s" };
}

/** Reads `(u64 *)` of an access that has no signed form; gives the size in bytes. */
function unsignedPointer(s: StatementScanner): Size {
  const { size, signed } = pointer(s);
  if (signed) throw s.error("only loads have signed types");
  return size;
}

/** Reads `r10 - 0x8`, without parentheses. */
function address(s: StatementScanner): { base: number; off: number } {
  const base = s.register(64);
  return { base, off: s.seesNumber() ? s.signed16() : 0 };
}

/** Reads `(r10 - 0x8)`. */
function memory(s: StatementScanner): { base: number; off: number } {
  s.expect("(");
  const place = address(s);
  s.expect(")");
  return place;
}

/** Reads the second operand of arithmetic or a compare: a register of its width, or a number. */
function secondOperand(s: StatementScanner, key: OpKey, width: Width, dst: number): Instruction {
  if (s.seesNumber()) {
    return new Instruction(rowOf(s, { ...key, width, form: "imm" }), dst, 0, 0, s.word32());
  }
  const src = s.register(width);
  return new Instruction(rowOf(s, { ...key, width, form: "reg" }), dst, src);
}

function parseBranch(s: StatementScanner): Instruction {
  const dst = s.tryRegister();
  if (dst === null) throw s.expected("a register");
  const sign = s.match(COND_OPERATOR);
  if (sign === null) throw s.expected("a condition");
  const fn = COND_BY_SIGN.get(sign[1])!;
  const insn = secondOperand(s, { kind: "branch", fn }, dst.width, dst.index);
  if (!s.tryKeyword("goto")) throw s.expected('"goto"');
  insn.off = s.target(16);
  return insn;
}

/** Parses what follows `*`: a store. LLVM writes `w2` for 32-bit values, which encodes the same. */
function parseStore(s: StatementScanner): Instruction {
  const size = unsignedPointer(s);
  const { base, off } = memory(s);
  s.expect("=");
  if (s.seesNumber()) {
    return new Instruction(findOp({ kind: "store", size, form: "imm" }), base, 0, off, s.word32());
  }
  const src = s.register(size === 8 ? 64 : undefined);
  return new Instruction(findOp({ kind: "store", size, form: "reg" }), base, src, off);
}

/** Parses what follows `lock`: an atomic operation that does not fetch. */
function parseLock(s: StatementScanner): Instruction {
  s.expect("*");
  const size = unsignedPointer(s);
  const { base, off } = memory(s);
  const sign = s.match(ALU_OPERATOR);
  if (sign === null) throw s.expected("an operator such as +=");
  const op = rowOf(s, { kind: "atomic", fn: ALU_BY_SIGN.get(sign[1])!, size });
  return new Instruction(op, base, s.register(size === 8 ? 64 : undefined), off);
}

/** Parses what follows `store_release`. */
function parseStoreRelease(s: StatementScanner): Instruction {
  s.expect("(");
  const size = unsignedPointer(s);
  const { base, off } = memory(s);
  s.expect(",");
  const src = s.register(size === 8 ? 64 : undefined);
  s.expect(")");
  return new Instruction(findOp({ kind: "atomic", fn: "store_release", size }), base, src, off);
}

/** Parses what follows `r1 = *`: a load, or a legacy packet access. */
function parseLoad(s: StatementScanner, dst: number, width: Width): Instruction {
  const { size, signed } = pointer(s);
  if (width === 32 && (signed || size === 8)) throw s.error("a 32-bit register cannot take it");
  if (s.tryKeyword("skb")) {
    if (dst !== 0) throw s.error("packet access has its result in r0");
    s.expect("[");
    const insn = s.seesNumber()
      ? new Instruction(rowOf(s, { kind: "packet", fn: "abs", size }), 0, 0, 0, s.word32())
      : new Instruction(rowOf(s, { kind: "packet", fn: "ind", size }), 0, s.register(64));
    if (insn.op.fn === "ind" && s.seesNumber()) insn.imm = s.signed32();
    s.expect("]");
    return insn;
  }
  const { base, off } = memory(s);
  const sign = signed ? size * 8 as 8 | 16 | 32 : 0;
  return new Instruction(rowOf(s, { kind: "load", size, sign }), dst, base, off);
}

/** Checks that an atomic operation names the register that it defines twice. */
function expectSame(s: StatementScanner, register: number, width: Width): void {
  const at = s.position;
  if (s.register(width) === register) return;
  s.position = at;
  throw s.error("source and result must be the same register");
}

/** Parses `xchg_64(r1 + 0x0, r2)` and `cmpxchg_64(r1 + 0x0, r0, r2)`. */
function parseExchange(s: StatementScanner, found: RegExpExecArray, dst: number): Instruction {
  const size: Size = found[2] === "_64" ? 8 : 4;
  const width: Width = size === 8 ? 64 : 32;
  const op = findOp({ kind: "atomic", fn: found[1], size });
  s.expect("(");
  const { base, off } = address(s);
  s.expect(",");
  let src = dst;
  expectSame(s, dst, width);
  if (op.fn === "cmpxchg") {
    if (dst !== 0) throw s.error("cmpxchg compares with r0 and has its result there");
    s.expect(",");
    src = s.register(width);
  }
  s.expect(")");
  return new Instruction(op, base, src, off);
}

/** Parses `load_acquire((u64 *)(r1 + 0x0))` and `atomic_fetch_add((u64 *)(r1 + 0x0), r2)` after the name. */
function parseAtomic(s: StatementScanner, fn: string, dst: number, width: Width): Instruction {
  s.expect("(");
  const size = unsignedPointer(s);
  const { base, off } = memory(s);
  const op = rowOf(s, { kind: "atomic", fn, size });
  if ((size === 8) !== (width === 64)) throw s.error("register and access differ in width");
  if (fn === "load_acquire") {
    s.expect(")");
    return new Instruction(op, dst, base, off);
  }
  s.expect(",");
  expectSame(s, dst, width);
  s.expect(")");
  return new Instruction(op, base, dst, off);
}

/** Parses `addr_space_cast(r2, 0x0, 0x1)` after the name. */
function parseCast(s: StatementScanner, dst: number): Instruction {
  s.expect("(");
  const src = s.register(64);
  s.expect(",");
  const to = s.integer(0, 0xffff);
  s.expect(",");
  const from = s.integer(0, 0xffff);
  s.expect(")");
  return new Instruction(CAST, dst, src, 0, to << 16 | from);
}

/** Parses the right side of `r1 =` that starts with a word. */
function parseFunction(s: StatementScanner, dst: number, width: Width): Instruction {
  const exchange = s.match(EXCHANGE);
  if (exchange !== null) return parseExchange(s, exchange, dst);
  const at = s.position;
  const word = s.tryWord();
  if (word === "load_acquire" || word.startsWith("atomic_fetch_")) {
    return parseAtomic(s, word.replace("atomic_", ""), dst, width);
  }
  if (width === 64 && Object.hasOwn(UNARY, word) && word !== "neg") {
    expectSame(s, dst, 64);
    return new Instruction(findOp({ kind: "unary", fn: word }), dst);
  }
  if (width === 64 && word === "addr_space_cast") return parseCast(s, dst);
  s.position = at;
  if (width === 32 || word === "") throw s.expected("an operand");
  const insn = s.wideOperand(dst);
  if (!s.tryKeyword("ll")) throw s.expected('"ll"');
  return insn;
}

/** Parses the right side of `r1 =`. */
function parseAssignment(s: StatementScanner, dst: number, width: Width): Instruction {
  if (s.seesNumber()) {
    const at = s.position;
    const wide = width === 64 ? s.wideOperand(dst) : null;
    if (wide !== null && s.tryKeyword("ll")) return wide;
    s.position = at;
    return new Instruction(findOp({ kind: "mov", width, form: "imm" }), dst, 0, 0, s.word32());
  }
  if (s.tryText("*")) return parseLoad(s, dst, width);
  if (s.match(NEGATED) !== null) {
    expectSame(s, dst, width);
    return new Instruction(findOp({ kind: "unary", fn: "neg", width }), dst);
  }
  const bits = s.match(MOV_SIGN);
  const sign = bits === null ? 0 : Number(bits[1]) as 8 | 16 | 32;
  const at = s.position;
  if (bits !== null || s.tryRegister() !== null) {
    s.position = at;
    const op = rowOf(s, { kind: "mov", width, form: "reg", sign });
    return new Instruction(op, dst, s.register(width));
  }
  return parseFunction(s, dst, width);
}

/** Parses what follows `ld_pseudo`, which `llvm-objdump` prints: `r1, 0x1, 0x5` is `r1 = map_fd 0x5 ll`. */
function parseLdPseudo(s: StatementScanner): Instruction {
  const dst = s.register(64);
  s.expect(",");
  const fn = LDDW_KINDS[s.integer(0, LDDW_KINDS.length - 1)];
  s.expect(",");
  return new Instruction(findOp({ kind: "lddw", fn }), dst, 0, 0, s.word32());
}

function parseKeyword(s: StatementScanner): Instruction {
  s.skipSpace();
  const at = s.position;
  switch (s.tryWord()) {
    case "if":
      return parseBranch(s);
    case "goto":
      return new Instruction(GOTO, 0, 0, s.target(16));
    case "gotol":
      return new Instruction(GOTOL, 0, 0, 0, s.target(32));
    case "may_goto":
      return new Instruction(MAY_GOTO, 0, 0, s.target(16));
    case "gotox":
      return new Instruction(GOTOX, s.register(64));
    case "callx":
      return new Instruction(CALLX, s.register(64));
    case "call":
      return s.match(/pc(?=\s*[+-])/y) === null ? s.callee() : s.localCallee();
    case "exit":
      return new Instruction(EXIT);
    case "lock":
      return parseLock(s);
    case "ld_pseudo":
      return parseLdPseudo(s);
    case "store_release":
      return parseStoreRelease(s);
  }
  s.position = at;
  throw s.expected("an instruction");
}

/**
 * Parses a statement.
 *
 * @param s A scanner at its start.
 * @returns The instruction; its label, if it refers to one, is in `s.reference`.
 * @throws {ParseError} If it is not an instruction of this syntax.
 */
export function parsePseudoC(s: StatementScanner): Instruction {
  const dst = s.tryRegister();
  if (dst !== null) {
    if (s.tryText("=")) return parseAssignment(s, dst.index, dst.width);
    const sign = s.match(ALU_OPERATOR);
    if (sign === null) throw s.expected("an assignment");
    const fn = ALU_BY_SIGN.get(sign[1])!;
    return secondOperand(s, { kind: "alu", fn }, dst.width, dst.index);
  }
  return s.tryText("*") ? parseStore(s) : parseKeyword(s);
}
