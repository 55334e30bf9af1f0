/**
 * How much memory behind a pointer a helper works on.
 *
 * @module
 */

import type { SymbolRef, Value } from "../ir/function.ts";
import type { HelperParam } from "../isa/helpers.ts";

/** Sizes in bytes of the keys and values of a map. */
export interface MapGeometry {
  /** Size of a key. */
  readonly keySize: number;
  /** Size of a value. */
  readonly valueSize: number;
}

/**
 * What is known of the map that an address leaf stands for.
 *
 * @param ref The leaf.
 * @returns Its sizes, null if it is no map or an unknown one.
 */
export type MapLookup = (ref: SymbolRef) => MapGeometry | null;

/** The value behind moves. */
function source(value: Value): Value {
  let at = value;
  while (at.op === "copy") at = at.args[0];
  return at;
}

/**
 * How many bytes of memory a helper works on behind a pointer.
 *
 * @param params Parameters of the helper.
 * @param args Arguments of the call.
 * @param index Which of them is the pointer.
 * @param maps Sizes of maps.
 * @returns The number, or null if it is unknown.
 */
export function helperReach(
  params: readonly HelperParam[],
  args: readonly Value[],
  index: number,
  maps: MapLookup,
): number | null {
  const { kind } = params[index];
  if (kind === "memory" || kind === "object") {
    const size = params[index + 1]?.kind === "size" ? source(args[index + 1]) : null;
    return size?.op === "const" && size.imm <= 512n ? Number(size.imm) : null;
  }
  if (kind !== "map_key" && kind !== "map_value") return null;
  const map = source(args[params.findIndex((param) => param.kind === "map")]);
  const geometry = map.op === "symbol" ? maps(map.ref!) : null;
  return geometry === null ? null : kind === "map_key" ? geometry.keySize : geometry.valueSize;
}
