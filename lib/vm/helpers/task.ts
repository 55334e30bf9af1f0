/**
 * Helpers that tell which task and CPU the program runs on, and random numbers.
 *
 * @module
 */

import { STATE } from "../../runtime/state_code.ts";
import type { Environment, TaskIdentity } from "../environment.ts";
import type { KernelObjects } from "../kernel_objects.ts";
import type { Region } from "../memory.ts";
import { reserveOrFault } from "../object_heap.ts";
import { failure, type HelperBodies, type HelperFactory, s32, u32, u64 } from "./body.ts";

/** Bytes that stand for the kernel's `struct task_struct`; it has less than 10 KiB in Linux 6.18. */
const TASK_SIZE = 16_384;
/** Bytes of `struct bpf_pidns_info`. */
const PIDNS_INFO_SIZE = 8;

/** The longest name of a task, without its NUL. */
const MAX_NAME = 15;

/** The name of the task as the kernel keeps it. */
function taskName({ task }: Environment): Uint8Array {
  return new TextEncoder().encode(task.comm).subarray(0, MAX_NAME);
}

/** Writes who the task is into the structures of the kernel that say it. */
function describeTask(env: Environment, kernel: KernelObjects): void {
  const { pid, tgid, uid, gid } = env.task;
  const comm = new Uint8Array(MAX_NAME + 1);
  comm.set(taskName(env));
  kernel.fill("task_struct", { pid, tgid, comm });
  kernel.fill("cred", { uid, gid, euid: uid, egid: gid, suid: uid, sgid: gid });
}

/** The current task as a structure of the kernel; zeros if the kernel's types are not known. */
const currentTask: HelperFactory = (env) => {
  let region: Region | null = null;
  let described: TaskIdentity | null = null;
  return () => {
    const { kernel, task } = env;
    const address = kernel?.address("task_struct") ?? 0;
    if (kernel !== null && address !== 0) {
      if (described !== task) describeTask(env, kernel);
      described = task;
      return BigInt(address);
    }
    region ??= reserveOrFault(env.memory, "the current task", TASK_SIZE);
    return BigInt(region.address);
  };
};

const currentComm: HelperFactory = (env) => {
  let name = taskName(env), named = env.task;
  return (_context, r1, r2) => {
    const { memory, task } = env;
    const size = u32(r2);
    if (size === 0) return failure("EINVAL");
    if (named !== task) {
      name = taskName(env);
      named = task;
    }
    const at = memory.check(r1, size, true);
    const { bytes } = memory;
    const copied = Math.min(name.length, size - 1);
    for (let i = 0; i < copied; i++) bytes[at + i] = name[i];
    bytes.fill(0, at + copied, at + size);
    return 0n;
  };
};

const ancestorCgroup: HelperFactory = (env) => (_context, r1) => env.task.cgroups[s32(r1)] ?? 0n;

const namespacePid: HelperFactory = (env) => (_context, r1, r2, r3, r4) => {
  const { memory } = env;
  const { device, inode, pid, tgid } = env.task.namespace;
  const size = u32(r4);
  const target = memory.slice(r3, size, true);
  if (size !== PIDNS_INFO_SIZE || u64(r1) !== device || u64(r2) !== inode) {
    target.fill(0);
    return failure("EINVAL");
  }
  memory.store(r3, 4, BigInt(pid));
  memory.store(r3 + 4n, 4, BigInt(tgid));
  return 0n;
};

/** Helpers that tell which task and CPU the program runs on, and random numbers. */
export const TASK_HELPERS: HelperBodies = {
  get_current_pid_tgid: ({ state }) => () => state.number(STATE.pidTgid),
  get_current_uid_gid: ({ state }) => () => state.number(STATE.uidGid),
  get_current_comm: currentComm,
  get_current_cgroup_id: (env) => () => env.task.cgroups.at(-1) ?? 0n,
  get_current_ancestor_cgroup_id: ancestorCgroup,
  get_ns_current_pid_tgid: namespacePid,
  get_current_task: currentTask,
  get_current_task_btf: currentTask,
  get_smp_processor_id: (env) => () => BigInt(env.cpu),
  get_numa_node_id: () => () => 0n,
  get_prandom_u32: ({ random }) => () => BigInt(random.next()),
};
