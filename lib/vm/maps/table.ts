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
import { ArrayMap } from "./array.ts";
import { HashMap, LruHashMap } from "./hash_map.ts";
import { type GuestMap, MAP_BASE, MAP_STRIDE, type MapHost, type MapSeed } from "./map.ts";
import { Timers } from "./timers.ts";

/** Makes a map of one type. */
type MapFactory = (seed: MapSeed) => GuestMap;

/** How maps are made, by the name of their type. */
const FACTORIES: { readonly [type: string]: MapFactory | undefined } = {
  array: (seed) => new ArrayMap(seed),
  percpu_array: (seed) => new ArrayMap(seed),
  struct_ops: (seed) => new ArrayMap(seed),
  hash: (seed) => new HashMap(seed),
  percpu_hash: (seed) => new HashMap(seed),
  lru_hash: (seed) => new LruHashMap(seed),
  lru_percpu_hash: (seed) => new LruHashMap(seed),
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
