/**
 * The WebAssembly target: SSA to a module.
 *
 * @module
 */

import type { HelperImport } from "./host.ts";
import { PROGRAM_SIGNATURE } from "./host.ts";
import { lowerToWasm } from "./lower.ts";
import { encodeModule } from "./module.ts";
import type { SiteTable } from "./site.ts";
import { type WasmOptions, type WasmSource, WasmUnit } from "./unit.ts";

/** A compiled module. */
export interface WasmModule extends SiteTable {
  /** Its bytes. It exports `f0`, `f1`, …, the functions in order. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The helpers that it imports as `h0`, `h1`, …. */
  readonly helpers: readonly HelperImport[];
}

/**
 * Compiles functions that call each other to one module.
 *
 * @param sources The functions; they are changed.
 * @param options How to compile.
 * @returns The module.
 * @throws {UnsupportedError} If a function needs what WebAssembly does not have, or is too large.
 */
export function compileToWasm(
  sources: readonly WasmSource[],
  options: WasmOptions,
): WasmModule {
  const unit = new WasmUnit(options, sources);
  const lowered = sources.map((source) => lowerToWasm(unit, source));
  const functions = lowered.map(({ body }, i) => ({
    name: sources[i].fn.name,
    signature: PROGRAM_SIGNATURE,
    body,
  }));
  const { bytes, bodies } = encodeModule(
    options.name,
    unit.imports,
    [...functions, ...unit.memoryFunctions],
    unit.types,
  );
  const traps = lowered.flatMap(({ traps }, i) =>
    traps.map(([at, site]) => [bodies[i] + at, site] as const)
  );
  traps.sort(([a], [b]) => a - b);
  return {
    bytes,
    helpers: unit.helpers,
    sites: unit.sites,
    offsets: Int32Array.from(traps, ([at]) => at),
    numbers: Int32Array.from(traps, ([, site]) => site),
  };
}
