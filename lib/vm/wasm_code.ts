/**
 * The compiled functions of a program: WebAssembly modules, made when a function is first asked for.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import type { IrFunction, Value } from "../ir/function.ts";
import type { LiftContext } from "../lift/calls.ts";
import { liftContext } from "../lift/context.ts";
import type { PassUse } from "../passes/selection.ts";
import { compileToWasm, type WasmModule } from "../targets/wasm/target.ts";
import type { Metering, WasmSource } from "../targets/wasm/unit.ts";
import { type Code, functionAddresses } from "./code.ts";
import { LocalBodies } from "./local_bodies.ts";
import { MODULE } from "./wasm_fault.ts";
import { wasmSource } from "./wasm_source.ts";

/** How functions are compiled. */
export interface WasmCodeOptions {
  /** How to count instructions, `loops` by default. */
  readonly metering?: Metering | undefined;
  /** Passes to run, none by default. Those that change the graph must not run where every instruction is counted. */
  readonly passes?: readonly PassUse[] | undefined;
  /** Bodies to put in place of calls before the passes. */
  readonly bodyOf?: ((call: Value) => IrFunction | null) | undefined;
  /** Whether helper ids mean what they mean to Linux; by default the format of the program tells. */
  readonly kernelHelpers?: boolean | undefined;
}

/** What compiled code runs in. */
export interface WasmSurroundings {
  /** Whether accesses are checked against the limits of their page. */
  readonly strict: boolean;
  /** Offset in memory of the last frame. */
  readonly lastFrame: number;
  /** What a module imports from its host. */
  imports(module: WasmModule): Record<string, WebAssembly.ImportValue>;
}

/** A function of the program, compiled: the offset of its frame, r1 to r5; r0. */
export type Entry = (
  frame: number,
  r1: bigint,
  r2: bigint,
  r3: bigint,
  r4: bigint,
  r5: bigint,
) => bigint;

/** The compiled functions of one program. */
export class WasmCode {
  /** The modules by number. */
  readonly modules: WasmModule[] = [];
  /** The functions by index, for calls by address. */
  readonly table: WebAssembly.Table;
  readonly #code: Code;
  readonly #options: WasmCodeOptions;
  readonly #surroundings: WasmSurroundings;
  readonly #context: LiftContext;
  readonly #addresses: readonly number[];
  /** Functions to put in place of calls, unless every instruction is counted. */
  readonly #local: LocalBodies | null;
  readonly #fallbacks = new Map<number, string>();
  /** Functions compiled for an r1 that is in reach of memory; those in the table take any. */
  readonly #roots = new Map<number, Entry>();

  /**
   * Compiles nothing yet.
   *
   * @param code The program.
   * @param options How to compile.
   * @param surroundings What the code runs in.
   */
  constructor(code: Code, options: WasmCodeOptions, surroundings: WasmSurroundings) {
    this.#code = code;
    this.#options = options;
    this.#surroundings = surroundings;
    this.#context = liftContext(code.program, options.kernelHelpers);
    this.#addresses = functionAddresses(code.program);
    this.#local = options.metering === "exact"
      ? null
      : new LocalBodies(this.#context, this.#addresses);
    const count = Math.max(code.program.functions.length, 1);
    this.table = new WebAssembly.Table({ element: "anyfunc", initial: count });
  }

  /**
   * A function for any arguments, compiled if it is not yet.
   *
   * @param index Its index in the program.
   * @returns The function; null if it cannot be compiled.
   */
  entry(index: number): Entry | null {
    if (this.table.get(index) === null && !this.#tryCompile(index, false)) return null;
    return this.table.get(index) as Entry;
  }

  /**
   * A function for an r1 that is in reach of memory, compiled if it is not yet.
   *
   * @param index Its index in the program.
   * @returns The function; null if it cannot be compiled.
   */
  root(index: number): Entry | null {
    if (!this.#roots.has(index) && !this.#tryCompile(index, true)) return null;
    return this.#roots.get(index)!;
  }

  /**
   * Why a function cannot be compiled.
   *
   * @param index Its index in the program.
   * @returns The reason; empty if nobody tried, or it can.
   */
  reason(index: number): string {
    return this.#fallbacks.get(index) ?? "";
  }

  #tryCompile(index: number, pointer: boolean): boolean {
    if (this.#fallbacks.has(index)) return false;
    try {
      this.#compile(index, pointer);
      return true;
    } catch (error) {
      if (!(error instanceof EpassError) && !(error instanceof WebAssembly.CompileError)) {
        throw error;
      }
      this.#fallbacks.set(index, error.message);
      return false;
    }
  }

  /** Compiles a function with those that it calls and whose address it takes. */
  #compile(root: number, pointer: boolean): void {
    const sources: WasmSource[] = [];
    const seen = new Set([root]);
    const indices = [root];
    for (let i = 0; i < indices.length; i++) {
      sources.push(this.#source(indices[i]));
      for (const index of this.#mentioned(indices[i])) {
        if (seen.has(index)) continue;
        seen.add(index);
        indices.push(index);
      }
    }
    // A function that calls itself may give itself any r1.
    const special = pointer && !indices.some((index) => this.#mentioned(index).includes(root));
    if (special) sources[0] = { ...sources[0], pointer };
    const { kernelHelpers, program } = this.#context;
    const { strict, lastFrame } = this.#surroundings;
    const module = compileToWasm(sources, {
      name: `${MODULE}${this.modules.length}`,
      order: program.order,
      metering: this.#options.metering ?? "loops",
      strict,
      lastFrame,
      kernelHelpers,
    });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module.bytes), {
      host: this.#surroundings.imports(module),
    });
    this.modules.push(module);
    indices.forEach((index, i) => {
      const entry = instance.exports[`f${i}`] as Entry;
      if (i === 0 && pointer) this.#roots.set(index, entry);
      // deno-lint-ignore no-explicit-any
      if (i > 0 || !special) this.table.set(index, entry as any);
    });
  }

  #source(index: number): WasmSource {
    return wasmSource(index, {
      context: this.#context,
      addresses: this.#addresses,
      passes: this.#options.passes ?? [],
      bodyOf: this.#options.bodyOf ?? null,
      local: this.#local,
      exact: this.#options.metering === "exact",
    });
  }

  /** The functions that a function calls, or whose address it takes. */
  #mentioned(index: number): number[] {
    const { section, first, last } = this.#code.program.functions[index];
    const found: number[] = [];
    for (let i = first; i < last; i++) {
      const target = section.targets.get(section.slots[i]);
      if (target?.kind === "function") found.push(target.index);
    }
    return found;
  }
}
