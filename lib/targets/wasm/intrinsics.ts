/**
 * Intrinsics: operations of the virtual machine that WebAssembly has instructions for.
 *
 * @module
 */

import { UnsupportedError } from "../../errors.ts";
import type { Value } from "../../ir/function.ts";
import type { CodeWriter } from "./code_writer.ts";
import type { Expressions } from "./expressions.ts";
import { isMemoryFunction } from "./memory_functions.ts";
import type { WasmUnit } from "./unit.ts";

/** What intrinsics need of the function around them. */
export interface IntrinsicContext {
  /** Where instructions are written. */
  readonly code: CodeWriter;
  /** Operand trees. */
  readonly expressions: Expressions;
  /** The module. */
  readonly unit: WasmUnit;
  /** Gives a callee the counter. */
  releaseFuel(): void;
  /** Takes it back. */
  acquireFuel(): void;
}

/** Emits an intrinsic; its result is on the stack. */
type Emitter = (context: IntrinsicContext, args: readonly Value[]) => void;

const INTRINSICS: { readonly [name: string]: Emitter } = {
  "bits.count": ({ code, expressions }, [value]) => {
    expressions.push(value, 64);
    code.op("i64.popcnt");
  },
};

/** Names of the intrinsics that WebAssembly has. */
export const WASM_INTRINSICS: readonly string[] = Object.keys(INTRINSICS);

function callMemoryFunction(
  context: IntrinsicContext,
  args: readonly Value[],
  name: string,
): void {
  context.releaseFuel();
  for (const arg of args) context.expressions.push(arg, 64);
  context.code.indexed("call", context.unit.memoryFunction(name));
  context.acquireFuel();
}

/**
 * Emits an intrinsic.
 *
 * @param context The function around it.
 * @param call The call.
 * @param name The name of the intrinsic.
 * @throws {UnsupportedError} If there is none of that name.
 */
export function emitIntrinsic(context: IntrinsicContext, call: Value, name: string): void {
  if (isMemoryFunction(name)) return callMemoryFunction(context, call.args, name);
  if (!Object.hasOwn(INTRINSICS, name)) {
    throw new UnsupportedError(`cannot emit intrinsic ${name}: WebAssembly has none`, {
      pc: call.pc,
    });
  }
  INTRINSICS[name](context, call.args);
}
