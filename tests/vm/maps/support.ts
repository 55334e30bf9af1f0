/**
 * What the tests of maps share: plans, random operations from a seed.
 *
 * @module
 */

import { MAP_TYPES } from "../../../lib/object/kernel_names.ts";
import type { MapPlan } from "../../../lib/object/map_plan.ts";
import { MapTable } from "../../../lib/vm/maps/table.ts";
import { GuestMemory } from "../../../lib/vm/memory.ts";

/** The number of a map type by name. */
export function typeNumber(name: string): number {
  return MAP_TYPES.indexOf(name);
}

/** A plan with sizes in bytes. */
export function plan(
  type: string,
  keySize: number,
  valueSize: number,
  maxEntries: number,
  rest: Partial<MapPlan> = {},
): MapPlan {
  return {
    name: `test_${type}`.slice(0, 15),
    type: typeNumber(type),
    keySize,
    valueSize,
    maxEntries,
    flags: type === "lpm_trie" ? 1 : 0,
    keyType: 0,
    valueType: 0,
    inner: null,
    contents: null,
    frozen: false,
    ...rest,
  };
}

/** A table of maps in a new memory. */
export function table(cpus = 1, maximum?: number): MapTable {
  return new MapTable(new GuestMemory("little", { maximum }), cpus);
}

/** The bytes of a little-endian word. */
export function word(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** Random numbers from a seed (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A number from 0 to `bound` - 1. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state);
    t = (t + Math.imul(t ^ t >>> 7, 61 | t)) ^ t;
    return ((t ^ t >>> 14) >>> 0) % bound;
  }

  /** Random bytes. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }

  /** One of a list. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }
}
