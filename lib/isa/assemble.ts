/**
 * Assembly text to instructions. A line holds labels (`name:`), then one statement: an instruction or a directive.
 * `#`, `//` and `;` start comments; numbers are decimal or hexadecimal; names that are not identifiers are quoted.
 *
 * Directives:
 *
 *     .section NAME, .text                      what follows is in another section
 *     .globl NAME                               the function is global
 *     .insn OPCODE, DST, SRC, OFF, IMM          a raw encoding
 *
 * @module
 */

import { invariant, type ParseError } from "../errors.ts";
import type { Syntax } from "./disassemble.ts";
import { type Instruction, slotsOf } from "./instruction.ts";
import { parseMnemonic } from "./mnemonic_parser.ts";
import { ROWS_BY_MNEMONIC } from "./mnemonics.ts";
import { parsePseudoC } from "./pseudo_c_parser.ts";
import { helperCall, type Reference, StatementScanner } from "./statement.ts";

/** How to read the text. */
export interface AssembleOptions {
  /** The syntax; guessed from the first line that tells, if absent. */
  readonly syntax?: Syntax;
  /** Name of the input, for errors. */
  readonly input?: string;
}

/** A section that the text names. */
export interface AssembledSection {
  /** Its name. */
  readonly name: string;
  /** Index of its first instruction. */
  readonly first: number;
  /** Slot of its first instruction, from the start of the text. */
  readonly slot: number;
}

/** What assembly text stands for. */
export interface Assembly {
  /** The instructions of all sections. */
  readonly insns: Instruction[];
  /** The slot of each label, from the start of the text, in the order of the text. */
  readonly labels: Map<string, number>;
  /** The sections in the order of the text; none if it has no `.section`. */
  readonly sections: AssembledSection[];
  /** The names that `.globl` declares. */
  readonly globals: Set<string>;
}

/** An instruction that refers to a label. */
interface Fixup {
  readonly index: number;
  readonly slot: number;
  readonly reference: Reference;
}

const PSEUDO_C_LINE = /^(?:[rw]\d+\s|\*|if\s|goto|gotol|callx|lock\s*\*|store_release\s*\()/;
const COMMENT = /(?:#|;|\/\/).*/;
const LABELS = /^\s*(?:(?:[A-Za-z_.$][\w.$]*|"(?:[^"\\]|\\.)*")\s*:\s*)*/;
const COLON = /:/y;

/** Longest line in characters: far beyond any statement, and short enough for every pattern. */
const MAX_LINE = 10_000;

/** The syntax of a line, or null if it fits both. */
function syntaxOf(line: string): Syntax | null {
  const statement = line.replace(COMMENT, "").replace(LABELS, "");
  if (/%[rw]\d|^call\s+local\s+\S/.test(statement)) return "mnemonic";
  if (PSEUDO_C_LINE.test(statement)) return "pseudo-c";
  const word = /^\w+/.exec(statement)?.[0] ?? "";
  const shared = word === "call" || word === "exit" || word === "may_goto";
  return ROWS_BY_MNEMONIC.has(word) && !shared ? "mnemonic" : null;
}

/** Guesses the syntax of a text; pseudo-C if nothing tells. */
function guessSyntax(lines: readonly string[]): Syntax {
  for (const line of lines) {
    const syntax = syntaxOf(line.slice(0, MAX_LINE));
    if (syntax !== null) return syntax;
  }
  return "pseudo-c";
}

/** Assembles lines one after the other, then fills in the labels. */
class Assembler implements Assembly {
  readonly insns: Instruction[] = [];
  readonly labels = new Map<string, number>();
  readonly sections: AssembledSection[] = [];
  readonly globals = new Set<string>();
  readonly #syntax: Syntax;
  readonly #scanner: StatementScanner;
  readonly #fixups: Fixup[] = [];
  #slot = 0;
  /** Slot of the first `exit`, -1 before it. */
  #firstExit = -1;

  constructor(syntax: Syntax, input: string | undefined) {
    this.#syntax = syntax;
    this.#scanner = new StatementScanner(input);
  }

  /** Assembles a line. */
  line(text: string, number: number): void {
    const s = this.#scanner;
    s.enter(text, number);
    if (text.length > MAX_LINE) throw s.error(`it has ${text.length} characters`);
    while (this.#label()) { /* Labels may share a line. */ }
    if (s.atEnd()) return;
    if (s.line[s.position] === "." && this.#directive()) return this.#endLine();
    const insn = this.#syntax === "mnemonic" ? parseMnemonic(s) : parsePseudoC(s);
    this.#push(insn);
    this.#endLine();
  }

  #endLine(): void {
    if (!this.#scanner.atEnd()) throw this.#scanner.expected("the end of the line");
  }

  #push(insn: Instruction): void {
    const { reference } = this.#scanner;
    if (reference !== null) {
      this.#fixups.push({ index: this.insns.length, slot: this.#slot, reference });
    }
    if (insn.op.kind === "exit" && this.#firstExit < 0) this.#firstExit = this.#slot;
    this.insns.push(insn);
    this.#slot += slotsOf(insn);
  }

  /** Defines a label if one comes next. */
  #label(): boolean {
    const s = this.#scanner;
    s.skipSpace();
    const at = s.position;
    const name = s.tryName();
    if (name === null || s.match(COLON) === null) {
      s.position = at;
      return false;
    }
    if (this.labels.has(name)) {
      s.position = at;
      throw s.error(`the label ${JSON.stringify(name)} is defined twice`);
    }
    this.labels.set(name, this.#slot);
    return true;
  }

  /** Obeys a directive; false if the word is none, and so perhaps an instruction. */
  #directive(): boolean {
    const s = this.#scanner;
    const at = s.position;
    const word = s.tryWord();
    switch (word) {
      case ".insn":
        this.#push(s.rawEncoding());
        return true;
      case ".section":
        this.#section(this.#name("the name of a section"));
        return true;
      case ".text":
        this.#section(word);
        return true;
      case ".globl":
      case ".global":
        this.globals.add(this.#name("the name of a function"));
        return true;
    }
    s.position = at;
    return false;
  }

  #section(name: string): void {
    this.sections.push({ name, first: this.insns.length, slot: this.#slot });
  }

  /** Reads the name that a directive takes: quoted, or up to the next white space. */
  #name(what: string): string {
    const s = this.#scanner;
    s.skipSpace();
    const name = s.line[s.position] === '"' ? s.tryName() : s.match(/[^\s"#;]+/y)?.[0] ?? null;
    if (name === null) throw s.expected(what);
    return name;
  }

  /** Fills in the distances of the labels. */
  resolve(): void {
    const s = this.#scanner;
    for (const { index, slot, reference } of this.#fixups) {
      const insn = this.insns[index];
      const fail = (state: string): ParseError => {
        s.enter("", reference.line);
        s.position = reference.position;
        return s.error(state);
      };
      const target = this.#target(reference.name);
      if (target !== undefined) {
        setDistance(insn, target - slot - 1, fail);
        continue;
      }
      const call = insn.op.kind === "call" ? helperCall(reference.name) : null;
      if (call === null) throw fail(`the label ${JSON.stringify(reference.name)} is not defined`);
      this.insns[index] = call;
    }
  }

  /** The slot of a label. In the mnemonic syntax `exit` is also the first instruction of that name. */
  #target(name: string): number | undefined {
    const slot = this.labels.get(name);
    const implied = this.#syntax === "mnemonic" && name === "exit" && this.#firstExit >= 0;
    return slot ?? (implied ? this.#firstExit : undefined);
  }
}

/** Sets the distance of an instruction that refers to a label. */
function setDistance(
  insn: Instruction,
  distance: number,
  fail: (state: string) => ParseError,
): void {
  switch (insn.op.kind) {
    case "goto":
    case "branch":
    case "may_goto":
      if (insn.op.fn === "far") insn.imm = distance;
      else if (distance === (distance << 16 >> 16)) insn.off = distance;
      else throw fail(`the label is ${distance} slots away, which does not fit 16 bits`);
      return;
    case "call":
    case "lddw":
      insn.imm = distance;
      return;
    default:
      invariant(false, `${insn.op.kind} refers to a label`);
  }
}

/**
 * Assembles a text.
 *
 * @param text Assembly text, as `disassemble` prints it or a person writes it.
 * @param options How to read it.
 * @returns The instructions, labels and sections.
 * @throws {ParseError} If a line does not parse or a label is not defined; with line and column.
 *
 * @example
 * ```ts
 * import { assemble } from "./assemble.ts";
 *
 * const { insns } = assemble(`
 *     r0 = 0
 *     if r1 == 0 goto done
 *     r0 = *(u64 *)(r1 + 8)
 *   done:
 *     exit
 * `);
 * console.log(insns.length); // 4
 * ```
 */
export function assemble(text: string, options: AssembleOptions = {}): Assembly {
  const lines = text.split("\n");
  const assembler = new Assembler(options.syntax ?? guessSyntax(lines), options.input);
  for (let i = 0; i < lines.length; i++) assembler.line(lines[i], i + 1);
  assembler.resolve();
  return assembler;
}
