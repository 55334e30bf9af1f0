/**
 * Helpers that read memory which may not be there. What cannot be read gives zeros and an error number, as in the kernel.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import {
  foreignError,
  guestOffset,
  readForeign,
  readForeignString,
  TASK_SIZE,
} from "../foreign_memory.ts";
import { GuestFault } from "../fault.ts";
import type { AddressSpace } from "../providers.ts";
import { failure, type HelperBodies, type HelperFactory, result, u32, u64 } from "./body.ts";

/** Copies bytes to the program's memory; what cannot be read becomes zeros. */
function copyBytes(
  env: Environment,
  space: AddressSpace,
  target: bigint,
  size: number,
  address: bigint,
): bigint {
  const { memory, providers } = env;
  if (size > 0 && providers.readMemory === undefined) {
    // The common case, without views.
    const from = guestOffset(memory, address, size);
    const to = memory.check(target, size, true);
    if (from >= 0) {
      memory.bytes.copyWithin(to, from, from + size);
      return 0n;
    }
  }
  const source = readForeign(env, space, address, size);
  const bytes = memory.slice(target, size, true);
  if (source !== null) {
    bytes.set(source);
    return 0n;
  }
  bytes.fill(0);
  return result(-foreignError(space, address));
}

/** Where the kernel's copy of a string from a process ends: it copies whole words, with zeros after the NUL. */
function copiedEnd(length: number, size: number): number {
  const word = (length + 7) & ~7;
  return word <= size ? word : length;
}

/** Copies a string to the program's memory, cut to fit, with its NUL. */
function copyString(
  env: Environment,
  space: AddressSpace,
  target: bigint,
  size: number,
  address: bigint,
): bigint {
  const bytes = env.memory.slice(target, size, true);
  if (size === 0) return 0n;
  const source = readForeignString(env, space, address, size);
  if (source === null) {
    bytes.fill(0);
    return result(-foreignError(space, address));
  }
  const { length } = source;
  bytes.set(source);
  bytes[length - 1] = 0;
  if (space === "user") bytes.fill(0, length, copiedEnd(length, size));
  return result(length);
}

type Copy = typeof copyBytes;

const probe = (copy: Copy, space: AddressSpace): HelperFactory => (env) => (_context, r1, r2, r3) =>
  copy(env, space, r1, u32(r2), u64(r3));

/** The first version of the helpers: the address tells the space. */
const probeAny = (copy: Copy): HelperFactory => (env) => (_context, r1, r2, r3) => {
  const address = u64(r3);
  return copy(env, address < TASK_SIZE ? "user" : "kernel", r1, u32(r2), address);
};

const copyFromTask: HelperFactory = (env) => (_context, r1, r2, r3, _r4, r5) =>
  u64(r5) !== 0n ? failure("EINVAL") : copyBytes(env, "user", r1, u32(r2), u64(r3));

/** Stores to a process: guest memory stands for it. */
const writeUser: HelperFactory = ({ memory }) => (_context, r1, r2, r3) => {
  const size = u32(r3);
  const source = memory.slice(r2, size, false);
  try {
    memory.slice(r1, size, true).set(source);
    return 0n;
  } catch (error) {
    if (error instanceof GuestFault) return failure("EFAULT");
    throw error;
  }
};

/** Helpers that read memory which may not be there. */
export const PROBE_HELPERS: HelperBodies = {
  probe_read: probeAny(copyBytes),
  probe_read_kernel: probe(copyBytes, "kernel"),
  probe_read_user: probe(copyBytes, "user"),
  probe_read_str: probeAny(copyString),
  probe_read_kernel_str: probe(copyString, "kernel"),
  probe_read_user_str: probe(copyString, "user"),
  copy_from_user: probe(copyBytes, "user"),
  copy_from_user_task: copyFromTask,
  probe_write_user: writeUser,
};
