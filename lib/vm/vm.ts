/**
 * The sandbox: a program that nobody trusts, its memory, maps and helpers, and an engine that runs it.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import { helperByName } from "../isa/helpers.ts";
import type { Program } from "../object/program.ts";
import type { Metering } from "../targets/wasm/unit.ts";
import { loadProgram } from "../object/load.ts";
import { type SourceLine, sourceLineAt } from "../object/source_line.ts";
import { type Code, type CodePlace, functionAddresses, translate } from "./code.ts";
import type { ContextBuilder, RunContext } from "./contexts/context.ts";
import type { PointedInput } from "./contexts/pointers.ts";
import { contextBuilder } from "./contexts/registry.ts";
import type { Engine, EngineName, RunLimits } from "./engine.ts";
import { makeEngine } from "./engines.ts";
import type { TaskIdentity } from "./environment.ts";
import { Interpreter, type Outcome } from "./interpreter.ts";
import {
  checkHelpers,
  loadSandbox,
  missingPolicy,
  programOf,
  type Sandbox,
  type SandboxOptions,
  type SandboxProgram,
} from "./load.ts";
import type { Helper } from "./machine.ts";
import { loadsFrom } from "./packet_load.ts";
import type { GuestMemory } from "./memory.ts";
import { FinishedRun, type RunResult } from "./run_result.ts";
import { traceRun, type TraceStep } from "./trace.ts";
import { withArguments } from "./traced_arguments.ts";
import { type BodyArguments, bodyOf, type ParameterType, type TypedBody } from "./typed_helper.ts";
import { type TypedMap, typedMaps } from "./typed_map.ts";

export type { RunResult, SourcedFault } from "./run_result.ts";

/** Options of {@link Vm.load} and {@link Vm.loadSync}. */
export interface VmOptions extends SandboxOptions {
  /** What runs the program. */
  readonly engine?: EngineName | undefined;
  /** How the WebAssembly engine counts instructions, `loops` by default. */
  readonly metering?: Metering | undefined;
  /** The most instructions of a run, {@link DEFAULT_LIMIT} by default. */
  readonly limit?: number | undefined;
  /** The most milliseconds of a run; by default as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** Bodies of helpers by id (UAPI `enum bpf_func_id`), in place of those of the sandbox. */
  readonly helpers?: Readonly<Record<number, Helper>> | undefined;
  /** Bodies of kfuncs by name, in place of those of the sandbox. */
  readonly kfuncs?: Readonly<Record<string, Helper>> | undefined;
}

/** How one run goes. */
export interface RunBounds {
  /** The most instructions. */
  readonly limit?: number | undefined;
  /** The most milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** Told of each instruction before it runs; then the interpreter runs the program, step by step. */
  readonly trace?: ((step: TraceStep) => void) | undefined;
}

/** Options of {@link Vm.run}. */
export interface RunOptions extends RunBounds {
  /** The function: its name, or its index in the input; by default the first that is not a subprogram. */
  readonly function?: string | number | undefined;
  /** Bytes of the context: r1 is its address, r2 its size; both 0 without one. */
  readonly context?: Uint8Array | undefined;
  /** What the legacy packet loads read. */
  readonly packet?: Uint8Array | undefined;
}

/** What a program is run on: a packet, fields, arguments, as its type takes them. */
export interface ProgramInput extends PointedInput, RunBounds {
  /** The CPU that it runs on; by default that of the sandbox. */
  readonly cpu?: number | undefined;
  /** What of the current task differs from the sandbox's. */
  readonly task?: Partial<TaskIdentity> | undefined;
  /** CLOCK_MONOTONIC from now on, in nanoseconds; by default where the run before left it. */
  readonly now?: bigint | undefined;
  /** The cookie that the program is attached with (`bpf_get_attach_cookie`); by default 0. */
  readonly cookie?: bigint | undefined;
  /** Address of the traced function (`bpf_get_func_ip`); by default 0. */
  readonly functionAddress?: bigint | undefined;
}

/** The most instructions of a run unless told otherwise. */
export const DEFAULT_LIMIT = 100_000_000;

/** A program of a sandbox, ready to run. */
export interface VmProgram extends SandboxProgram {
  /**
   * Runs it. Maps and variables keep what earlier runs left in them.
   *
   * @param input What it is run on.
   * @returns How it ended.
   * @throws {EpassError} If the input does not make sense for its type.
   */
  run(input?: ProgramInput): RunResult;
}

/**
 * A sandbox.
 *
 * @example
 * ```ts ignore
 * const vm = await Vm.load(await Deno.readFile("firewall.o"));
 * const { returnValue, packet, printk, fault } = vm.program("firewall").run({ packet: frame });
 * ```
 */
export class Vm {
  readonly #sandbox: Sandbox;
  readonly #options: VmOptions;
  readonly #code: Code;
  readonly #interpreter: Interpreter;
  readonly #engine: Engine;
  readonly #builders = new Map<string, ContextBuilder>();
  #typed: { readonly count: number; readonly maps: Readonly<Record<string, TypedMap>> } | null =
    null;

  private constructor(sandbox: Sandbox, options: VmOptions) {
    this.#sandbox = sandbox;
    this.#options = options;
    for (const [id, body] of Object.entries(options.helpers ?? {})) {
      sandbox.helpers.set(Number(id), body);
    }
    for (const [name, body] of Object.entries(options.kfuncs ?? {})) {
      sandbox.kfuncs.set(name, body);
    }
    if ((options.missing ?? missingPolicy(sandbox.program)) === "load") checkHelpers(sandbox);
    this.#code = translate(sandbox.program, () => null);
    const { memory, helpers, kfuncs } = sandbox;
    this.#interpreter = new Interpreter(this.#code, memory, helpers, kfuncs);
    this.#engine = makeEngine(options.engine, this.#code, this.#interpreter, sandbox, options);
  }

  /**
   * Loads an object or program.
   *
   * @param input The program, or the bytes of one in any format.
   * @param options How to load and run it.
   * @returns The sandbox.
   * @throws {MissingHelpersError} If a program calls a helper that the sandbox does not have.
   * @throws {EpassError} If the input is malformed, cannot be linked, or needs more memory than it may.
   */
  static load(input: Program | Uint8Array, options: VmOptions = {}): Promise<Vm> {
    return Promise.resolve().then(() => Vm.loadSync(input, options));
  }

  /**
   * Loads an object or program at once, without giving way to other tasks.
   *
   * @param input The program, or the bytes of one in any format.
   * @param options How to load and run it.
   * @returns The sandbox.
   * @throws {MissingHelpersError} If a program calls a helper that the sandbox does not have.
   * @throws {EpassError} If the input is malformed, cannot be linked, or needs more memory than it may.
   */
  static loadSync(input: Program | Uint8Array, options: VmOptions = {}): Vm {
    const program = input instanceof Uint8Array ? loadProgram(input) : input;
    return new Vm(loadSandbox(program, options), options);
  }

  /** The input. */
  get source(): Program {
    return this.#sandbox.source;
  }

  /** Memory of the sandbox. */
  get memory(): GuestMemory {
    return this.#sandbox.memory;
  }

  /** The maps that its programs use, by name; those of data sections, such as `.bss`, hold the global variables. */
  get maps(): Readonly<Record<string, TypedMap>> {
    const { maps } = this.#sandbox.environment;
    const count = [...maps].length;
    if (this.#typed === null || this.#typed.count !== count) {
      this.#typed = { count, maps: typedMaps(maps, this.#functions()) };
    }
    return this.#typed.maps;
  }

  /** Addresses of functions by name. */
  #functions(): Map<string, number> {
    const { program } = this.#sandbox;
    const addresses = functionAddresses(program);
    return new Map(program.functions.map(({ name }, i) => [name, addresses[i]]));
  }

  /**
   * Finds a map; one that no loaded program uses is created.
   *
   * @param name Its name.
   * @returns The map.
   * @throws {EpassError} If the object defines none of that name, or it cannot be created.
   */
  map(name: string): TypedMap {
    const { symbols } = this.#sandbox;
    if (symbols.map(name) !== null) return this.maps[name];
    const names = symbols.definitions.map((definition) => definition.name).join(", ");
    throw new EpassError(
      `cannot find map ${name}: ${names === "" ? "there is none" : `there are ${names}`}`,
    );
  }

  /**
   * Makes a helper callable, in place of that of the sandbox. Code that ran before may go on without it.
   *
   * @param helper Its id (UAPI `enum bpf_func_id`), or its name.
   * @param body Its body.
   * @throws {EpassError} If no helper has the name.
   */
  registerHelper(helper: number | string, body: Helper): void;
  /**
   * Makes a helper with a signature callable.
   *
   * @param helper Its id (UAPI `enum bpf_func_id`), or its name.
   * @param params What its parameters are, in the order of the registers.
   * @param body Its body.
   * @throws {EpassError} If no helper has the name.
   *
   * @example
   * ```ts ignore
   * vm.registerHelper("get_prandom_u32", [], () => 4);
   * ```
   */
  registerHelper<const P extends readonly ParameterType[]>(
    helper: number | string,
    params: P,
    body: TypedBody<P>,
  ): void;
  registerHelper(helper: number | string, ...how: BodyArguments): void {
    const id = typeof helper === "number" ? helper : helperByName(helper)?.id;
    if (id === undefined) throw new EpassError(`cannot register ${helper}: no helper has the name`);
    this.#sandbox.helpers.set(id, bodyOf(this.#sandbox.environment, how));
  }

  /**
   * Makes a kfunc callable, in place of that of the sandbox.
   *
   * @param name Its name, or `#` and its BTF id where the program has no name for it.
   * @param body Its body.
   */
  registerKfunc(name: string, body: Helper): void;
  /**
   * Makes a kfunc with a signature callable.
   *
   * @param name Its name, or `#` and its BTF id where the program has no name for it.
   * @param params What its parameters are, in the order of the registers.
   * @param body Its body.
   */
  registerKfunc<const P extends readonly ParameterType[]>(
    name: string,
    params: P,
    body: TypedBody<P>,
  ): void;
  registerKfunc(name: string, ...how: BodyArguments): void {
    this.#sandbox.kfuncs.set(name, bodyOf(this.#sandbox.environment, how));
  }

  /**
   * Finds a program.
   *
   * @param name Its name, or that of the section that holds no other; by default the first that is not a subprogram.
   * @returns The program.
   * @throws {EpassError} If there is none of that name.
   */
  program(name?: string): VmProgram {
    const found = programOf(this.#sandbox, name, this.#options);
    return {
      ...found,
      run: (input: ProgramInput = {}) =>
        this.#run(found.index, found.type, withArguments(this.#sandbox.environment, found, input)),
    };
  }

  /**
   * Runs a function as a raw program: r1 is the address of bytes, r2 their size.
   *
   * @param options Function, context and limits.
   * @returns How it ended.
   * @throws {EpassError} If there is no such function.
   */
  run(options: RunOptions = {}): RunResult {
    const { index } = programOf(this.#sandbox, options.function, this.#options);
    const { context, packet, ...bounds } = options;
    return this.#run(index, "", { ...bounds, ctx: context }, packet);
  }

  #builder(type: string): ContextBuilder {
    let builder = this.#builders.get(type);
    if (builder === undefined) {
      this.#builders.set(type, builder = contextBuilder(this.#sandbox.environment, type));
    }
    return builder;
  }

  #run(index: number, type: string, given: ProgramInput, legacyPacket?: Uint8Array): RunResult {
    const { environment } = this.#sandbox;
    const input = environment.pointees.resolve(given);
    const { cpu, task, records } = environment;
    records.clear();
    const context = this.#builder(type).build(input);
    environment.context = context;
    environment.packet = context.packet;
    environment.begin({
      args: (input.args ?? []).map(BigInt),
      returned: input.returned === undefined ? null : BigInt(input.returned),
      cookie: input.cookie ?? 0n,
      functionAddress: input.functionAddress ?? 0n,
    });
    environment.cpu = input.cpu ?? cpu;
    environment.task = { ...task, ...input.task };
    if (input.now !== undefined) environment.clock.now = input.now;
    let outcome: Outcome;
    try {
      outcome = this.#execute(index, context, input, legacyPacket);
    } finally {
      environment.cpu = cpu;
      environment.task = task;
    }
    const { fault } = outcome;
    const sourced = fault === null ? null : { ...fault, ...this.#place(fault) };
    return new FinishedRun(type, outcome, sourced, context.finish(), () => this.maps, records);
  }

  #execute(
    index: number,
    { args, loadPacket }: RunContext,
    input: ProgramInput,
    legacyPacket: Uint8Array | undefined,
  ): Outcome {
    const load = legacyPacket === undefined ? loadPacket : loadsFrom(legacyPacket);
    const limits = { ...this.#limits(input), packet: load };
    return input.trace === undefined
      ? this.#engine.run(index, args, limits)
      : this.#trace(index, args, limits, input.trace);
  }

  #trace(
    index: number,
    args: readonly bigint[],
    { limit, deadline, packet }: RunLimits,
    show: (step: TraceStep) => void,
  ): Outcome {
    this.#interpreter.start(index, args, limit, packet, deadline);
    return traceRun(this.#interpreter, this.#code, (step) => {
      const place = this.#place(step);
      show({ ...step, pc: place.pc });
    });
  }

  #limits({ limit, timeoutMs }: RunBounds): RunLimits {
    const time = timeoutMs ?? this.#options.timeoutMs;
    return {
      limit: limit ?? this.#options.limit ?? DEFAULT_LIMIT,
      deadline: time === undefined ? undefined : performance.now() + time,
    };
  }

  /** Where a place of the plain program is in the input, and its source line. */
  #place(place: CodePlace): { readonly pc: number; readonly source: SourceLine | null } {
    const { program, subset } = this.#sandbox;
    const section = program.functions.find((fn) =>
      fn.name === place.function && fn.section.name === place.section
    )?.section;
    if (section === undefined) return { pc: place.pc, source: null };
    const pc = subset?.origins.get(section)?.[place.pc] ?? place.pc;
    return { pc, source: sourceLineAt(program, section, place.pc) };
  }
}
