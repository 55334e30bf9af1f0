/**
 * All that the library does with an input, and what may come of it: a result, or an `EpassError` that says what failed
 * and where.
 *
 * @module
 */

import { cpuUsage } from "node:process";
import { equalBytes } from "../lib/bytes.ts";
import {
  compileModule,
  type CompileOptions,
  compileProgram,
  convertProgram,
  liftProgram,
  readProgram,
} from "../lib/compile.ts";
import { EpassError } from "../lib/errors.ts";
import { assertValid } from "../lib/ir/check.ts";
import { IrFunction } from "../lib/ir/function.ts";
import type { IrModule } from "../lib/ir/module.ts";
import { parseModule } from "../lib/ir/parse.ts";
import { printModule } from "../lib/ir/print.ts";
import { encode } from "../lib/isa/codec.ts";
import { describe } from "../lib/object/describe.ts";
import { printProgram } from "../lib/object/listing.ts";
import { guessFormat, loadProgram } from "../lib/object/load.ts";
import { printObjdump } from "../lib/object/objdump.ts";
import type { Format, Program } from "../lib/object/program.ts";
import { Vm } from "../lib/vm/vm.ts";

/** What came of an input. */
export interface Outcome {
  /** Whether it was taken as a program, as opposed to refused. */
  taken: boolean;
  /** The errors that blame the input: the step, a colon, the message. */
  readonly refusals: string[];
  /** What is wrong with epass. */
  readonly faults: string[];
  /** The step that took longest, and its time in milliseconds without waiting for a processor. */
  slowest: { step: string; milliseconds: number };
}

const FORMATS: readonly Format[] = ["elf", "linked", "dump", "raw", "hex", "asm", "epir"];
/** The most instructions of a run. */
const LIMIT = 10_000;
/** How many functions are run. */
const RUNS = 4;

/** Runs steps one after the other and keeps what comes of them. */
class Exercise {
  readonly outcome: Outcome = {
    taken: false,
    refusals: [],
    faults: [],
    slowest: { step: "", milliseconds: 0 },
  };

  /** Runs a step; null if it threw. */
  step<T>(name: string, run: () => T): T | null {
    const start = performance.now(), used = cpuUsage();
    try {
      return run();
    } catch (error) {
      this.#judge(name, error);
      return null;
    } finally {
      const { user, system } = cpuUsage(used);
      const milliseconds = Math.min(performance.now() - start, (user + system) / 1000);
      if (milliseconds > this.outcome.slowest.milliseconds) {
        this.outcome.slowest = { step: name, milliseconds };
      }
    }
  }

  /** Reports a defect unless a condition holds. */
  expect(condition: boolean, fault: string): void {
    if (!condition) this.outcome.faults.push(fault);
  }

  #judge(name: string, error: unknown): void {
    if (!(error instanceof EpassError)) {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      this.outcome.faults.push(`${name}: ${text}`);
      return;
    }
    const { message, place } = error;
    this.outcome.refusals.push(`${name}: ${message}`);
    this.expect(/^cannot [^:]+: ./.test(message), `${name}: no action and state: ${message}`);
    // What is wrong with the input as a whole has no place in it.
    const placed = Object.values(place).some((part) => part !== undefined && part !== "") ||
      /^cannot (?:write|read) (?:input|program|object|ELF header)\b/.test(message);
    this.expect(placed, `${name}: no place: ${message}`);
  }
}

/** The instructions of a program as bytes, in one byte order whatever its own, which text does not tell. */
const codeOf = (program: Program): Uint8Array => {
  const insns = program.sections.flatMap((section) => section.insns);
  return encode(insns);
};

function exerciseModule(exercise: Exercise, bytes: Uint8Array, options: CompileOptions): void {
  const text = new TextDecoder().decode(bytes);
  const module = exercise.step("parse", () => parseModule(text));
  if (module === null) return;
  exerciseIr(exercise, module, false);
  exercise.step("compile module", () => compileModule(module, options));
}

/** Prints a module and parses it again; what epass lifts itself must be valid. */
function exerciseIr(exercise: Exercise, module: IrModule, valid: boolean): void {
  const text = exercise.step("print epir", () => printModule(module));
  for (const { body } of module.functions) {
    if (valid && body instanceof IrFunction) exercise.step("check", () => assertValid(body));
  }
  if (text === null) return;
  const again = exercise.step("print parsed epir", () => printModule(parseModule(text)));
  exercise.expect(again === text, "epir changes when it is parsed and printed");
}

function exerciseText(exercise: Exercise, program: Program): void {
  exercise.step("objdump", () => printObjdump(program, "input"));
  for (const syntax of ["pseudo-c", "mnemonic"] as const) {
    const text = exercise.step(`disassemble ${syntax}`, () => printProgram(program, { syntax }));
    if (text === null || program.elf !== null || program.sections.length === 0) continue;
    const bytes = new TextEncoder().encode(text);
    const again = exercise.step(
      `assemble ${syntax}`,
      () => loadProgram(bytes, { from: "asm" }),
    );
    exercise.expect(
      again !== null && equalBytes(codeOf(again), codeOf(program)),
      `${syntax} text assembles to other bytes`,
    );
  }
}

/** Reads an output; `.epir` is not compiled, as a function of it may not fit a frame. */
function readBack(bytes: Uint8Array, from: Format): Program | IrModule {
  if (from === "epir") return parseModule(new TextDecoder().decode(bytes));
  return loadProgram(bytes, { from });
}

function exerciseOutputs(exercise: Exercise, program: Program, options: CompileOptions): void {
  const compiled = exercise.step("compile", () => compileProgram(program, options));
  if (compiled !== null) {
    const from = program.format;
    const again = exercise.step("read rewritten", () => readBack(compiled.bytes, from));
    exercise.expect(again !== null, "the rewritten program is refused");
  }
  for (const to of FORMATS) {
    const written = exercise.step(`convert to ${to}`, () => convertProgram(program, to));
    if (written === null || written.bytes.length === 0) continue;
    const again = exercise.step(`read converted ${to}`, () => readBack(written.bytes, to));
    exercise.expect(again !== null, `the program converted to ${to} is refused`);
  }
}

function exerciseRuns(exercise: Exercise, program: Program): void {
  exercise.step("run", () => {
    const vm = Vm.loadSync(program, { missing: "call", engine: "interpreter" });
    vm.registerHelper(1, (_context, r1) => r1);
    for (const { index } of program.functions.slice(0, RUNS)) {
      vm.run({ function: index, context: new Uint8Array(64), limit: LIMIT });
    }
  });
}

/** Reads an input in one format and goes on with the program. */
function exerciseFormat(
  exercise: Exercise,
  bytes: Uint8Array,
  from: Format,
  options: CompileOptions,
): void {
  if (from === "epir") exerciseModule(exercise, bytes, options);
  const program = exercise.step("read", () => readProgram(bytes, { from }));
  if (program === null) return;
  exercise.outcome.taken = true;
  exercise.step("describe", () => JSON.stringify(describe(program)));
  exerciseText(exercise, program);
  const module = exercise.step("lift", () => liftProgram(program));
  if (module !== null) exerciseIr(exercise, module, true);
  exerciseOutputs(exercise, program, options);
  exerciseRuns(exercise, program);
}

/**
 * Sends an input through everything.
 *
 * @param bytes The input.
 * @param format What it was before its mutation; it is read as this and as what it looks like.
 * @param options How to compile it.
 * @returns What came of it.
 */
export function exerciseInput(bytes: Uint8Array, format: Format, options: CompileOptions): Outcome {
  const exercise = new Exercise();
  const guessed = exercise.step("guess", () => guessFormat(bytes)) ?? format;
  for (const from of new Set([format, guessed])) exerciseFormat(exercise, bytes, from, options);
  return exercise.outcome;
}
