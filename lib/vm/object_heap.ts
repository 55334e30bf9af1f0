/**
 * Objects that programs allocate (`bpf_obj_new` and its like): slots of a few sizes in guest memory. Which slots are in use is
 * known outside of it, so that a program cannot free what it does not own, nor the same twice.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import { GuestFault } from "./fault.ts";
import type { SpecialField } from "./maps/fields.ts";
import type { GuestMemory, Region } from "./memory.ts";

/** The largest object in bytes, as of the kernel's allocator for programs. */
const MAX_OBJECT = 4096;
/** The smallest slot in bytes. */
const MIN_SLOT = 16;
/** Bytes of a pool of slots. */
const POOL_SIZE = 1 << 15;
/** Bytes that all pools may take together. */
const MAX_HEAP = 1 << 26;

/** An object in use. */
export interface HeapObject {
  /** Its address. */
  readonly address: number;
  /** Its size in bytes; of one for each CPU the size of one, rounded up to 8. */
  readonly size: number;
  /** What in it belongs to the kernel. */
  readonly fields: readonly SpecialField[];
}

/** A pool: slots of one size. */
interface Pool {
  readonly region: Region;
  readonly slot: number;
}

/**
 * Reserves guest memory while a program runs.
 *
 * @param memory Guest memory.
 * @param name What it is for.
 * @param size Bytes.
 * @returns The region.
 * @throws {GuestFault} If guest memory is exhausted.
 */
export function reserveOrFault(memory: GuestMemory, name: string, size: number): Region {
  try {
    return memory.allocate(name, size);
  } catch (error) {
    if (error instanceof UnsupportedError) throw new GuestFault("helper", error.message);
    throw error;
  }
}

/** The objects of a sandbox. */
export class ObjectHeap {
  readonly #memory: GuestMemory;
  readonly #pools: Pool[] = [];
  /** Free slots by size; the one freed last is used first. */
  readonly #free = new Map<number, number[]>();
  readonly #live = new Map<number, HeapObject>();
  #reserved = 0;

  /**
   * Makes an empty heap; memory is reserved when needed.
   *
   * @param memory Guest memory.
   */
  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  /** Number of objects in use. */
  get size(): number {
    return this.#live.size;
  }

  /**
   * Allocates an object of zeros.
   *
   * @param size Its size in bytes.
   * @param fields What in it belongs to the kernel.
   * @param copies How many of that size follow each other, for objects with one for each CPU.
   * @returns The object; null if it is too large, or the heap is full.
   */
  allocate(size: number, fields: readonly SpecialField[] = [], copies = 1): HeapObject | null {
    const stride = copies === 1 ? size : (size + 7) & ~7;
    if (!(size > 0 && stride * copies <= MAX_OBJECT)) return null;
    const slot = 2 ** Math.ceil(Math.log2(Math.max(stride * copies, MIN_SLOT)));
    const free = this.#freeSlots(slot);
    const address = free.pop();
    if (address === undefined) return null;
    this.#memory.slice(BigInt(address), slot, true).fill(0);
    const object = { address, size: stride, fields };
    this.#live.set(address, object);
    return object;
  }

  /** The free slots of a size, at least one unless the heap is full. */
  #freeSlots(slot: number): number[] {
    let free = this.#free.get(slot);
    if (free === undefined) this.#free.set(slot, free = []);
    if (free.length > 0 || this.#reserved + POOL_SIZE > MAX_HEAP) return free;
    const region = reserveOrFault(this.#memory, "objects of the program", POOL_SIZE);
    this.#reserved += POOL_SIZE;
    this.#pools.push({ region, slot });
    for (let at = POOL_SIZE - slot; at >= 0; at -= slot) free.push(region.address + at);
    return free;
  }

  /** The pool that has an address; pools are in ascending order. */
  #poolOf(address: number): Pool | null {
    let low = 0, high = this.#pools.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#pools[middle].region.address <= address) low = middle + 1;
      else high = middle;
    }
    const pool = this.#pools[low - 1];
    return pool !== undefined && address < pool.region.address + POOL_SIZE ? pool : null;
  }

  /**
   * Finds the object that an address lies in.
   *
   * @param address An unsigned 64-bit pattern.
   * @returns The object in use; null if there is none.
   */
  find(address: bigint): HeapObject | null {
    const at = Number(address);
    const pool = this.#poolOf(at);
    if (pool === null) return null;
    const { address: first } = pool.region;
    return this.#live.get(first + Math.floor((at - first) / pool.slot) * pool.slot) ?? null;
  }

  /**
   * Frees an object.
   *
   * @param object An object in use.
   */
  release({ address }: HeapObject): void {
    if (!this.#live.delete(address)) return;
    this.#free.get(this.#poolOf(address)!.slot)!.push(address);
  }
}
