/**
 * The inputs that the fuzzer mutates: real objects and dumps, and the code, assembly and `.epir` made of them.
 *
 * @module
 */

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { liftProgram } from "../lib/compile.ts";
import { EpassError } from "../lib/errors.ts";
import { printModule } from "../lib/ir/print.ts";
import { encode } from "../lib/isa/codec.ts";
import { printProgram } from "../lib/object/listing.ts";
import { loadProgram } from "../lib/object/load.ts";
import type { Format, Program } from "../lib/object/program.ts";
import { printDump, printHex } from "../lib/object/text_formats.ts";
import { filesUnder, ROOT, SHARED } from "../tests/support.ts";
import type { Random } from "../tests/support/random.ts";

/** What is mutated. */
export type Kind = "object" | "dump" | "raw" | "asm" | "epir";

/** The kinds, the most fruitful one more often. */
export const KINDS: readonly Kind[] = ["object", "object", "dump", "raw", "asm", "epir"];

/** An input before its mutation. */
export interface Input {
  /** Its file, and what was made of it. */
  readonly name: string;
  /** Its format. */
  readonly format: Format;
  /** Its content. */
  readonly bytes: Uint8Array;
}

/** Larger files say little more and take longer. */
const MAX_FILE = 1_500_000;
/** Sizes in bytes of small and medium files. */
const SMALL = 12_000, MEDIUM = 120_000;
/** The longest section in instructions that is taken whole. */
const MAX_SECTION = 150;

const encoder = new TextEncoder();

/** Real files to make inputs of, in a fixed order; each is read once. */
export class Inputs {
  readonly #objects: readonly string[][];
  readonly #dumps: readonly string[][];
  readonly #programs = new Map<string, Program | null>();

  /**
   * Finds the files: those of this repository and of the shared corpus.
   *
   * @param shared Whether to use the corpus, where it is.
   */
  constructor(shared = true) {
    const corpus = join(SHARED, "corpus");
    const there = shared && existsSync(corpus);
    const objects = filesUnder(join(ROOT, "testdata", "objects"), ".o");
    if (there) objects.push(...filesUnder(join(corpus, "objects"), ".o"));
    this.#objects = bySize(objects);
    this.#dumps = bySize(there ? filesUnder(join(corpus, "dumps"), ".txt") : []);
  }

  /** How many files there are. */
  get count(): number {
    return [...this.#objects, ...this.#dumps].reduce((sum, files) => sum + files.length, 0);
  }

  /**
   * Chooses an input.
   *
   * @param random Where the choices come from.
   * @param kind What it is to be.
   * @returns The input; its content is a copy.
   */
  choose(random: Random, kind: Kind): Input {
    const program = this.#chooseProgram(random, kind);
    switch (kind) {
      case "object":
        return { ...program, format: "elf", bytes: program.program.bytes.slice() };
      case "raw":
        return { ...program, format: "raw", bytes: codeOf(random, program.program) };
      case "dump":
        return { ...program, ...dumpOf(random, program.program) };
      case "asm": {
        const syntax = random.pick(["pseudo-c", "mnemonic"] as const);
        const { functions } = program.program;
        const only = functions.length > 0 && random.chance(0.7)
          ? random.pick(functions)
          : undefined;
        const text = printProgram(program.program, { syntax, function: only });
        return { ...program, format: "asm", bytes: encoder.encode(text) };
      }
      case "epir": {
        const text = printModule(liftProgram(program.program));
        return { ...program, format: "epir", bytes: encoder.encode(text) };
      }
    }
  }

  /** A program to make an input of; for the texts a small one. */
  #chooseProgram(random: Random, kind: Kind): { name: string; program: Program } {
    const useDump = kind !== "object" && random.chance(0.3) &&
      this.#dumps.some((d) => d.length > 0);
    const sizes = useDump ? this.#dumps : this.#objects;
    const size = kind === "epir" || random.chance(0.95) ? 0 : random.chance(0.9) ? 1 : 2;
    const files = sizes[size].length > 0 ? sizes[size] : sizes.find((s) => s.length > 0)!;
    for (let at = random.below(files.length);; at = (at + 1) % files.length) {
      const program = this.#read(files[at]);
      if (program !== null) return { name: files[at], program };
    }
  }

  /** The program of a file, null if it cannot be read. */
  #read(file: string): Program | null {
    let program = this.#programs.get(file);
    if (program === undefined) {
      try {
        program = loadProgram(new Uint8Array(readFileSync(file)));
      } catch (error) {
        if (!(error instanceof EpassError)) throw error;
        program = null;
      }
      this.#programs.set(file, program);
    }
    return program;
  }
}

/** Small, medium and large files. */
function bySize(files: readonly string[]): string[][] {
  const sizes: string[][] = [[], [], []];
  for (const file of files) {
    const { size } = statSync(file);
    if (size <= MAX_FILE) sizes[size <= SMALL ? 0 : size <= MEDIUM ? 1 : 2].push(file);
  }
  return sizes;
}

/** The code of a section of a program, or of one function if that is long. */
function codeOf(random: Random, program: Program): Uint8Array {
  if (program.functions.length === 0) return new Uint8Array(0);
  const { section, first, last } = random.pick(program.functions);
  const whole = section.insns.length <= MAX_SECTION;
  return encode(whole ? section.insns : section.insns.slice(first, last));
}

/** Code as text: one number a line, or hexadecimal digits. */
function dumpOf(random: Random, program: Program): { format: Format; bytes: Uint8Array } {
  const code = program.format === "dump"
    ? encode(program.sections[0].insns)
    : codeOf(random, program);
  const format = random.pick(["dump", "dump", "hex"] as const);
  return { format, bytes: encoder.encode(format === "dump" ? printDump(code) : printHex(code)) };
}
