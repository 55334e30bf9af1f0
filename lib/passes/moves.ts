/**
 * Moves, looked through.
 *
 * @module
 */

import type { Value } from "../ir/function.ts";

/**
 * What a chain of moves moves.
 *
 * @param value Any value.
 * @returns The value itself, unless it is a 64-bit move without a CO-RE record; then what it moves.
 */
export function sourceOf(value: Value): Value {
  let at = value;
  while (at.op === "copy" && at.core === null && at.args[0].op !== "core") at = at.args[0];
  return at;
}
