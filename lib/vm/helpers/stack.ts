/**
 * Helpers that take the call stack of the current task, which the caller provides.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { GuestFault } from "../fault.ts";
import { StackTraceMap } from "../maps/stack_trace.ts";
import { failure, type HelperBodies, type HelperFactory, result, u32, u64 } from "./body.ts";

/** Flags (linux/bpf.h). */
const SKIP_MASK = 0xffn;
const USER = 1n << 8n;
const ID_FLAGS = 3n << 9n;
/** The most frames of a stack (kernel.perf_event_max_stack). */
const MAX_FRAMES = 127;

/** The stack that flags ask for: empty if there is none. */
function stackOf({ providers }: Environment, flags: bigint): readonly bigint[] {
  const stack = providers.stack?.((flags & USER) !== 0n ? "user" : "kernel") ?? [];
  return stack.slice(0, MAX_FRAMES);
}

const stackId: HelperFactory = (env) => (_context, _r1, r2, r3) => {
  const map = env.maps.argument(r2, "get_stackid");
  if (!(map instanceof StackTraceMap)) {
    throw new GuestFault("helper", `cannot call get_stackid: ${map.name} is not a stack_trace`);
  }
  const flags = u64(r3);
  if ((flags & ~(SKIP_MASK | USER | ID_FLAGS)) !== 0n) return failure("EINVAL");
  return result(map.add(stackOf(env, flags), Number(flags)));
};

/** Stores a stack and zeros behind it. Build ids are not known to a sandbox. */
function storeStack(env: Environment, target: bigint, size: number, flags: bigint): bigint {
  const { memory } = env;
  memory.slice(target, size, true).fill(0);
  if ((flags & ~(SKIP_MASK | USER)) !== 0n || size % 8 !== 0) return failure("EINVAL");
  const stack = stackOf(env, flags);
  const skip = Number(flags & SKIP_MASK);
  if (stack.length === 0 || stack.length < skip) return failure("EFAULT");
  const kept = stack.slice(skip, skip + size / 8);
  kept.forEach((address, i) => memory.store(target + BigInt(8 * i), 8, address));
  return result(8 * kept.length);
}

const currentStack: HelperFactory = (env) => (_context, _r1, r2, r3, r4) =>
  storeStack(env, r2, u32(r3), u64(r4));

/** Helpers that take the call stack of the current task. */
export const STACK_HELPERS: HelperBodies = {
  get_stackid: stackId,
  get_stack: currentStack,
  get_task_stack: currentStack,
};
