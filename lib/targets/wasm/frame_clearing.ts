/**
 * Which bytes of a frame must be cleared when a function is entered: those that may be read before they are written.
 *
 * @module
 */

import type { IrFunction } from "../../ir/function.ts";

/**
 * The stores that clear a frame.
 *
 * @param fn A valid function.
 * @returns Displacements from the frame pointer with the bytes to clear there, 8 or 1.
 */
export function frameBytesToClear(fn: IrFunction): (readonly [offset: number, size: 8 | 1])[] {
  const uses = fn.blocks.some(({ insns, term }) =>
    insns.some(({ args }) => args.includes(fn.frame)) ||
    term!.args.includes(fn.frame) || term!.edges.some(({ args }) => args.includes(fn.frame))
  );
  if (!uses) return [];
  return Array.from({ length: 64 }, (_, i) => [-512 + 8 * i, 8] as const);
}
