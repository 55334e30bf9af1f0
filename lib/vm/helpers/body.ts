/**
 * The bodies of helpers and kfuncs: tables by name, and how a body reads its arguments and tells its result.
 *
 * Arguments are 64-bit patterns; the kernel cuts each to the type of its parameter, whatever the high bits. A pointer is
 * checked when memory is accessed through it: where the kernel's verifier vouches for it, a bad one is a fault.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { ERRNO, type ErrnoName } from "../errno.ts";
import type { Helper } from "../machine.ts";

/** Makes the body of a helper or kfunc for an environment. */
export type HelperFactory = (env: Environment) => Helper;

/** Bodies by name: of helpers without `bpf_`, of kfuncs in full. */
export type HelperBodies = { readonly [name: string]: HelperFactory };

/**
 * An argument of type u32.
 *
 * @param register The register's pattern.
 * @returns Its low 32 bits, unsigned.
 */
export function u32(register: bigint): number {
  return Number(register & 0xffff_ffffn);
}

/**
 * An argument of type int or s32.
 *
 * @param register The register's pattern.
 * @returns Its low 32 bits, signed.
 */
export function s32(register: bigint): number {
  return Number(register & 0xffff_ffffn) | 0;
}

/**
 * An argument of type u64.
 *
 * @param register The register's pattern.
 * @returns All bits, unsigned.
 */
export function u64(register: bigint): bigint {
  return BigInt.asUintN(64, register);
}

const FAILURES = Object.fromEntries(
  Object.entries(ERRNO).map(([name, value]) => [name, BigInt.asUintN(64, BigInt(-value))]),
) as { readonly [name in ErrnoName]: bigint };

/**
 * The result of a helper that fails.
 *
 * @param name Name of the error number.
 * @returns The negated number as a 64-bit pattern.
 */
export function failure(name: ErrnoName): bigint {
  return FAILURES[name];
}

/**
 * The result of a helper that returns a number.
 *
 * @param value The number, an integer.
 * @returns Its 64-bit pattern.
 */
export function result(value: number): bigint {
  return value >= 0 ? BigInt(value) : BigInt.asUintN(64, BigInt(value));
}
