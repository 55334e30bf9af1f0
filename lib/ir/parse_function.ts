/**
 * Parses the body of a function of `.epir` text; see `parse.ts`.
 *
 * @module
 */

import { COND, type Cond, LDDW_KINDS, type LddwKind, type Width } from "../isa/ops.ts";
import { connect } from "./cfg.ts";
import { checkFunction } from "./check.ts";
import type { EpirScanner } from "./epir_scanner.ts";
import { Block, IrFunction, Terminator, type TrapKind, Value } from "./function.ts";
import { TERMINATORS, TRAP_KINDS } from "./operations.ts";
import { parseOperation } from "./parse_operation.ts";

const VALUE = /v([0-9]{1,15})(?![\w.$])/y;
const BLOCK = /b([0-9]{1,15})(?![\w.$])/y;
const WORD_CHARACTER = /[\w.$]/;
const REGISTER = /r(10|[0-9])(?![\w.$])/y;
/** Counts the mentions of numbers after a letter. */
class NumberCount {
  greatest = -1;
  mentions = 0;

  add(number: number): void {
    if (number > this.greatest) this.greatest = number;
    this.mentions++;
  }
}

/** The index of the quote that ends a string, or of the end of the line. */
function endOfString(line: string, start: number): number {
  for (let at = start + 1; at < line.length; at++) {
    if (line[at] === '"') return at;
    if (line[at] === "\\") at++;
  }
  return line.length;
}

/** Counts the numbers of values and blocks in a line outside strings and comments, and perhaps what looks like them. */
function countNumbers(line: string, values: NumberCount, blocks: NumberCount): void {
  for (let at = 0; at < line.length; at++) {
    const letter = line.charCodeAt(at);
    if (letter === 0x3b) return;
    if (letter === 0x22) at = endOfString(line, at);
    if (letter !== 0x76 && letter !== 0x62) continue;
    if (at > 0 && WORD_CHARACTER.test(line[at - 1])) continue;
    let number = 0;
    const first = at + 1;
    for (; at + 1 < line.length; at++) {
      const digit = line.charCodeAt(at + 1) - 0x30;
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    if (at < first) continue;
    if (letter === 0x76) values.add(number);
    else blocks.add(number);
  }
}

/**
 * Ids for the numbers of a text. A number is its own id unless one is absurdly great for the length of the text; then
 * ids are dealt out in the order in which the parser meets the numbers.
 */
class Numbering {
  /** How many ids there may be: a bound for tables. */
  readonly count: number;
  readonly #dense: Map<number, number> | null;

  constructor({ greatest, mentions }: NumberCount) {
    const sparse = greatest >= 1024 + 16 * mentions;
    this.count = sparse ? mentions : greatest + 1;
    this.#dense = sparse ? new Map() : null;
  }

  id(number: number): number {
    if (this.#dense === null) return number;
    let id = this.#dense.get(number);
    if (id === undefined) this.#dense.set(number, id = this.#dense.size);
    return id;
  }
}

/** Where things that must be defined were first met, by id. */
class Mentions {
  readonly defined: Uint8Array;
  /** Line from 1; 0 for what was not met. */
  readonly lines: Int32Array;
  readonly positions: Int32Array;

  constructor(count: number) {
    this.defined = new Uint8Array(count);
    this.lines = new Int32Array(count);
    this.positions = new Int32Array(count);
  }
}

class BodyParser {
  readonly #scanner: EpirScanner;
  readonly #fn: IrFunction;
  readonly #valueIds: Numbering;
  readonly #blockIds: Numbering;
  readonly #values: (Value | undefined)[] = [];
  readonly #blocks: (Block | undefined)[] = [];
  readonly #valueMentions: Mentions;
  readonly #blockMentions: Mentions;
  #block: Block | null = null;

  constructor(scanner: EpirScanner, name: string, values: Numbering, blocks: Numbering) {
    this.#scanner = scanner;
    this.#fn = new IrFunction(name);
    this.#fn.valueCount = values.count;
    this.#fn.blockCount = blocks.count;
    this.#valueIds = values;
    this.#blockIds = blocks;
    this.#valueMentions = new Mentions(values.count);
    this.#blockMentions = new Mentions(blocks.count);
  }

  parse(lines: readonly string[], first: number, end: number): IrFunction {
    const scanner = this.#scanner;
    for (let at = first; at < end; at++) {
      scanner.enter(lines[at], at + 1);
      if (!scanner.atEnd()) this.#line();
    }
    this.#close();
    this.#demandDefined(lines, this.#valueMentions, "value");
    this.#demandDefined(lines, this.#blockMentions, "block");
    return this.#fn;
  }

  #demandDefined(lines: readonly string[], mentions: Mentions, what: string): void {
    const id = mentions.lines.findIndex((line, i) => line > 0 && mentions.defined[i] === 0);
    if (id < 0) return;
    const scanner = this.#scanner;
    scanner.enter(lines[mentions.lines[id] - 1], mentions.lines[id]);
    scanner.position = mentions.positions[id];
    throw scanner.error(`the ${what} is not defined`);
  }

  #line(): void {
    const scanner = this.#scanner;
    const label = scanner.match(BLOCK);
    if (label !== null) {
      this.#label(this.#blockOf(label));
    } else {
      const named = scanner.match(VALUE);
      if (named !== null) this.#instruction(this.#definition(named, true));
      else if (!this.#terminator()) this.#instruction(null);
    }
    scanner.end();
  }

  #mention(mentions: Mentions, id: number): void {
    mentions.lines[id] = this.#scanner.lineNumber;
    mentions.positions[id] = this.#scanner.position;
  }

  #valueOf(match: RegExpExecArray): Value {
    const id = this.#valueIds.id(Number(match[1]));
    let value = this.#values[id];
    if (value === undefined) {
      value = new Value(id, "copy", []);
      this.#values[id] = value;
      this.#mention(this.#valueMentions, id);
    }
    return value;
  }

  #blockOf(match: RegExpExecArray): Block {
    const id = this.#blockIds.id(Number(match[1]));
    let block = this.#blocks[id];
    if (block === undefined) {
      block = new Block(id);
      this.#blocks[id] = block;
      this.#mention(this.#blockMentions, id);
    }
    return block;
  }

  #define(mentions: Mentions, id: number, what: string): void {
    if (mentions.defined[id] !== 0) throw this.#scanner.error(`the ${what} is defined twice`);
    mentions.defined[id] = 1;
  }

  /** A value where it is defined, with its register and, if asked for, the `=` after it. */
  #definition(match: RegExpExecArray, assigned: boolean): Value {
    const scanner = this.#scanner;
    const value = this.#valueOf(match);
    this.#define(this.#valueMentions, value.id, "value");
    if (scanner.tryText(":")) {
      const register = scanner.match(REGISTER);
      if (register === null) throw scanner.expected("a register");
      value.hint = Number(register[1]);
    }
    if (assigned) scanner.expect("=");
    return value;
  }

  /** Demands that the block which lines belong to, if any, has ended. */
  #close(): void {
    if (this.#block !== null && this.#block.term === null) {
      throw this.#scanner.error(`b${this.#block.id} has no terminator`);
    }
  }

  #label(block: Block): void {
    const scanner = this.#scanner;
    this.#close();
    this.#define(this.#blockMentions, block.id, "block");
    this.#fn.blocks.push(block);
    this.#block = block;
    if (scanner.tryText("(")) {
      do {
        const match = scanner.match(VALUE);
        if (match === null) throw scanner.expected("a parameter");
        const param = this.#definition(match, false);
        param.op = "param";
        param.block = block;
        param.pc = scanner.sourcePc();
        block.params.push(param);
      } while (scanner.tryText(","));
      scanner.expect(")");
    }
    scanner.expect(":");
  }

  /** The block that lines belong to, which must not have ended. */
  #open(): Block {
    if (this.#block === null) throw this.#scanner.error("there is no block before it");
    if (this.#block.term !== null) throw this.#scanner.error("the block has ended before it");
    return this.#block;
  }

  /** The rest of an instruction, given its name if it has one. */
  #instruction(named: Value | null): void {
    const scanner = this.#scanner;
    const value = named ?? this.#fn.newValue("copy");
    parseOperation(scanner, value, this.#operand);
    if (value.op !== "core") {
      value.block = this.#open();
      value.block.insns.push(value);
      value.core = scanner.tryCoreRecord();
    } else if (this.#block !== null || named === null) {
      throw scanner.error("a CO-RE constant must have a name and come before the first block");
    }
    value.pc = scanner.sourcePc();
  }

  /** A terminator; false if something else comes next. */
  #terminator(): boolean {
    const scanner = this.#scanner;
    const at = scanner.position;
    const [op, ...selectors] = scanner.tryWord().split(".");
    switch (op) {
      case "jump":
      case "may_goto":
      case "return":
      case "gotox":
      case "branch":
      case "trap":
        break;
      default:
        scanner.position = at;
        return false;
    }
    const term = new Terminator(op);
    this.#open().term = term;
    if (op === "branch") {
      const [width, fn] = selectors;
      if (selectors.length !== 2 || !Object.hasOwn(COND, fn) || width !== "32" && width !== "64") {
        throw scanner.error("a branch has a width and a condition");
      }
      term.fn = fn as Cond;
      term.width = Number(width) as Width;
    } else if (selectors.length > 0) throw scanner.error(`${op} has no selectors`);
    const { args, edges } = TERMINATORS[op];
    if (op === "trap") term.trap = this.#trapKind();
    for (let i = 0; i < args; i++) {
      if (i > 0) scanner.expect(",");
      term.args.push(this.#operand());
    }
    for (let i = 0; i < (edges ?? 1); i++) {
      if (args + i > 0) scanner.expect(",");
      this.#edge();
    }
    while (edges === null && scanner.tryText(",")) this.#edge();
    term.pc = scanner.sourcePc();
    return true;
  }

  /** Why a trap stops the program. */
  #trapKind(): TrapKind {
    const scanner = this.#scanner;
    const at = scanner.position;
    const name = scanner.name("the kind of a fault");
    const kind = TRAP_KINDS.find((kind) => kind === name);
    if (kind !== undefined) return kind;
    scanner.position = at;
    throw scanner.expected("the kind of a fault");
  }

  /** A target with its arguments. */
  #edge(): void {
    const scanner = this.#scanner;
    const target = scanner.match(BLOCK);
    if (target === null) throw scanner.expected("a block");
    const edge = connect(this.#block!, this.#blockOf(target));
    if (!scanner.tryText("(")) return;
    do edge.args.push(this.#operand()); while (scanner.tryText(","));
    scanner.expect(")");
  }

  /** An operand: a value or a leaf. */
  readonly #operand = (): Value => {
    const scanner = this.#scanner;
    const match = scanner.match(VALUE);
    if (match !== null) return this.#valueOf(match);
    if (scanner.seesNumber()) return this.#fn.constant(scanner.word64());
    const at = scanner.position;
    const word = scanner.tryWord();
    if (word === "fp") return this.#fn.frame;
    if (word === "undef") return this.#fn.undef;
    if (LDDW_KINDS.includes(word as LddwKind)) return this.#symbol(word);
    scanner.position = at;
    throw scanner.expected("an operand");
  };

  /** What follows the kind of a symbol. */
  #symbol(kind: string): Value {
    const scanner = this.#scanner;
    scanner.expect("(");
    let imm = 0;
    let high = 0;
    let more = true;
    if (scanner.seesNumber()) {
      imm = scanner.word32();
      more = scanner.tryText(",");
      if (more && scanner.seesNumber()) {
        high = scanner.word32();
        more = scanner.tryText(",");
      }
    }
    const target = more ? scanner.tryReference() : null;
    if (target !== null) more = scanner.tryText(",");
    const relocation = more ? scanner.tryRelocation() : null;
    scanner.expect(")");
    return this.#fn.symbol({ kind, imm, high, relocation, target: target?.index ?? -1 });
  }
}

/**
 * Parses the body of a function.
 *
 * @param scanner The scanner of the text, at the line that opens the function.
 * @param name Name of the function.
 * @param lines The lines of the text.
 * @param first Index of the first line of the body.
 * @param end Index after its last line.
 * @returns The function, which passes the checker.
 * @throws {ParseError} If the text is malformed or the function violates an invariant.
 */
export function parseBody(
  scanner: EpirScanner,
  name: string,
  lines: readonly string[],
  first: number,
  end: number,
): IrFunction {
  const values = new NumberCount();
  const blocks = new NumberCount();
  for (let at = first; at < end; at++) countNumbers(lines[at], values, blocks);
  const parser = new BodyParser(scanner, name, new Numbering(values), new Numbering(blocks));
  const fn = parser.parse(lines, first, end);
  const violations = checkFunction(fn);
  if (violations.length > 0) {
    scanner.enter(lines[first - 1], first);
    throw scanner.error(violations[0]);
  }
  return fn;
}
