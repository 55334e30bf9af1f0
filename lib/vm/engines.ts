/**
 * The choice of the engine of a sandbox.
 *
 * @module
 */

import type { IrFunction, Value } from "../ir/function.ts";
import { VM_COUNTED_PIPELINE, VM_PIPELINE } from "../passes/pipeline.ts";
import type { Metering } from "../targets/wasm/unit.ts";
import type { Code } from "./code.ts";
import { type Engine, type EngineName, interpreterEngine } from "./engine.ts";
import type { Interpreter } from "./interpreter.ts";
import type { Environment } from "./environment.ts";
import { environmentBody } from "./inline_environment.ts";
import { MapBodies } from "./inline_maps.ts";
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
  /** Their surroundings. */
  readonly environment: Environment;
}

/** Options of {@link makeEngine}. */
export interface EngineOptions {
  /** How the WebAssembly engine counts instructions, `loops` by default. */
  readonly metering?: Metering | undefined;
  /** Helpers that the caller replaced, by id. */
  readonly helpers?: { readonly [id: number]: unknown } | undefined;
}

/** Map operations and constant answers as code, unless the caller has put another helper in place of ours. */
function inlinedBodies(
  { helpers, environment }: EngineParts,
  replaced: { readonly [id: number]: unknown },
): (call: Value) => IrFunction | null {
  const ours = new Map(helpers);
  const bodies = new MapBodies(environment.maps);
  return (call) => {
    if (call.callee?.kind !== "helper") return null;
    const { id } = call.callee;
    const own = replaced[id] === undefined && helpers.get(id) === ours.get(id);
    if (!own || !ours.has(id)) return null;
    return bodies.bodyOf(call) ?? environmentBody(call, environment);
  };
}

/**
 * Makes an engine.
 *
 * @param name Which, the WebAssembly engine by default.
 * @param code The program.
 * @param interpreter The interpreter of the same code.
 * @param parts What programs run with.
 * @param options Counting, and which helpers are not ours.
 * @returns The engine.
 */
export function makeEngine(
  name: EngineName | undefined,
  code: Code,
  interpreter: Interpreter,
  parts: EngineParts,
  options: EngineOptions,
): Engine {
  const { memory, helpers, kfuncs } = parts;
  if (name === "interpreter") return interpreterEngine(interpreter);
  const { metering = "loops" } = options;
  // Where every instruction is counted, a call is one.
  const optimised = metering === "exact"
    ? { passes: VM_COUNTED_PIPELINE }
    : { passes: VM_PIPELINE, bodyOf: inlinedBodies(parts, options.helpers ?? {}) };
  return new WasmEngine(code, interpreter, { memory, helpers, kfuncs, metering, ...optimised });
}
