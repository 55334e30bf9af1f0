/**
 * Reads what the lines of `.epir` text share: references to functions, relocations, CO-RE records, source places.
 *
 * @module
 */

import { Scanner } from "../isa/scanner.ts";
import type { CodeRelocation, CoreRecord } from "../object/program.ts";

const DIGITS = /[0-9]+/y;
const MAX_ID = 0xffff_ffff;
/** The greatest slot and function index: what an Int32Array holds. */
const MAX_INDEX = 0x7fff_ffff;

/** Indices of the functions of a module by name; -1 for a name that several have. */
export type FunctionNames = ReadonlyMap<string, number>;

/** A function that a text refers to. */
export interface FunctionReference {
  /** Its index in the module. */
  readonly index: number;
  /** Its name as the reference has it. */
  readonly name: string;
}

/** A scanner of `.epir` lines. */
export class EpirScanner extends Scanner {
  readonly #names: FunctionNames;
  readonly #functions: readonly string[];

  /**
   * @param input Name of the input, for errors.
   * @param functions Names of the functions of the module.
   */
  constructor(input: string | undefined, functions: readonly string[]) {
    super(input, "parse");
    this.#functions = functions;
    const names = new Map<string, number>();
    functions.forEach((name, i) => names.set(name, names.has(name) ? -1 : i));
    this.#names = names;
  }

  /**
   * Reads a name or string.
   *
   * @param what What it names, for errors.
   * @returns It.
   * @throws {ParseError} If something else comes next.
   */
  name(what: string): string {
    const name = this.tryName();
    if (name === null) throw this.expected(what);
    return name;
  }

  /** Demands that nothing is left on the line. */
  end(): void {
    if (!this.atEnd()) throw this.expected("the end of the line");
  }

  /** @returns An index or a slot: not negative, below 2^31. */
  index(): number {
    return this.integer(0, MAX_INDEX);
  }

  /**
   * Reads a source place, `!17`.
   *
   * @returns The slot; -1 if there is none.
   */
  sourcePc(): number {
    return this.tryText("!") ? this.index() : -1;
  }

  /**
   * Reads a reference to a function, `@name` or `@3`, perhaps with the name that the reference has.
   *
   * @returns The function, or null if no `@` comes next.
   * @throws {ParseError} If there is no such function.
   */
  tryReference(): FunctionReference | null {
    if (!this.tryText("@")) return null;
    const at = this.position;
    const digits = this.match(DIGITS);
    const index = digits === null ? this.#names.get(this.name("a function")) : Number(digits[0]);
    if (index === undefined || index < 0 || index >= this.#functions.length) {
      this.position = at;
      throw this.error(index === -1 ? "several functions have this name" : "no such function");
    }
    this.skipSpace();
    const name = this.line[this.position] === '"' ? this.name("a name") : this.#functions[index];
    return { index, name };
  }

  /**
   * Reads a relocation, `reloc(TYPE, SYMBOL, "NAME"[, ADDEND])`.
   *
   * @returns It, or null if something else comes next.
   */
  tryRelocation(): CodeRelocation | null {
    if (!this.tryKeyword("reloc")) return null;
    this.expect("(");
    const type = this.integer(0, MAX_ID);
    this.expect(",");
    const symbol = this.integer(0, MAX_ID);
    this.expect(",");
    const name = this.name("the name of a symbol");
    const addend = this.tryText(",") ? BigInt.asIntN(64, this.word64()) : null;
    this.expect(")");
    return { type, symbol, name, addend };
  }

  /**
   * Reads a CO-RE record, `core(TYPE, ACCESS-OFFSET, "ACCESS", KIND)`.
   *
   * @returns It, or null if something else comes next.
   */
  tryCoreRecord(): CoreRecord | null {
    if (!this.tryKeyword("core")) return null;
    this.expect("(");
    const typeId = this.integer(0, MAX_ID);
    this.expect(",");
    const accessOffset = this.integer(0, MAX_ID);
    this.expect(",");
    const access = this.name("an access string");
    this.expect(",");
    const kind = this.integer(0, MAX_ID);
    this.expect(")");
    return { typeId, accessOffset, access, kind };
  }
}
