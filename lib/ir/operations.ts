/**
 * Facts about the operations of values, one row each. The checker, the builder and the passes read them.
 *
 * @module
 */

import { ATOMIC, type AtomicOp } from "../isa/ops.ts";
import type { TerminatorOp, TrapKind, Value, ValueOp } from "./function.ts";

/** A field of a value that an operation may use; one that it does not use holds its initial content. */
export type ValueField =
  | "fn"
  | "width"
  | "size"
  | "sign"
  | "off"
  | "imm"
  | "ref"
  | "callee"
  | "core";

/** What an operation does beyond computing its result. */
export type Effect =
  /** Nothing: equal operands give equal results, and an unused result makes it dead. */
  | "none"
  /** Reads memory, and may fault. */
  | "read"
  /** Writes memory, or reads and writes it, and may fault. */
  | "write"
  /** Anything, including not to return. */
  | "any";

/** A row of {@link OPERATIONS}. */
export interface Operation {
  /** Least number of arguments. */
  readonly minArgs: number;
  /** Greatest number of arguments. */
  readonly maxArgs: number;
  /** The fields in use. */
  readonly fields: readonly ValueField[];
  /** What it does. */
  readonly effect: Effect;
}

/** The greatest number of arguments of a call: r1 to r5. */
export const MAX_CALL_ARGS = 5;

/** The operations. */
// deno-fmt-ignore
export const OPERATIONS: { readonly [K in ValueOp]: Operation } = {
  const:  { minArgs: 0, maxArgs: 0, fields: ["imm"],                          effect: "none" },
  undef:  { minArgs: 0, maxArgs: 0, fields: [],                               effect: "none" },
  frame:  { minArgs: 0, maxArgs: 0, fields: [],                               effect: "none" },
  symbol: { minArgs: 0, maxArgs: 0, fields: ["ref"],                          effect: "none" },
  core:   { minArgs: 0, maxArgs: 0, fields: ["imm", "width", "core"],         effect: "none" },
  param:  { minArgs: 0, maxArgs: 0, fields: [],                               effect: "none" },
  copy:   { minArgs: 1, maxArgs: 1, fields: ["core"],                         effect: "none" },
  zext:   { minArgs: 1, maxArgs: 1, fields: ["core"],                         effect: "none" },
  sext:   { minArgs: 1, maxArgs: 1, fields: ["sign", "width", "core"],        effect: "none" },
  alu:    { minArgs: 2, maxArgs: 2, fields: ["fn", "width", "core"],          effect: "none" },
  unary:  { minArgs: 1, maxArgs: 1, fields: ["fn", "width", "core"],          effect: "none" },
  cast:   { minArgs: 1, maxArgs: 1, fields: ["imm", "core"],                  effect: "none" },
  select: { minArgs: 4, maxArgs: 4, fields: ["fn", "width"],                  effect: "none" },
  load:   { minArgs: 1, maxArgs: 1, fields: ["off", "size", "sign", "core"],  effect: "read" },
  store:  { minArgs: 2, maxArgs: 2, fields: ["off", "size", "core"],          effect: "write" },
  atomic: { minArgs: 1, maxArgs: 3, fields: ["fn", "off", "size", "core"],    effect: "write" },
  packet: { minArgs: 1, maxArgs: 2, fields: ["fn", "imm", "size", "core"],    effect: "any" },
  call:   { minArgs: 0, maxArgs: MAX_CALL_ARGS + 1, fields: ["callee", "core"], effect: "any" },
};

/** How many operands and edges each terminator has; `edges` is null for any number from 1. */
export const TERMINATORS: {
  readonly [K in TerminatorOp]: { readonly args: number; readonly edges: number | null };
} = {
  jump: { args: 0, edges: 1 },
  branch: { args: 2, edges: 2 },
  may_goto: { args: 0, edges: 2 },
  gotox: { args: 1, edges: null },
  return: { args: 1, edges: 0 },
  trap: { args: 0, edges: 0 },
};

/** The kinds of faults that a `trap` may name. */
export const TRAP_KINDS: readonly TrapKind[] = [
  "null",
  "out-of-bounds",
  "limit",
  "bad-jump",
  "end-of-code",
  "bad-call-target",
  "unresolved-symbol",
  "invalid-instruction",
  "helper",
];

/**
 * @param value Any value.
 * @returns Whether it defines a result: a store and an atomic operation that does not fetch define none.
 */
export function hasResult(value: Value): boolean {
  if (value.op === "store") return false;
  return value.op !== "atomic" || ATOMIC[value.fn as AtomicOp]?.fetches !== false;
}

/**
 * @param fn An atomic operation.
 * @returns How many arguments it has: the base, the source, the expected value.
 */
export function atomicArgCount(fn: AtomicOp): number {
  return fn === "load_acquire" ? 1 : fn === "cmpxchg" ? 3 : 2;
}
