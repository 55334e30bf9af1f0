/**
 * Helpers of programs that watch over kernel parameters (kernel/bpf/cgroup.c).
 *
 * @module
 */

import { SysctlContext } from "../contexts/sysctl.ts";
import type { Environment } from "../environment.ts";
import { failure, type HelperBodies, u32, u64 } from "./body.ts";
import { contextOf } from "./contexts.ts";

/** BPF_F_SYSCTL_BASE_NAME. */
const BASE_NAME = 1n;
/** Most bytes of a value: a page without its NUL. */
const MAX_VALUE = 4095;

const sysctlOf = (env: Environment, register: bigint): SysctlContext =>
  contextOf(SysctlContext, env, register);

/** Copies text with a NUL; E2BIG if it does not fit, after as much as does. */
function copyText(target: Uint8Array, text: Uint8Array): bigint {
  if (target.length === 0) return failure("E2BIG");
  target.fill(0);
  target.set(text.subarray(0, target.length - 1));
  return text.length < target.length ? BigInt(text.length) : failure("E2BIG");
}

/** Copies a value (`copy_sysctl_value`); EINVAL and zeros if there is none. */
function copyValue(target: Uint8Array, value: Uint8Array | null): bigint {
  if (target.length === 0) return failure("E2BIG");
  if (value !== null && value.length > 0) return copyText(target, value);
  target.fill(0);
  return failure("EINVAL");
}

/** Helpers of programs that watch over kernel parameters. */
export const SYSCTL_HELPERS: HelperBodies = {
  sysctl_get_name: (env) => ({ memory }, r1, r2, r3, r4) => {
    const { name } = sysctlOf(env, r1);
    const wanted = (u64(r4) & BASE_NAME) !== 0n ? name.slice(name.lastIndexOf("/") + 1) : name;
    return copyText(memory.slice(r2, u32(r3), true), new TextEncoder().encode(wanted));
  },
  sysctl_get_current_value: (env) => ({ memory }, r1, r2, r3) =>
    copyValue(memory.slice(r2, u32(r3), true), sysctlOf(env, r1).current),
  sysctl_get_new_value: (env) => ({ memory }, r1, r2, r3) =>
    copyValue(memory.slice(r2, u32(r3), true), sysctlOf(env, r1).wanted),
  sysctl_set_new_value: (env) => ({ memory }, r1, r2, r3) => {
    const context = sysctlOf(env, r1);
    const size = u32(r3);
    if (context.wanted === null || context.wanted.length === 0 || size === 0) {
      return failure("EINVAL");
    }
    if (size > MAX_VALUE) return failure("E2BIG");
    context.wanted = memory.slice(r2, size, false).slice();
    env.records.act("sysctl_set_new_value", ...Array.from(context.wanted, BigInt));
    return 0n;
  },
};
