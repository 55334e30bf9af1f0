/**
 * The whole way in one place: a program is lifted function by function, and each function goes through the target back
 * into the program it came from. What cannot be lifted or emitted is carried verbatim, with the reason.
 *
 * @module
 */

import { EpassError } from "./errors.ts";
import { assertValid } from "./ir/check.ts";
import { IrFunction } from "./ir/function.ts";
import type { IrModule, ModuleFunction } from "./ir/module.ts";
import { parseModule } from "./ir/parse.ts";
import { printModule } from "./ir/print.ts";
import type { Version } from "./isa/ops.ts";
import type { LiftContext } from "./lift/calls.ts";
import { liftContext } from "./lift/context.ts";
import { liftFunction } from "./lift/lift.ts";
import { composeProgram } from "./object/compose.ts";
import { guessFormat, type LoadOptions, loadProgram } from "./object/load.ts";
import type { Format, FunctionCode, Program, ProgramFunction } from "./object/program.ts";
import { rewriteProgram } from "./object/rewrite.ts";
import type { Rewritten } from "./object/rewrite_elf.ts";
import { type WriteOptions, writeProgram } from "./object/write.ts";
import type { PassEnvironment } from "./passes/pass.ts";
import { BPF_ALTERNATIVES, BPF_PIPELINES, type Level } from "./passes/pipeline.ts";
import { type PassObserver, runPasses } from "./passes/run.ts";
import type { PassUse } from "./passes/selection.ts";
import { type BpfTargetOptions, compileToBpf } from "./targets/bpf/target.ts";

/** How to compile. */
export interface CompileOptions {
  /** Optimisation level; 0, the default, rewrites without changing what the program does step by step. */
  readonly level?: Level;
  /** Passes to run instead of those of the level. */
  readonly passes?: readonly PassUse[];
  /** Who looks on while passes run. */
  readonly observer?: PassObserver;
  /** Newest ISA version that the output may use; by default the newest that the input uses. */
  readonly cpu?: Version;
  /** Registers that the allocator may choose, a mask of r0 to r9; all by default. */
  readonly registers?: number;
  /** Whether to validate intermediate results. */
  readonly check?: boolean;
  /** Format of the output; that of the input by default. */
  readonly to?: Format;
  /** Functions to carry verbatim, by their index in the program, each with the reason to report. */
  readonly verbatim?: ReadonlyMap<number, string>;
  /** Names of passes that functions go without, by the index of the function in the program. */
  readonly without?: ReadonlyMap<number, ReadonlySet<string>>;
}

/** What became of a function. */
export interface FunctionReport {
  /** Its name. */
  readonly name: string;
  /** Its section; empty for raw inputs. */
  readonly section: string;
  /** Size of the input in slots. */
  readonly insnsBefore: number;
  /** Size of the output in slots. */
  readonly insnsAfter: number;
  /** Whether it went through SSA; otherwise it is carried verbatim. */
  readonly lifted: boolean;
  /** Why not, if not. */
  readonly reason?: string;
}

/** A compiled program. */
export interface Compiled {
  /** The output. */
  readonly bytes: Uint8Array;
  /** What became of each function. */
  readonly functions: readonly FunctionReport[];
  /** What a user should know about the output. */
  readonly notes: readonly string[];
}

/**
 * The newest ISA version that a program uses.
 *
 * @param program The program.
 * @returns The version, 1 for an empty program.
 */
export function cpuOf(program: Program): Version {
  let cpu: Version = 1;
  for (const { insns } of program.sections) {
    for (const { op } of insns) if (op.version > cpu) cpu = op.version;
  }
  return cpu;
}

/** Slots of a function in the input. */
function sizeOf(fn: ProgramFunction): number {
  return fn.section.slots[fn.last] - fn.section.slots[fn.first];
}

/** Slots of new code. */
function codeSize(code: FunctionCode): number {
  let slots = 0;
  for (const { op } of code.insns) slots += op.kind === "lddw" ? 2 : 1;
  return slots;
}

/** Runs passes over a function. */
function optimise(
  fn: IrFunction,
  passes: readonly PassUse[],
  { check, observer }: CompileOptions,
  environment: PassEnvironment,
): void {
  runPasses(fn, passes, environment, {
    ...(check === undefined ? {} : { check }),
    ...(observer === undefined ? {} : { observer }),
  });
}

/** Functions of more slots are compiled a second way only if the first gives more code than the input has. */
const LARGE = 1000;

/** The ways to compile a function; the first that is not longer will do for a large one, the shortest for others. */
function attemptsOf({ level = 0, passes }: CompileOptions): readonly (readonly PassUse[])[] {
  if (passes !== undefined) return [passes];
  return level === 0 || level === 1
    ? [BPF_PIPELINES[level]]
    : [BPF_PIPELINES[level], ...BPF_ALTERNATIVES];
}

/**
 * The passes that may run over functions.
 *
 * @param options How to compile.
 * @returns Their names, each once.
 */
export function passNames(options: CompileOptions): string[] {
  return [...new Set(attemptsOf(options).flat().map(({ pass }) => pass.name))];
}

/** The instructions of a function as they are, with what is attached to them. */
function verbatimCode(fn: ProgramFunction): FunctionCode {
  const { section, first, last } = fn;
  const relocations = new Map();
  const core = new Map();
  const targets = new Map<number, number>();
  for (let i = first; i < last; i++) {
    const slot = section.slots[i];
    const relocation = section.relocations.get(slot);
    const record = section.core.get(slot);
    const target = section.targets.get(slot);
    if (relocation !== undefined) relocations.set(i - first, relocation);
    if (record !== undefined) core.set(i - first, record);
    if (target?.kind === "function") targets.set(i - first, target.index);
  }
  return {
    insns: section.insns.slice(first, last),
    origins: section.slots.slice(first, last),
    relocations,
    core,
    targets,
  };
}

/**
 * Lifts all functions of a program.
 *
 * @param program The program.
 * @returns The module; functions that cannot be lifted keep their bytecode.
 */
export function liftProgram(program: Program): IrModule {
  const context = liftContext(program);
  const functions = program.functions.map((fn): ModuleFunction => {
    const { name, global, subprogram, params } = fn;
    const about = { name, section: fn.section.name, global, subprogram, params };
    try {
      return { ...about, body: liftFunction(program, fn.index, context) };
    } catch (error) {
      if (!(error instanceof EpassError)) throw error;
      return { ...about, body: { reason: error.message, code: verbatimCode(fn) } };
    }
  });
  return { order: program.order, functions };
}

/** Takes the functions of one program through SSA. */
class FunctionCompiler {
  readonly #program: Program;
  readonly #options: CompileOptions;
  readonly #context: LiftContext;
  readonly #target: BpfTargetOptions;
  readonly #environment: PassEnvironment;
  readonly #attempts: readonly (readonly PassUse[])[];
  /** The input may stay where optimising makes it longer, unless it has instructions that are not wanted. */
  readonly #mayKeep: boolean;

  constructor(program: Program, options: CompileOptions) {
    const { registers, check } = options;
    const { order } = program;
    const newest = cpuOf(program);
    const cpu = options.cpu ?? newest;
    this.#program = program;
    this.#options = options;
    this.#context = liftContext(program);
    this.#attempts = attemptsOf(options);
    const optimises = this.#attempts[0].length > 0;
    this.#mayKeep = optimises && registers === undefined && newest <= cpu;
    const { kernelHelpers } = this.#context;
    this.#environment = { target: "bpf", cpu, order, kernelHelpers };
    this.#target = {
      cpu,
      order,
      optimised: optimises && kernelHelpers,
      ...(registers === undefined ? {} : { registers }),
      ...(check === undefined ? {} : { check }),
    };
  }

  /** The new code of a function that has so many slots; null if it is to be kept. */
  compile(index: number, slots: number): FunctionCode | null {
    const patient = slots <= LARGE || this.#options.level === 3;
    let failure: EpassError | null = null;
    let emitted = false;
    let best: FunctionCode | null = null;
    let least = this.#mayKeep ? slots + 1 : Infinity;
    for (const passes of this.#attempts) {
      try {
        const code = this.#attempt(index, passes);
        emitted = true;
        const size = codeSize(code);
        if (size < least) [best, least] = [code, size];
      } catch (error) {
        if (!(error instanceof EpassError)) throw error;
        failure ??= error;
      }
      if (best !== null && !patient) break;
    }
    if (failure !== null && !emitted) throw failure;
    return best;
  }

  #attempt(index: number, passes: readonly PassUse[]): FunctionCode {
    const fn = liftFunction(this.#program, index, this.#context);
    if (this.#options.check === true) assertValid(fn);
    const without = this.#options.without?.get(index);
    const wanted = without === undefined
      ? passes
      : passes.filter(({ pass }) => !without.has(pass.name));
    optimise(fn, wanted, this.#options, this.#environment);
    return compileToBpf(fn, this.#target);
  }
}

/**
 * Compiles a program: every function that can be lifted is emitted anew, in place.
 *
 * @param program The program.
 * @param options How to compile.
 * @returns The output with a report for each function.
 * @throws {EpassError} If the output format cannot hold the program.
 * @example
 * ```ts
 * import { assemble, compileProgram, encode, loadProgram } from "@epass/epass";
 *
 * const { insns } = assemble("r0 = 0x1\nexit\n");
 * const { bytes, functions } = compileProgram(loadProgram(encode(insns)));
 * console.log(bytes.length, functions[0].lifted);
 * ```
 */
export function compileProgram(program: Program, options: CompileOptions = {}): Compiled {
  if (program.format === "epir") {
    return compileProgram(asObject(program), { to: "epir", ...options });
  }
  const compiler = new FunctionCompiler(program, options);
  const changes = new Map<number, FunctionCode>();
  const functions = program.functions.map((fn): FunctionReport => {
    const insnsBefore = sizeOf(fn);
    const about = { name: fn.name, section: fn.section.name, insnsBefore };
    const unlifted = (reason: string): FunctionReport => (
      { ...about, insnsAfter: insnsBefore, lifted: false, reason }
    );
    const wanted = options.verbatim?.get(fn.index);
    if (wanted !== undefined) return unlifted(wanted);
    try {
      const code = compiler.compile(fn.index, insnsBefore);
      if (code === null) return { ...about, insnsAfter: insnsBefore, lifted: true };
      changes.set(fn.index, code);
      return { ...about, insnsAfter: codeSize(code), lifted: true };
    } catch (error) {
      if (!(error instanceof EpassError)) throw error;
      return unlifted(error.message);
    }
  });
  const to = options.to ?? program.format;
  if (to !== "epir") return { functions, ...rewriteProgram(program, changes, { to }) };
  const { bytes, notes } = rewriteProgram(program, changes);
  const text = convertProgram(loadProgram(bytes, { from: program.format }), to);
  return { bytes: text.bytes, functions, notes: [...notes, ...text.notes] };
}

/** A program made of `.epir` as an object. */
function asObject(program: Program, options: WriteOptions = {}): Program {
  const section = program.functions[0]?.section.name ?? "";
  const about = section === "" ? options : { section, ...options };
  return loadProgram(writeProgram(program, "elf", about).bytes, { from: "elf" });
}

/**
 * Reads a program in any format, `.epir` among them.
 *
 * @param bytes The input.
 * @param options Its format, if it is not to be guessed, and its name.
 * @returns The program; `.epir` is compiled for the newest ISA version.
 * @throws {EpassError} If it is malformed.
 */
export function readProgram(bytes: Uint8Array, options: LoadOptions = {}): Program {
  const from = options.from ?? guessFormat(bytes);
  if (from !== "epir") return loadProgram(bytes, { ...options, from });
  return compileModule(parseModule(new TextDecoder().decode(bytes), options.input));
}

/**
 * Writes a program in any format, `.epir` among them.
 *
 * @param program The program.
 * @param to The format.
 * @param options What to write.
 * @returns The output, and notes on what it cannot express.
 * @throws {EpassError} If it is not clear what to write, or the format cannot hold it.
 */
export function convertProgram(
  program: Program,
  to: Format,
  options: WriteOptions = {},
): Rewritten {
  if (to !== "epir") return writeProgram(program, to, options);
  const only = options.function === undefined ? program : asObject(program, options);
  return { bytes: new TextEncoder().encode(printModule(liftProgram(only))), notes: [] };
}

/**
 * Compiles a module, such as that of an `.epir` text, to a program.
 *
 * @param module The module; it need not have come from an input.
 * @param options How to compile; the newest ISA version is v4 by default.
 * @returns The program, to be run or written in another format.
 * @throws {EpassError} If a function cannot be emitted.
 */
export function compileModule(module: IrModule, options: CompileOptions = {}): Program {
  const target = {
    cpu: options.cpu ?? 4,
    order: module.order,
    ...(options.registers === undefined ? {} : { registers: options.registers }),
    ...(options.check === undefined ? {} : { check: options.check }),
  } as const;
  const { cpu, order } = target;
  const environment = { target: "bpf", cpu, order, kernelHelpers: true } as const;
  const functions = module.functions.map(({ name, section, global, subprogram, params, body }) => {
    if (body instanceof IrFunction) {
      optimise(body, attemptsOf(options)[0], options, environment);
    }
    const code = body instanceof IrFunction ? compileToBpf(body, target) : body.code;
    return { name, section, global, subprogram, params, code };
  });
  return composeProgram(functions, module.order);
}
