/**
 * Whether a function keeps its stack frame to itself: pointers into it have constant offsets, and go nowhere but to loads,
 * stores and helpers that work on a known number of bytes. Then nobody else reads or writes it, and what it holds is
 * like values.
 *
 * @module
 */

import type { IrFunction, SymbolRef, Value } from "../ir/function.ts";
import { depthFirstOrder } from "../ir/order.ts";
import { helperById, type HelperParam } from "../isa/helpers.ts";

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
  if (kind === "memory") {
    const size = params[index + 1]?.kind === "size" ? source(args[index + 1]) : null;
    return size?.op === "const" && size.imm <= 512n ? Number(size.imm) : null;
  }
  if (kind !== "map_key" && kind !== "map_value") return null;
  const map = source(args[params.findIndex((param) => param.kind === "map")]);
  const geometry = map.op === "symbol" ? maps(map.ref!) : null;
  return geometry === null ? null : kind === "map_key" ? geometry.keySize : geometry.valueSize;
}

/** Whether a pointer into the frame stays private at one of its uses by an instruction; `derived` tells which are pointers. */
function isPrivateUse(user: Value, derived: Uint8Array, maps: MapLookup): boolean {
  const isPointer = (value: Value) => derived[value.id] === 1;
  switch (user.op) {
    case "copy":
    case "load":
      return true;
    case "store":
      return !isPointer(user.args[1]);
    case "alu":
      return derived[user.id] === 1;
    case "call": {
      const { callee } = user;
      const signature = callee?.kind === "helper" ? helperById(callee.id) : null;
      if (signature === null || signature.params.some(({ kind }) => kind === "function")) {
        return false;
      }
      return user.args.every((arg, i) =>
        !isPointer(arg) ||
        (i < signature.params.length && helperReach(signature.params, user.args, i, maps) !== null)
      );
    }
    default:
      return false;
  }
}

/** Marks the values that are the frame pointer and a constant. A value comes after what it is computed from. */
function framePointers(fn: IrFunction): Uint8Array {
  const derived = new Uint8Array(fn.valueCount + 1);
  derived[fn.frame.id] = 1;
  for (const { insns } of depthFirstOrder(fn).postorder.toReversed()) {
    for (const value of insns) {
      if (value.args.length === 0 || derived[value.args[0].id] !== 1) continue;
      const isSum = value.op === "alu" && value.width === 64 &&
        (value.fn === "add" || value.fn === "sub") && source(value.args[1]).op === "const";
      if (value.op === "copy" || isSum) derived[value.id] = 1;
    }
  }
  return derived;
}

/**
 * Whether a function keeps its frame to itself.
 *
 * @param fn The function.
 * @param maps Sizes of maps.
 * @returns Whether it does.
 */
export function hasPrivateFrame(fn: IrFunction, maps: MapLookup): boolean {
  const derived = framePointers(fn);
  const isPointer = (value: Value) => derived[value.id] === 1;
  return fn.blocks.every(({ insns, succs, term }) =>
    insns.every((user) => !user.args.some(isPointer) || isPrivateUse(user, derived, maps)) &&
    succs.every(({ args }) => !args.some(isPointer)) &&
    (term === null || term.op !== "return" || !term.args.some(isPointer))
  );
}
