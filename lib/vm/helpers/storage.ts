/**
 * Helpers of storage that belongs to a task, socket, inode or cgroup. The owner is known by the pointer that the program
 * has; the caller finds its value under that number.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { GuestFault } from "../fault.ts";
import { LocalStorage } from "../maps/local_storage.ts";
import { failure, type HelperBodies, type HelperFactory, result, u32, u64 } from "./body.ts";

/** The flag that creates a missing value (BPF_LOCAL_STORAGE_GET_F_CREATE). */
const CREATE = 1n;

function storageOf({ maps }: Environment, handle: bigint, helper: string): LocalStorage {
  const map = maps.argument(handle, helper);
  if (map instanceof LocalStorage) return map;
  throw new GuestFault("helper", `cannot call ${helper}: ${map.name} is a ${map.typeName}`);
}

const get = (helper: string): HelperFactory => (env) => (_context, r1, r2, r3, r4) => {
  const map = storageOf(env, r1, helper);
  const flags = u64(r4);
  if (u64(r2) === 0n || flags > CREATE) return 0n;
  const initial = u64(r3) === 0n ? new Uint8Array(0) : env.memory.slice(r3, map.valueSize, false);
  return BigInt(map.get(u32(r2), env.cpu, flags === CREATE ? initial : null));
};

const drop = (helper: string): HelperFactory => (env) => (_context, r1, r2) => {
  const map = storageOf(env, r1, helper);
  return u64(r2) === 0n ? failure("EINVAL") : result(map.drop(u32(r2)));
};

/** The storage of the cgroup that the program is attached to, which always exists. */
const getOfCgroup: HelperFactory = (env) => (_context, r1) => {
  const map = storageOf(env, r1, "get_local_storage");
  const cgroup = u32(env.task.cgroups.at(-1) ?? 0n);
  const address = map.get(cgroup, env.cpu, new Uint8Array(0));
  if (address !== 0) return BigInt(address);
  throw new GuestFault("helper", "cannot call get_local_storage: guest memory is exhausted");
};

/** Helpers of storage that belongs to something. */
export const STORAGE_HELPERS: HelperBodies = {
  sk_storage_get: get("sk_storage_get"),
  sk_storage_delete: drop("sk_storage_delete"),
  inode_storage_get: get("inode_storage_get"),
  inode_storage_delete: drop("inode_storage_delete"),
  task_storage_get: get("task_storage_get"),
  task_storage_delete: drop("task_storage_delete"),
  cgrp_storage_get: get("cgrp_storage_get"),
  cgrp_storage_delete: drop("cgrp_storage_delete"),
  get_local_storage: getOfCgroup,
};
