/**
 * What the parsers of both assembly syntaxes share: references to labels, pseudo forms of `lddw`, kfuncs and raw
 * encodings.
 *
 * @module
 */

import { decode, encode } from "./codec.ts";
import { helperByName } from "./helpers.ts";
import { Instruction, invalidInstruction } from "./instruction.ts";
import { findOp, LDDW_KINDS, type LddwKind } from "./ops.ts";
import { Scanner } from "./scanner.ts";

const LDDW_ROWS = new Map<string, LddwKind>(LDDW_KINDS.map((fn) => [fn, fn]));
const IMM64 = findOp({ kind: "lddw", fn: "imm64" });
const HELPER_CALL = findOp({ kind: "call", fn: "helper" });
const LOCAL_CALL = findOp({ kind: "call", fn: "local" });
const KFUNC_CALL = findOp({ kind: "call", fn: "kfunc" });

/** What `llvm-objdump` prints behind a distance. */
const SYMBOL = /<[^>]*>/y;

/** A label that an instruction refers to. */
export interface Reference {
  /** The name of the label. */
  readonly name: string;
  /** Line of the reference, from 1. */
  readonly line: number;
  /** Offset of the reference in its line. */
  readonly position: number;
}

/** Reads the operands of one statement, and remembers the label that it refers to. */
export class StatementScanner extends Scanner {
  /** The label that the statement refers to, or null for none. */
  reference: Reference | null = null;

  /** Moves to the start of another line, and forgets the reference. */
  override enter(line: string, lineNumber: number): void {
    super.enter(line, lineNumber);
    this.reference = null;
  }

  /**
   * Reads a label or a distance in slots.
   *
   * @param bits Bits of the field that takes the distance.
   * @returns The distance; 0 for a label, which is kept in `reference`.
   * @throws {ParseError} If neither comes next, or the distance does not fit.
   */
  target(bits: 16 | 32): number {
    if (this.seesNumber()) {
      const distance = bits === 16 ? this.signed16() : this.signed32();
      this.match(SYMBOL);
      return distance;
    }
    this.skipSpace();
    const { position, lineNumber: line } = this;
    const name = this.tryName();
    if (name === null) throw this.expected("a label or a distance");
    this.reference = { name, line, position };
    return 0;
  }

  /**
   * Reads what an `lddw` loads.
   *
   * @param dst Its destination register.
   * @returns The instruction.
   * @throws {ParseError} If it is neither a number nor a pseudo form.
   */
  wideOperand(dst: number): Instruction {
    if (this.seesNumber()) {
      const value = this.word64();
      return new Instruction(
        IMM64,
        dst,
        0,
        0,
        Number(value & 0xffff_ffffn) | 0,
        Number(value >> 32n) | 0,
      );
    }
    this.skipSpace();
    const at = this.position;
    const fn = LDDW_ROWS.get(this.tryWord());
    if (fn === undefined || fn === "imm64") {
      this.position = at;
      throw this.expected("a number or a pseudo form such as map_fd");
    }
    const imm = fn === "func" ? this.target(32) : this.word32();
    const high = this.tryText("+") ? this.word32() : 0;
    return new Instruction(findOp({ kind: "lddw", fn }), dst, 0, 0, imm, high);
  }

  /**
   * Reads what a `call` calls, where that is not a register: a helper by id, `kfunc ID, BTF`, or a name: of a label, or
   * of a helper if the text does not define such a label.
   *
   * @returns The instruction; of kind `local` for a name.
   * @throws {ParseError} If it is none of these.
   */
  callee(): Instruction {
    if (this.seesNumber()) return new Instruction(HELPER_CALL, 0, 0, 0, this.word32());
    if (this.tryKeyword("kfunc") || this.tryKeyword("runtime")) {
      const imm = this.word32();
      return new Instruction(KFUNC_CALL, 0, 0, this.tryText(",") ? this.signed16() : 0, imm);
    }
    return this.localCallee();
  }

  /**
   * Reads the function that a local call calls.
   *
   * @returns The instruction.
   * @throws {ParseError} If it is neither a label nor a distance.
   */
  localCallee(): Instruction {
    return new Instruction(LOCAL_CALL, 0, 0, 0, this.target(32));
  }

  /**
   * Reads the operands of `.insn`: opcode, dst, src, off, imm.
   *
   * @returns The instruction that they encode, of kind `invalid` if undefined or half an `lddw`.
   * @throws {ParseError} If one is missing or does not fit its field.
   */
  rawEncoding(): Instruction {
    const code = this.integer(0, 255);
    this.expect(",");
    const dst = this.integer(0, 15);
    this.expect(",");
    const src = this.integer(0, 15);
    this.expect(",");
    const off = this.signed16();
    this.expect(",");
    return decode(encode([invalidInstruction(code, dst, src, off, this.word32())]))[0];
  }
}

/**
 * The call of a helper by name.
 *
 * @param name Its name, with or without `bpf_`.
 * @returns The instruction, or null if there is no such helper.
 */
export function helperCall(name: string): Instruction | null {
  const helper = helperByName(name);
  return helper === null ? null : new Instruction(HELPER_CALL, 0, 0, 0, helper.id);
}
