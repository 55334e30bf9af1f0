/**
 * Helpers that read and change maps.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { GuestFault } from "../fault.ts";
import { BloomFilter } from "../maps/bloom_filter.ts";
import { type GuestMap, MAP_FLAG } from "../maps/map.ts";
import { QueueMap } from "../maps/queue.ts";
import { ReferenceArray } from "../maps/reference_array.ts";
import { failure, type HelperBodies, type HelperFactory, result, u32, u64 } from "./body.ts";

/** A map that a program may change; the kernel's verifier refuses a call with any other. */
function changeable({ maps }: Environment, handle: bigint, helper: string): GuestMap {
  const map = maps.argument(handle, helper);
  if ((map.flags & MAP_FLAG.RDONLY_PROG) === 0) return map;
  throw new GuestFault("read-only", `cannot call ${helper}: map ${map.name} is read-only`);
}

const lookup: HelperFactory = (env) => (_context, r1, r2) => {
  const map = env.maps.argument(r1, "map_lookup_elem");
  return BigInt(map.lookup(env.memory.slice(r2, map.keySize, false), env.cpu));
};

const lookupOnCpu: HelperFactory = (env) => (_context, r1, r2, r3) => {
  const map = env.maps.argument(r1, "map_lookup_percpu_elem");
  const cpu = u32(r3);
  if (!map.perCpu || cpu >= map.copies) return 0n;
  return BigInt(map.lookup(env.memory.slice(r2, map.keySize, false), cpu));
};

const update: HelperFactory = (env) => (_context, r1, r2, r3, r4) => {
  const map = changeable(env, r1, "map_update_elem");
  const key = env.memory.slice(r2, map.keySize, false);
  const value = env.memory.slice(r3, map.valueSize, false);
  return result(map.update(key, value, Number(u64(r4)), env.cpu));
};

const remove: HelperFactory = (env) => (_context, r1, r2) => {
  const map = changeable(env, r1, "map_delete_elem");
  return result(map.delete(env.memory.slice(r2, map.keySize, false)));
};

const push: HelperFactory = (env) => (_context, r1, r2, r3) => {
  const map = changeable(env, r1, "map_push_elem");
  if (!(map instanceof QueueMap || map instanceof BloomFilter)) return failure("EOPNOTSUPP");
  return result(map.push(env.memory.slice(r2, map.valueSize, false), Number(u64(r3))));
};

/** Takes or copies the next value of a queue; zeros if there is none. */
function next(env: Environment, map: GuestMap, target: bigint, take: boolean): bigint {
  if (!(map instanceof QueueMap)) return failure("EOPNOTSUPP");
  const bytes = env.memory.slice(target, map.valueSize, true);
  const value = take ? map.pop() : map.peek();
  if (typeof value === "number") {
    bytes.fill(0);
    return result(value);
  }
  bytes.set(value);
  return 0n;
}

const pop: HelperFactory = (env) => (_context, r1, r2) =>
  next(env, changeable(env, r1, "map_pop_elem"), r2, true);

const peek: HelperFactory = (env) => (_context, r1, r2) => {
  const map = env.maps.argument(r1, "map_peek_elem");
  if (!(map instanceof BloomFilter)) return next(env, map, r2, false);
  return result(map.peek(env.memory.slice(r2, map.valueSize, false)));
};

const forEach: HelperFactory = (env) => (context, r1, r2, r3, r4) => {
  const map = env.maps.argument(r1, "for_each_map_elem");
  if (u64(r4) !== 0n) return failure("EINVAL");
  const visit = (key: number, value: number): boolean =>
    context.call(r2, [r1, BigInt(key), BigInt(value), r3]) === 0n;
  return result(map.visit(env.cpu, visit));
};

const isUnderCgroup: HelperFactory = (env) => (_context, r1, r2) => {
  const map = env.maps.argument(r1, "current_task_under_cgroup");
  const index = u32(r2);
  if (!(map instanceof ReferenceArray) || index >= map.maxEntries) return failure("E2BIG");
  const id = map.get(index);
  if (id === 0) return failure("EAGAIN");
  return env.task.cgroups.includes(BigInt(id)) ? 1n : 0n;
};

/** Helpers that read and change maps. */
export const MAP_HELPERS: HelperBodies = {
  map_lookup_elem: lookup,
  map_lookup_percpu_elem: lookupOnCpu,
  map_update_elem: update,
  map_delete_elem: remove,
  map_push_elem: push,
  map_pop_elem: pop,
  map_peek_elem: peek,
  for_each_map_elem: forEach,
  current_task_under_cgroup: isUnderCgroup,
};
