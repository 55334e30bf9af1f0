/**
 * The choice of the engine of a sandbox.
 *
 * @module
 */

import type { Metering } from "../targets/wasm/unit.ts";
import type { Code } from "./code.ts";
import { type Engine, type EngineName, interpreterEngine } from "./engine.ts";
import type { Interpreter } from "./interpreter.ts";
import type { HelperTable, KfuncTable } from "./machine.ts";
import type { GuestMemory } from "./memory.ts";
import { WasmEngine } from "./wasm_engine.ts";

/** What programs run with. */
export interface EngineParts {
  /** Their memory. */
  readonly memory: GuestMemory;
  /** Helpers by id. */
  readonly helpers: HelperTable;
  /** Kfuncs by name. */
  readonly kfuncs: KfuncTable;
}

/**
 * Makes an engine.
 *
 * @param name Which, the interpreter by default; in strict memory the interpreter runs everything.
 * @param code The program.
 * @param interpreter The interpreter of the same code.
 * @param parts What programs run with.
 * @param options How the WebAssembly engine counts instructions.
 * @returns The engine.
 */
export function makeEngine(
  name: EngineName | undefined,
  code: Code,
  interpreter: Interpreter,
  { memory, helpers, kfuncs }: EngineParts,
  options: { readonly metering?: Metering | undefined },
): Engine {
  if (name !== "wasm" || memory.level === "strict") return interpreterEngine(interpreter);
  return new WasmEngine(code, interpreter, { memory, helpers, kfuncs, metering: options.metering });
}
