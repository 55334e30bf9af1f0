/**
 * Kfuncs that allocate objects and count references to them, and the helper that exchanges pointers in maps.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import type { Environment } from "../environment.ts";
import { GuestFault } from "../fault.ts";
import { specialFields } from "../maps/fields.ts";
import type { HeapObject } from "../object_heap.ts";
import { type HelperBodies, type HelperFactory, u32, u64 } from "./body.ts";

/**
 * The object that an argument lies in.
 *
 * @param env The environment.
 * @param register The argument.
 * @param kfunc Name of the kfunc.
 * @returns The object.
 * @throws {GuestFault} If there is none.
 */
export function objectOf({ heap }: Environment, register: bigint, kfunc: string): HeapObject {
  const object = heap.find(u64(register));
  if (object !== null) return object;
  const hex = u64(register).toString(16);
  throw new GuestFault("helper", `cannot call ${kfunc}: 0x${hex} is not in an object`);
}

/** Address of the reference count of an object; null if it has none. */
function countAddress({ address, fields }: HeapObject): bigint | null {
  const field = fields.find(({ kind }) => kind === "refcount");
  return field === undefined ? null : BigInt(address + field.offset);
}

/** Allocates an object of a type of the program's BTF. */
const allocate = (kfunc: string, perCpu: boolean): HelperFactory => (env) => (_context, r1) => {
  const { types, heap, maps, memory } = env;
  const id = Number(u64(r1));
  try {
    if (types === null) throw new EpassError("the program has no BTF");
    const size = types.sizeOf(id);
    const object = heap.allocate(size, specialFields(types, id, size), perCpu ? maps.cpus : 1);
    if (object === null) return 0n;
    const count = countAddress(object);
    if (count !== null) memory.store(count, 4, 1n);
    return BigInt(object.address);
  } catch (error) {
    if (error instanceof GuestFault || !(error instanceof EpassError)) throw error;
    throw new GuestFault("helper", `cannot call ${kfunc} for type ${id}: ${error.message}`);
  }
};

/**
 * Gives back a reference to an object, and the object with the last one.
 *
 * @param env The environment.
 * @param object The object.
 */
export function dropObject({ memory, heap }: Environment, object: HeapObject): void {
  const count = countAddress(object);
  if (count !== null) {
    const left = memory.load(count, 4) - 1n;
    memory.store(count, 4, left);
    if (left > 0n) return;
  }
  heap.release(object);
}

const drop = (kfunc: string): HelperFactory => (env) => (_context, r1) => {
  dropObject(env, objectOf(env, r1, kfunc));
  return 0n;
};

const acquire: HelperFactory = (env) => (_context, r1) => {
  const count = countAddress(objectOf(env, r1, "bpf_refcount_acquire_impl"));
  if (count === null) return 0n;
  const references = env.memory.load(count, 4);
  if (references === 0n) return 0n;
  env.memory.store(count, 4, references + 1n);
  return u64(r1);
};

/** Exchanges a pointer in memory. */
const exchange: HelperFactory = ({ memory }) => (_context, r1, r2) => {
  const old = memory.load(r1, 8);
  memory.store(r1, 8, r2);
  return old;
};

/** A CPU's part of an object, or of a variable of the kernel, of which there is one only. */
function perCpuAddress(env: Environment, register: bigint, cpu: number): bigint {
  if (cpu >= env.maps.cpus) return 0n;
  const object = env.heap.find(u64(register));
  return object === null ? u64(register) : u64(register) + BigInt(object.size * cpu);
}

/** Helpers of objects. */
export const OBJECT_HELPERS: HelperBodies = {
  kptr_xchg: exchange,
  per_cpu_ptr: (env) => (_context, r1, r2) => perCpuAddress(env, r1, u32(r2)),
  this_cpu_ptr: (env) => (_context, r1) => perCpuAddress(env, r1, env.cpu),
};

const nothing: HelperFactory = () => () => 0n;

/** Kfuncs of objects, and those that protect them, which a sandbox with one thread need not do. */
export const OBJECT_KFUNCS: HelperBodies = {
  bpf_obj_new_impl: allocate("bpf_obj_new_impl", false),
  bpf_obj_drop_impl: drop("bpf_obj_drop_impl"),
  bpf_percpu_obj_new_impl: allocate("bpf_percpu_obj_new_impl", true),
  bpf_percpu_obj_drop_impl: drop("bpf_percpu_obj_drop_impl"),
  bpf_refcount_acquire_impl: acquire,
  bpf_rcu_read_lock: nothing,
  bpf_rcu_read_unlock: nothing,
  bpf_preempt_disable: nothing,
  bpf_preempt_enable: nothing,
  bpf_local_irq_save: nothing,
  bpf_local_irq_restore: nothing,
  bpf_cast_to_kern_ctx: () => (_context, r1) => u64(r1),
  bpf_rdonly_cast: () => (_context, r1) => u64(r1),
};
