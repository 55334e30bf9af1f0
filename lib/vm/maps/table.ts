/**
 * The maps of a sandbox, by handle and by name.
 *
 * @module
 */

import { UnsupportedError } from "../../errors.ts";
import type { Btf } from "../../object/btf.ts";
import { mapTypeName } from "../../object/kernel_names.ts";
import type { MapPlan } from "../../object/map_plan.ts";
import { GuestFault } from "../fault.ts";
import type { GuestMemory } from "../memory.ts";
import { ArenaMap } from "./arena.ts";
import { ArrayMap } from "./array.ts";
import { BloomFilter } from "./bloom_filter.ts";
import { HashMap, LruHashMap } from "./hash_map.ts";
import { HashOfMaps } from "./inner_map.ts";
import { LocalStorage } from "./local_storage.ts";
import { LpmTrie } from "./lpm_trie.ts";
import { type GuestMap, MAP_BASE, MAP_STRIDE, type MapHost, type MapSeed } from "./map.ts";
import { QueueMap } from "./queue.ts";
import { RedirectMap } from "./redirect_map.ts";
import { ReferenceArray } from "./reference_array.ts";
import { RingBuffer, UserRingBuffer } from "./ring_buffer.ts";
import { StackTraceMap } from "./stack_trace.ts";
import { Timers } from "./timers.ts";

/** Makes a map of one type. */
type MapFactory = (seed: MapSeed) => GuestMap;

const array: MapFactory = (seed) => new ArrayMap(seed);
const hash: MapFactory = (seed) => new HashMap(seed);
const lruHash: MapFactory = (seed) => new LruHashMap(seed);
const references: MapFactory = (seed) => new ReferenceArray(seed);
const queue: MapFactory = (seed) => new QueueMap(seed);
const redirects: MapFactory = (seed) => new RedirectMap(seed);
const localStorage: MapFactory = (seed) => new LocalStorage(seed);

/** How maps are made, by the name of their type. */
const FACTORIES: { readonly [type: string]: MapFactory | undefined } = {
  array,
  percpu_array: array,
  struct_ops: array,
  hash,
  percpu_hash: hash,
  lru_hash: lruHash,
  lru_percpu_hash: lruHash,
  hash_of_maps: (seed) => new HashOfMaps(seed),
  array_of_maps: references,
  prog_array: references,
  perf_event_array: references,
  cgroup_array: references,
  lpm_trie: (seed) => new LpmTrie(seed),
  queue,
  stack: queue,
  bloom_filter: (seed) => new BloomFilter(seed),
  ringbuf: (seed) => new RingBuffer(seed),
  user_ringbuf: (seed) => new UserRingBuffer(seed),
  devmap: redirects,
  devmap_hash: redirects,
  cpumap: redirects,
  xskmap: redirects,
  sockmap: redirects,
  sockhash: redirects,
  reuseport_sockarray: redirects,
  task_storage: localStorage,
  sk_storage: localStorage,
  inode_storage: localStorage,
  cgrp_storage: localStorage,
  cgroup_storage: localStorage,
  percpu_cgroup_storage: localStorage,
  stack_trace: (seed) => new StackTraceMap(seed),
  arena: (seed) => new ArenaMap(seed),
};

/** The maps of a sandbox. */
export class MapTable implements MapHost {
  readonly memory: GuestMemory;
  readonly cpus: number;
  /** The timers in values. */
  readonly timers: Timers = new Timers();
  readonly #maps: GuestMap[] = [];
  readonly #byName = new Map<string, GuestMap>();

  /**
   * Makes a table without maps.
   *
   * @param memory Memory of the program.
   * @param cpus Number of CPUs: how many values an element of a per-CPU map has.
   */
  constructor(memory: GuestMemory, cpus = 1) {
    this.memory = memory;
    this.cpus = cpus;
  }

  /**
   * Creates a map.
   *
   * @param plan How to create it.
   * @param btf Where its types are described; null if nowhere.
   * @returns The map; of two with the same name, the first keeps it.
   * @throws {UnsupportedError} If its type or sizes are not possible, or its contents exceed guest memory.
   */
  create(plan: MapPlan, btf: Btf | null = null): GuestMap {
    const factory = FACTORIES[mapTypeName(plan.type)];
    if (factory === undefined) {
      throw new UnsupportedError(
        `cannot create map ${plan.name}: maps of type ${mapTypeName(plan.type)} are not supported`,
      );
    }
    const handle = MAP_BASE + MAP_STRIDE * this.#maps.length;
    const map = factory({ host: this, handle, plan, btf });
    this.#maps.push(map);
    if (!this.#byName.has(plan.name)) this.#byName.set(plan.name, map);
    return map;
  }

  byHandle(handle: number | bigint): GuestMap | null {
    const index = (Number(handle) - MAP_BASE) / MAP_STRIDE;
    return this.#maps[index] ?? null;
  }

  cancelTimer(address: number): void {
    this.timers.forget(address);
  }

  /**
   * Finds a map by name.
   *
   * @param name Its name.
   * @returns The map, or null.
   */
  byName(name: string): GuestMap | null {
    return this.#byName.get(name) ?? null;
  }

  /**
   * The map that a program passed to a helper.
   *
   * @param handle What it passed.
   * @param helper Name of the helper, for the message.
   * @returns The map.
   * @throws {GuestFault} If it is not the handle of a map.
   */
  argument(handle: bigint, helper: string): GuestMap {
    const map = this.byHandle(handle);
    if (map !== null) return map;
    const hex = BigInt.asUintN(64, handle).toString(16);
    throw new GuestFault("helper", `cannot call ${helper}: 0x${hex} is not a map`);
  }

  /**
   * Lists the maps.
   *
   * @returns The maps in the order of their creation.
   */
  [Symbol.iterator](): Iterator<GuestMap> {
    return this.#maps[Symbol.iterator]();
  }
}
