/**
 * Parses single statements of the mnemonic syntax; see `mnemonic_printer.ts` for its forms.
 *
 * @module
 */

import { Instruction } from "./instruction.ts";
import { ROWS_BY_MNEMONIC } from "./mnemonics.ts";
import { findOp, type Op } from "./ops.ts";
import type { StatementScanner } from "./statement.ts";

const CALLX = findOp({ kind: "callx" });
const REGISTER_AHEAD = /(?=%)/y;

/** Reads `[%r10-8]`. */
function memory(s: StatementScanner): { base: number; off: number } {
  s.expect("[");
  const base = s.register(64);
  const off = s.seesNumber() ? s.signed16() : 0;
  s.expect("]");
  return { base, off };
}

/** Reads the mnemonic, of up to three words after `lock`, and finds its rows. */
function rowsAhead(s: StatementScanner): readonly Op[] {
  s.skipSpace();
  const at = s.position;
  let name = s.tryWord();
  while (name === "lock" || name === "lock fetch") {
    const word = s.tryWord();
    if (word === "") break;
    name += ` ${word}`;
  }
  const rows = ROWS_BY_MNEMONIC.get(name);
  if (rows === undefined) {
    s.position = at;
    throw s.expected("a mnemonic");
  }
  return rows;
}

/** Reads the second operand, `%r1` or a number, and the row that it selects. */
function secondOperand(s: StatementScanner, rows: readonly Op[], dst: number): Instruction {
  s.expect(",");
  const register = s.match(REGISTER_AHEAD) !== null;
  const op = rows.find((row) => row.form === (register ? "reg" : "imm"));
  if (op === undefined) throw s.expected(register ? "a number" : "a register");
  return register
    ? new Instruction(op, dst, s.register(64))
    : new Instruction(op, dst, 0, 0, s.word32());
}

function parseCall(s: StatementScanner): Instruction {
  if (s.match(REGISTER_AHEAD) !== null) return new Instruction(CALLX, s.register(64));
  if (s.tryKeyword("local")) return s.localCallee();
  s.tryKeyword("helper");
  return s.callee();
}

function parseCast(s: StatementScanner, op: Op): Instruction {
  const dst = s.register(64);
  s.expect(",");
  const src = s.register(64);
  s.expect(",");
  const to = s.integer(0, 0xffff);
  s.expect(",");
  return new Instruction(op, dst, src, 0, to << 16 | s.integer(0, 0xffff));
}

/** Parses the operands of a load, a store or an atomic operation. */
function parseAccess(s: StatementScanner, rows: readonly Op[]): Instruction {
  const [op] = rows;
  if (op.kind === "load" || op.fn === "load_acquire") {
    const dst = s.register(64);
    s.expect(",");
    const { base, off } = memory(s);
    return new Instruction(op, dst, base, off);
  }
  const { base, off } = memory(s);
  if (op.kind === "store") {
    const insn = secondOperand(s, rows, base);
    insn.off = off;
    return insn;
  }
  s.expect(",");
  return new Instruction(op, base, s.register(64), off);
}

function parsePacket(s: StatementScanner, op: Op): Instruction {
  if (op.fn === "abs") return new Instruction(op, 0, 0, 0, s.word32());
  const src = s.register(64);
  return new Instruction(op, 0, src, 0, s.tryText(",") ? s.word32() : 0);
}

function parseBranch(s: StatementScanner, rows: readonly Op[]): Instruction {
  const insn = secondOperand(s, rows, s.register(64));
  s.expect(",");
  insn.off = s.target(16);
  return insn;
}

function parseLddw(s: StatementScanner): Instruction {
  const dst = s.register(64);
  s.expect(",");
  return s.wideOperand(dst);
}

/**
 * Parses a statement.
 *
 * @param s A scanner at its start.
 * @returns The instruction; its label, if it refers to one, is in `s.reference`.
 * @throws {ParseError} If it is not an instruction of this syntax.
 */
export function parseMnemonic(s: StatementScanner): Instruction {
  const rows = rowsAhead(s);
  const [op] = rows;
  switch (op.kind) {
    case "alu":
    case "mov":
      return secondOperand(s, rows, s.register(64));
    case "unary":
    case "gotox":
      return new Instruction(op, s.register(64));
    case "cast":
      return parseCast(s, op);
    case "lddw":
      return parseLddw(s);
    case "load":
    case "store":
    case "atomic":
      return parseAccess(s, rows);
    case "packet":
      return parsePacket(s, op);
    case "goto":
      return op.fn === "far"
        ? new Instruction(op, 0, 0, 0, s.target(32))
        : new Instruction(op, 0, 0, s.target(16));
    case "may_goto":
      return new Instruction(op, 0, 0, s.target(16));
    case "branch":
      return parseBranch(s, rows);
    case "call":
    case "callx":
      return parseCall(s);
    case "exit":
    case "invalid":
      return new Instruction(op);
  }
}
