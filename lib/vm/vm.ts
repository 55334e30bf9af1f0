/**
 * The virtual machine: a program, its memory and its helpers, and an engine that runs it.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import type { Program } from "../object/program.ts";
import { type SymbolResolver, translate } from "./code.ts";
import { Interpreter, type Outcome } from "./interpreter.ts";
import type { Helper, HelperTable, KfuncTable } from "./machine.ts";
import { GuestMemory, type Region } from "./memory.ts";

/** Options of {@link Vm.loadSync}. */
export interface VmOptions {
  /** What runs the program. */
  readonly engine?: "interpreter" | undefined;
  /** Provides the addresses of maps, variables and other symbols; without it they fault when used. */
  readonly resolve?: SymbolResolver | undefined;
  /** Memory of the program; by default a new one of at most 512 MiB. */
  readonly memory?: GuestMemory | undefined;
}

/** Options of {@link Vm.run}. */
export interface RunOptions {
  /** The function: its name or index; by default the first that is not a subprogram. */
  readonly function?: string | number | undefined;
  /** Bytes of the context: r1 is its address, r2 its size; both 0 without one. */
  readonly context?: Uint8Array | undefined;
  /** What the legacy packet loads read. */
  readonly packet?: Uint8Array | undefined;
  /** The most instructions to run, 100 million by default. */
  readonly limit?: number | undefined;
}

/** How a run ended. */
export interface RunResult extends Outcome {
  /** The bytes of the context after the run; empty without one. */
  readonly context: Uint8Array;
}

/** The most instructions that {@link Vm.run} runs unless told otherwise. */
export const DEFAULT_LIMIT = 100_000_000;

/**
 * A loaded program.
 *
 * @example
 * ```ts ignore
 * const vm = Vm.loadSync(program);
 * vm.registerHelper(5, (_context, r1) => r1);
 * const { returnValue, fault } = vm.run({ context: new Uint8Array(64) });
 * ```
 */
export class Vm {
  /** The program. */
  readonly program: Program;
  /** Its memory. */
  readonly memory: GuestMemory;
  readonly #helpers: HelperTable = new Map();
  readonly #kfuncs: KfuncTable = new Map();
  readonly #engine: Interpreter;
  #context: Region | null = null;

  private constructor(program: Program, options: VmOptions) {
    this.program = program;
    this.memory = options.memory ?? new GuestMemory(program.order);
    const code = translate(program, options.resolve ?? (() => null));
    this.#engine = new Interpreter(code, this.memory, this.#helpers, this.#kfuncs);
  }

  /**
   * Loads a program.
   *
   * @param program The program.
   * @param options Engine, symbols and memory.
   * @returns The machine, with no helper registered.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  static loadSync(program: Program, options: VmOptions = {}): Vm {
    return new Vm(program, options);
  }

  /**
   * Makes a helper callable.
   *
   * @param id Its id (UAPI `enum bpf_func_id`).
   * @param helper Its body.
   */
  registerHelper(id: number, helper: Helper): void {
    this.#helpers.set(id, helper);
  }

  /**
   * Makes a kfunc callable.
   *
   * @param name Its name, or `#` and its BTF id where the program has no name for it.
   * @param body Its body.
   */
  registerKfunc(name: string, body: Helper): void {
    this.#kfuncs.set(name, body);
  }

  /**
   * Runs a function of the program.
   *
   * @param options Function, context and limit.
   * @returns How it ended.
   * @throws {EpassError} If there is no such function.
   */
  run(options: RunOptions = {}): RunResult {
    const { context, packet, limit = DEFAULT_LIMIT } = options;
    const region = this.#placeContext(context);
    const args = region === null ? [] : [BigInt(region.address), BigInt(region.size)];
    this.#engine.start(this.#functionIndex(options.function), args, limit, packet);
    const outcome = this.#engine.run();
    return {
      ...outcome,
      context: region === null ? new Uint8Array(0) : this.memory.contents(region).slice(),
    };
  }

  /** Copies the context to guest memory, in place of the one of the run before. */
  #placeContext(bytes: Uint8Array | undefined): Region | null {
    if (this.#context !== null) this.memory.unmap(this.#context);
    if (bytes === undefined || bytes.length === 0) return null;
    if (this.#context === null || this.#context.capacity < bytes.length) {
      this.#context = this.memory.allocate("the context", bytes.length);
    }
    this.memory.resize(this.#context, bytes.length);
    this.memory.contents(this.#context).set(bytes);
    return this.#context;
  }

  #functionIndex(wanted: string | number | undefined): number {
    const { functions } = this.program;
    const found = wanted === undefined
      ? functions.find((fn) => !fn.subprogram) ?? functions[0]
      : typeof wanted === "number"
      ? functions[wanted]
      : functions.find((fn) => fn.name === wanted);
    if (found === undefined) {
      throw new EpassError(`cannot run ${wanted ?? "the program"}: no such function`);
    }
    return found.index;
  }
}
