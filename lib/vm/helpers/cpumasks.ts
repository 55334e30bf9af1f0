/**
 * Kfuncs of sets of CPUs (kernel/bpf/cpumask.c), objects of a sandbox as others.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { type HelperBodies, type HelperFactory, u32, u64 } from "./body.ts";
import { objectOf } from "./objects.ts";

/** Bytes of a set: `struct cpumask` for 8,192 CPUs, then a count of references. */
const MASK_SIZE = 1024;
const COUNT_SIZE = 8;

/** The set at an address, as a number with a bit for each CPU. */
function load({ memory, maps }: Environment, address: bigint): bigint {
  const bytes = memory.slice(address, MASK_SIZE, false);
  let mask = 0n;
  for (let i = Math.min(MASK_SIZE, Math.ceil(maps.cpus / 8)) - 1; i >= 0; i--) {
    mask = mask << 8n | BigInt(bytes[i]);
  }
  return mask & all(maps.cpus);
}

function store({ memory }: Environment, address: bigint, mask: bigint): void {
  const bytes = memory.slice(address, MASK_SIZE, true);
  let rest = mask;
  for (let i = 0; rest !== 0n || i < MASK_SIZE && bytes[i] !== 0; i++) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

const all = (cpus: number): bigint => (1n << BigInt(cpus)) - 1n;
const flag = (value: boolean): bigint => value ? 1n : 0n;
const bit = (cpu: number): bigint => 1n << BigInt(cpu);

/** The number of the lowest bit; the number of CPUs if there is none. */
function first({ maps }: Environment, mask: bigint): bigint {
  for (let cpu = 0; cpu < maps.cpus; cpu++) if ((mask & bit(cpu)) !== 0n) return BigInt(cpu);
  return BigInt(maps.cpus);
}

const create: HelperFactory = ({ heap, memory }) => () => {
  const object = heap.allocate(MASK_SIZE + COUNT_SIZE);
  if (object === null) return 0n;
  memory.store(BigInt(object.address + MASK_SIZE), 4, 1n);
  return BigInt(object.address);
};

const acquire: HelperFactory = ({ memory }) => (_context, r1) => {
  const count = r1 + BigInt(MASK_SIZE);
  memory.store(count, 4, memory.load(count, 4) + 1n);
  return u64(r1);
};

const release: HelperFactory = (env) => (_context, r1) => {
  const object = objectOf(env, r1, "bpf_cpumask_release");
  const count = BigInt(object.address + MASK_SIZE);
  const left = env.memory.load(count, 4) - 1n;
  env.memory.store(count, 4, left);
  if (left <= 0n) env.heap.release(object);
  return 0n;
};

/** Asks about one CPU of a set, and may change it. */
const single = (change: (mask: bigint, bit: bigint) => bigint): HelperFactory =>
(env) =>
(
  _context,
  r1,
  r2,
) => {
  const cpu = u32(r1);
  if (cpu >= env.maps.cpus) return 0n;
  const mask = load(env, r2);
  const changed = change(mask, bit(cpu));
  if (changed !== mask) store(env, r2, changed);
  return flag((mask & bit(cpu)) !== 0n);
};

/** Combines two sets into the first argument. */
const combine = (operation: (a: bigint, b: bigint) => bigint): HelperFactory =>
(env) =>
(
  _context,
  r1,
  r2,
  r3,
) => {
  const mask = operation(load(env, r2), load(env, r3));
  store(env, r1, mask);
  return flag(mask !== 0n);
};

const assign = (value: (cpus: number) => bigint): HelperFactory => (env) => (_context, r1) => {
  store(env, r1, value(env.maps.cpus));
  return 0n;
};

/** Asks about one set. */
const ask1 = (answer: (env: Environment, mask: bigint) => bigint): HelperFactory =>
(env) =>
(
  _context,
  r1,
) => answer(env, load(env, r1));

/** Asks about two sets. */
const ask2 =
  (answer: (env: Environment, a: bigint, b: bigint) => bigint): HelperFactory =>
  (env) =>
  (_context, r1, r2) => answer(env, load(env, r1), load(env, r2));

const weight = (mask: bigint): bigint => BigInt(mask.toString(2).replaceAll("0", "").length);

/** Kfuncs of sets of CPUs. */
export const CPUMASK_KFUNCS: HelperBodies = {
  bpf_cpumask_create: create,
  bpf_cpumask_acquire: acquire,
  bpf_cpumask_release: release,
  bpf_cpumask_set_cpu: single((mask, cpu) => mask | cpu),
  bpf_cpumask_clear_cpu: single((mask, cpu) => mask & ~cpu),
  bpf_cpumask_test_cpu: single((mask) => mask),
  bpf_cpumask_test_and_set_cpu: single((mask, cpu) => mask | cpu),
  bpf_cpumask_test_and_clear_cpu: single((mask, cpu) => mask & ~cpu),
  bpf_cpumask_setall: assign(all),
  bpf_cpumask_clear: assign(() => 0n),
  bpf_cpumask_and: combine((a, b) => a & b),
  bpf_cpumask_or: combine((a, b) => a | b),
  bpf_cpumask_xor: combine((a, b) => a ^ b),
  bpf_cpumask_copy: (env) => (_context, r1, r2) => {
    store(env, r1, load(env, r2));
    return 0n;
  },
  bpf_cpumask_equal: ask2((_env, a, b) => flag(a === b)),
  bpf_cpumask_intersects: ask2((_env, a, b) => flag((a & b) !== 0n)),
  bpf_cpumask_subset: ask2((_env, a, b) => flag((a & ~b) === 0n)),
  bpf_cpumask_empty: ask1((_env, mask) => flag(mask === 0n)),
  bpf_cpumask_full: ask1(({ maps }, mask) => flag(mask === all(maps.cpus))),
  bpf_cpumask_first: ask1(first),
  bpf_cpumask_first_zero: ask1((env, mask) => first(env, ~mask)),
  bpf_cpumask_first_and: ask2((env, a, b) => first(env, a & b)),
  bpf_cpumask_any_distribute: ask1(first),
  bpf_cpumask_any_and_distribute: ask2((env, a, b) => first(env, a & b)),
  bpf_cpumask_weight: ask1((_env, mask) => weight(mask)),
};
