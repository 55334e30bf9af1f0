/**
 * Reads the tokens of one line of assembly or `.epir` text.
 *
 * @module
 */

import { ParseError } from "../errors.ts";

const NUMBER = /([+-]?)\s*(0[xX][0-9a-fA-F]+|[0-9]+)/y;
const WORD = /[A-Za-z_.$][\w.$]*/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;
const REGISTER = /%?([rw])(10|[0-9])(?![\w.$])/y;

/** Longest number that is read; more digits are leading zeros or do not fit any field. */
const MAX_DIGITS = 40;

/** A register as written. */
export interface RegisterToken {
  /** Its number, 0 to 10. */
  readonly index: number;
  /** Width in bits of its name: 64 for `r1`, 32 for `w1`. */
  readonly width: 32 | 64;
}

/** A cursor over a line. White space before a token is skipped; `#`, `//` and `;` end the line. */
export class Scanner {
  /** The line under the cursor. */
  line = "";
  /** Number of the line, from 1. */
  lineNumber = 0;
  /** Offset of the next character in the line. */
  position = 0;
  readonly #input: string | undefined;
  readonly #action: string;

  /**
   * Makes a scanner without a line; see `enter`.
   *
   * @param input Name of the input, for errors.
   * @param action What is being done, for errors.
   */
  constructor(input: string | undefined, action = "assemble") {
    this.#input = input;
    this.#action = action;
  }

  /**
   * Moves to the start of another line.
   *
   * @param line The text of the line, without its line feed.
   * @param lineNumber Its number, from 1.
   */
  enter(line: string, lineNumber: number): void {
    this.line = line;
    this.lineNumber = lineNumber;
    this.position = 0;
  }

  /** Moves over white space, and over a comment to the end of the line. */
  skipSpace(): void {
    const { line } = this;
    let at = this.position;
    for (; at < line.length; at++) {
      const c = line.charCodeAt(at);
      if (c === 0x23 || c === 0x3b || (c === 0x2f && line.charCodeAt(at + 1) === 0x2f)) {
        at = line.length;
        break;
      }
      if (c !== 0x20 && (c < 9 || c > 13)) break;
    }
    this.position = at;
  }

  /**
   * Looks for the end of the line.
   *
   * @returns Whether nothing is left on the line but white space and a comment.
   */
  atEnd(): boolean {
    this.skipSpace();
    return this.position >= this.line.length;
  }

  /**
   * Reads what a pattern matches at the cursor.
   *
   * @param pattern A sticky regular expression.
   * @returns The match, or null, which leaves the cursor at the next token.
   */
  match(pattern: RegExp): RegExpExecArray | null {
    this.skipSpace();
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.line);
    if (found !== null) this.position = pattern.lastIndex;
    return found;
  }

  /**
   * Reads an exact text if it comes next.
   *
   * @param text The text.
   * @returns Whether it was there.
   */
  tryText(text: string): boolean {
    this.skipSpace();
    if (!this.line.startsWith(text, this.position)) return false;
    this.position += text.length;
    return true;
  }

  /**
   * Reads an exact text.
   *
   * @param text The text.
   * @throws {ParseError} If something else comes next.
   */
  expect(text: string): void {
    if (!this.tryText(text)) throw this.expected(`"${text}"`);
  }

  /**
   * Reads a word.
   *
   * @returns The next word (an identifier, perhaps with dots), or an empty string.
   */
  tryWord(): string {
    return this.match(WORD)?.[0] ?? "";
  }

  /**
   * Reads a word if it is the given one.
   *
   * @param word The word.
   * @returns Whether it was there.
   */
  tryKeyword(word: string): boolean {
    const at = this.position;
    if (this.tryWord() === word) return true;
    this.position = at;
    return false;
  }

  /**
   * Reads a register if one comes next.
   *
   * @returns The next register, with or without `%`, or null.
   */
  tryRegister(): RegisterToken | null {
    const found = this.match(REGISTER);
    return found === null ? null : { index: Number(found[2]), width: found[1] === "w" ? 32 : 64 };
  }

  /**
   * Reads a register.
   *
   * @param width Width in bits of its name, if only one is possible.
   * @returns Its number.
   * @throws {ParseError} If something else comes next.
   */
  register(width?: 32 | 64): number {
    const at = this.position;
    const register = this.tryRegister();
    if (register !== null && (width === undefined || register.width === width)) {
      return register.index;
    }
    this.position = at;
    const which = width === undefined ? "a" : width === 64 ? "a 64-bit" : "a 32-bit";
    throw this.expected(`${which} register`);
  }

  /**
   * Looks for a number.
   *
   * @returns Whether a number comes next.
   */
  seesNumber(): boolean {
    const at = this.position;
    const found = this.match(NUMBER) !== null;
    this.position = at;
    return found;
  }

  /**
   * Reads an integer, decimal or hexadecimal.
   *
   * @param least Least value allowed.
   * @param most Greatest value allowed.
   * @returns The integer.
   * @throws {ParseError} If something else comes next, or it is out of range.
   */
  integer(least: number, most: number): number {
    this.skipSpace();
    const at = this.position;
    const found = this.match(NUMBER);
    if (found === null) throw this.expected("a number");
    const magnitude = Number(found[2]);
    const value = found[1] === "-" && magnitude !== 0 ? -magnitude : magnitude;
    if (value < least || value > most) {
      this.position = at;
      throw this.error(`${shortened(found[0])} is not in the range ${least} to ${most}`);
    }
    return value;
  }

  /**
   * Reads a 16-bit signed number.
   *
   * @returns The number.
   */
  signed16(): number {
    return this.integer(-0x8000, 0x7fff);
  }

  /**
   * Reads a 32-bit signed number.
   *
   * @returns The number.
   */
  signed32(): number {
    return this.integer(-0x8000_0000, 0x7fff_ffff);
  }

  /**
   * Reads a 32-bit number, signed or unsigned.
   *
   * @returns The number as a signed one.
   */
  word32(): number {
    return this.integer(-0x8000_0000, 0xffff_ffff) | 0;
  }

  /**
   * Reads a 64-bit number, signed or unsigned.
   *
   * @returns The number as an unsigned pattern.
   */
  word64(): bigint {
    this.skipSpace();
    const at = this.position;
    const found = this.match(NUMBER);
    if (found === null) throw this.expected("a number");
    if (found[2].length <= MAX_DIGITS) {
      const value = found[1] === "-" ? -BigInt(found[2]) : BigInt(found[2]);
      if (value >= -(1n << 63n) && value < 1n << 64n) return BigInt.asUintN(64, value);
    }
    this.position = at;
    throw this.error(`${shortened(found[0])} does not fit 64 bits`);
  }

  /**
   * Reads a name.
   *
   * @returns The next name, a word or a quoted string, or null.
   */
  tryName(): string | null {
    const at = this.position;
    const quoted = this.match(STRING);
    if (quoted === null) return this.tryWord() || null;
    try {
      return JSON.parse(quoted[0]) as string;
    } catch {
      this.position = at;
      throw this.error("a quoted name is not a valid JSON string");
    }
  }

  /**
   * Makes an error at the cursor.
   *
   * @param state What is wrong.
   * @returns The error, to be thrown.
   */
  error(state: string): ParseError {
    const column = this.position + 1;
    return new ParseError(`cannot ${this.#action} line ${this.lineNumber}: ${state}`, {
      input: this.#input,
      line: this.lineNumber,
      column,
    });
  }

  /**
   * Makes an error about what comes next.
   *
   * @param what What should have come.
   * @returns The error, to be thrown.
   */
  expected(what: string): ParseError {
    const found = this.atEnd()
      ? "the end of the line"
      : `"${shortened(this.line.slice(this.position, this.position + 40).trimEnd())}"`;
    return this.error(`expected ${what}, found ${found}`);
  }
}

/** A text, cut where a message would become unreadable. */
function shortened(text: string): string {
  return text.length <= 30 ? text : `${text.slice(0, 29)}…`;
}
