/**
 * Calls of helpers that read the clocks, random numbers and who the task is, as code; and of those that always return the same.
 *
 * @module
 */

import { Builder } from "../ir/builder.ts";
import { IrFunction, type Value } from "../ir/function.ts";
import { helperById } from "../isa/helpers.ts";
import { clockReading, randomNumber, STATE, stateNumber } from "../runtime/state_code.ts";
import type { Environment } from "./environment.ts";

/** What makes the code of a helper. */
type CodeOf = (env: Environment) => IrFunction;

/** A clock that is ahead of CLOCK_MONOTONIC. */
const ahead = ({ state, clock: { step } }: Environment, by: bigint): IrFunction =>
  clockReading(state.address, { step, tick: 1n, scale: 1n, ahead: by });

/** Helpers that read the state of the sandbox, which must lie in guest memory. */
const READERS: { readonly [helper: string]: CodeOf | undefined } = {
  ktime_get_ns: (env) => ahead(env, 0n),
  ktime_get_boot_ns: (env) => ahead(env, env.clock.suspended),
  ktime_get_tai_ns: (env) => ahead(env, env.clock.tai),
  ktime_get_coarse_ns: ({ state, clock: { step, tick } }) =>
    clockReading(state.address, { step, tick, scale: tick, ahead: 0n }),
  jiffies64: ({ state, clock: { step, tick, firstJiffies } }) =>
    clockReading(state.address, { step, tick, scale: 1n, ahead: firstJiffies }),
  get_prandom_u32: ({ state }) => randomNumber(state.address),
  get_current_pid_tgid: ({ state }) => stateNumber(state.address, STATE.pidTgid),
  get_current_uid_gid: ({ state }) => stateNumber(state.address, STATE.uidGid),
};

function zero(name: string): IrFunction {
  const fn = new IrFunction(name);
  new Builder(fn).atEnd(fn.newBlock()).ret(fn.constant(0));
  return fn;
}

/**
 * The body for a call of such a helper.
 *
 * @param call Any call.
 * @param env The environment.
 * @returns What does the same; null to leave the call.
 */
export function environmentBody({ callee }: Value, env: Environment): IrFunction | null {
  const name = callee?.kind === "helper" ? helperById(callee.id)?.name ?? "" : "";
  if (name === "get_numa_node_id") return zero(name);
  if (name === "get_smp_processor_id") return env.maps.cpus === 1 ? zero(name) : null;
  if (env.memory.order !== "little") return null;
  return Object.hasOwn(READERS, name) ? READERS[name]!(env) : null;
}
