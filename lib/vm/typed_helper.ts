/**
 * Helpers and kfuncs with a signature: arguments come as what they mean, results go as they are.
 *
 * @module
 */

import type { Environment } from "./environment.ts";
import { GuestFault } from "./fault.ts";
import { readForeignString } from "./foreign_memory.ts";
import type { HelperFactory } from "./helpers/body.ts";
import type { Helper, HelperContext } from "./machine.ts";
import type { GuestMap } from "./maps/map.ts";

/** What a parameter is; `memory` and `buffer` take two registers, an address and a size. */
export interface ParameterTypes {
  /** The low 32 bits, unsigned. */
  u32: number;
  /** The low 32 bits, signed. */
  s32: number;
  /** All bits, unsigned. */
  u64: bigint;
  /** All bits, signed. */
  s64: bigint;
  /** An address in guest memory, not checked. */
  pointer: bigint;
  /** Bytes to read: a view, valid until guest memory grows. */
  memory: Uint8Array;
  /** Bytes to write: a view, valid until guest memory grows. */
  buffer: Uint8Array;
  /** Text up to its NUL. */
  string: string;
  /** A map. */
  map: GuestMap;
  /** A function of the program. */
  callback: (...args: readonly (number | bigint)[]) => bigint;
}

/** Name of a parameter type. */
export type ParameterType = keyof ParameterTypes;

/** The arguments of a signature. */
export type TypedArguments<P extends readonly ParameterType[]> = {
  -readonly [I in keyof P]: ParameterTypes[P[I]];
};

/** What a body returns: a number as it is, true as 1, nothing as 0. */
export type TypedResult = number | bigint | boolean | void;

/** The body of a helper with a signature. */
export type TypedBody<P extends readonly ParameterType[]> = (
  context: HelperContext,
  ...args: TypedArguments<P>
) => TypedResult;

/** The longest text of a `string` parameter. */
const MAX_STRING = 65_536;

/** A call: its registers, of which parameters take one after the other. */
class Call {
  readonly #env: Environment;
  readonly #context: HelperContext;
  readonly #registers: readonly bigint[];
  #next = 0;

  constructor(env: Environment, context: HelperContext, registers: readonly bigint[]) {
    this.#env = env;
    this.#context = context;
    this.#registers = registers;
  }

  register(): bigint {
    return this.#registers[this.#next++];
  }

  bytes(write: boolean): Uint8Array {
    const address = this.register();
    return this.#env.memory.slice(address, Number(BigInt.asUintN(64, this.register())), write);
  }

  string(): string {
    const address = BigInt.asUintN(64, this.register());
    this.#env.memory.check(address, 1, false);
    const bytes = readForeignString(this.#env, "kernel", address, MAX_STRING);
    if (bytes === null || bytes.at(-1) !== 0) {
      throw new GuestFault("helper", `cannot read a string at 0x${address.toString(16)}: no NUL`);
    }
    return new TextDecoder().decode(bytes.subarray(0, -1));
  }

  map(): GuestMap {
    return this.#env.maps.argument(this.register(), "the helper");
  }

  callback(): ParameterTypes["callback"] {
    const address = this.register();
    return (...args) => this.#context.call(address, args.map((a) => BigInt.asUintN(64, BigInt(a))));
  }
}

/** How an argument of each type is made. */
const READERS: { readonly [T in ParameterType]: (call: Call) => ParameterTypes[T] } = {
  u32: (call) => Number(BigInt.asUintN(32, call.register())),
  s32: (call) => Number(BigInt.asIntN(32, call.register())),
  u64: (call) => BigInt.asUintN(64, call.register()),
  s64: (call) => BigInt.asIntN(64, call.register()),
  pointer: (call) => BigInt.asUintN(64, call.register()),
  memory: (call) => call.bytes(false),
  buffer: (call) => call.bytes(true),
  string: (call) => call.string(),
  map: (call) => call.map(),
  callback: (call) => call.callback(),
};

/**
 * Makes a helper or kfunc from a body with a signature.
 *
 * @param params What its parameters are, in the order of the registers r1 to r5.
 * @param body The body; it may throw a {@link GuestFault} to stop the program.
 * @returns What a sandbox binds to its environment.
 *
 * @example
 * ```ts ignore
 * const checksum = typedHelper(["memory", "u32"], (_context, bytes, seed) =>
 *   bytes.reduce((sum, byte) => sum + byte, seed));
 * table.set(200, checksum(env));
 * ```
 */
export function typedHelper<const P extends readonly ParameterType[]>(
  params: P,
  body: TypedBody<P>,
): HelperFactory {
  const readers = params.map((type) => READERS[type]);
  return (env) => (context, r1, r2, r3, r4, r5) => {
    const call = new Call(env, context, [r1, r2, r3, r4, r5]);
    const args = readers.map((read) => read(call)) as TypedArguments<P>;
    const result = body(context, ...args);
    return BigInt.asUintN(64, BigInt(result ?? 0));
  };
}

/** How a body is given to a registration: as it is called, or with its signature. */
export type BodyArguments =
  | readonly [body: Helper]
  | readonly [params: readonly ParameterType[], body: TypedBody<readonly ParameterType[]>];

/**
 * The body that a registration means.
 *
 * @param env The environment.
 * @param how The body, or its signature and the body.
 * @returns What engines call.
 */
export function bodyOf(env: Environment, how: BodyArguments): Helper {
  if (how.length === 1) return how[0];
  const [params, body] = how;
  return typedHelper(params, body)(env);
}
