/**
 * From the plain program of a sandbox to what the WebAssembly target takes: lifted, symbols resolved, optimised.
 *
 * @module
 */

import { disconnect, removeInsns, replaceUses } from "../ir/cfg.ts";
import { type Block, type IrFunction, Terminator, type Value } from "../ir/function.ts";
import { inlineCalls } from "../ir/inline.ts";
import type { LiftContext } from "../lift/calls.ts";
import { liftFunction } from "../lift/lift.ts";
import type { LocalBodies } from "./local_bodies.ts";
import type { PassEnvironment } from "../passes/pass.ts";
import { runPasses } from "../passes/run.ts";
import type { PassUse } from "../passes/selection.ts";
import type { WasmSource } from "../targets/wasm/unit.ts";

/** How functions are prepared. */
export interface SourceOptions {
  /** Facts about the program. */
  readonly context: LiftContext;
  /** For each function its address. */
  readonly addresses: readonly number[];
  /** Bodies to put in place of calls, if any. */
  readonly bodyOf: ((call: Value) => IrFunction | null) | null;
  /** Bodies of functions of the program to put in place of calls, if any. */
  readonly local: LocalBodies | null;
  /** Passes to run. */
  readonly passes: readonly PassUse[];
  /** Whether instructions are counted one by one. */
  readonly exact: boolean;
}

/** The slots of each block, by block id. */
function slotsOf(fn: IrFunction): number[][] {
  const slots: number[][] = [];
  for (const { id, insns, term } of fn.blocks) {
    slots[id] = [...insns.map(({ pc }) => pc), term!.pc].filter((pc) => pc >= 0);
  }
  return slots;
}

/** Whether a value loads a symbol that nobody resolved. */
function isUnresolved({ args }: Value): boolean {
  return args.some(({ op, ref }) => op === "symbol" && ref!.target < 0);
}

/** Ends a block where it loads a symbol that nobody resolved. */
function cutUnresolved(fn: IrFunction, block: Block): void {
  const at = block.insns.findIndex(isUnresolved);
  if (at < 0) return;
  const removed = new Uint8Array(fn.valueCount);
  const trap = new Terminator("trap");
  trap.trap = "unresolved-symbol";
  trap.pc = block.insns[at].pc;
  disconnect([...block.succs]);
  block.term = trap;
  const table: (Value | undefined)[] = new Array(fn.valueCount);
  for (const { id } of block.insns.slice(at)) {
    removed[id] = 1;
    table[id] = fn.undef;
  }
  removeInsns(fn, removed);
  replaceUses(fn, table);
}

/**
 * Function addresses become constants; what is not known stops the program where it is loaded.
 *
 * @param fn The function; it is changed.
 * @param addresses For each function of the program its address.
 */
export function resolveSymbols(fn: IrFunction, addresses: readonly number[]): void {
  let found = false, unresolved = false;
  for (const { insns } of fn.blocks) {
    for (const value of insns) {
      value.args.forEach((arg, i) => {
        if (arg.op !== "symbol") return;
        found = true;
        if (arg.ref!.target < 0) unresolved = true;
        else value.args[i] = fn.constant(addresses[arg.ref!.target]);
      });
    }
  }
  if (found && unresolved) { for (const block of fn.blocks) cutUnresolved(fn, block); }
}

/** The most values that inlined functions add to another. */
const MOST_INLINED = 2000;

function inlineLocal(fn: IrFunction, local: LocalBodies): void {
  let added = 0;
  inlineCalls(fn, (call) => {
    const body = local.bodyOf(call);
    if (body === null || added + body.valueCount > MOST_INLINED) return null;
    added += body.valueCount;
    return body;
  });
}

/**
 * Prepares a function.
 *
 * @param index Its index in the program.
 * @param options How to prepare it.
 * @returns The function.
 * @throws {UnsupportedError} If it cannot be lifted.
 */
export function wasmSource(index: number, options: SourceOptions): WasmSource {
  const { context, addresses, bodyOf, local, passes, exact } = options;
  const fn = liftFunction(context.program, index, context);
  const slots = exact ? slotsOf(fn) : [];
  resolveSymbols(fn, addresses);
  if (bodyOf !== null) inlineCalls(fn, bodyOf);
  if (local !== null) inlineLocal(fn, local);
  const environment: PassEnvironment = {
    target: "vm",
    cpu: 4,
    order: context.program.order,
    kernelHelpers: context.kernelHelpers,
  };
  runPasses(fn, passes, environment);
  return { index, fn, slots, pointer: false };
}
