/**
 * Slots of one size in guest memory, in chunks that are reserved when they are needed. A slot keeps its address.
 *
 * @module
 */

import type { MapStorage } from "./storage.ts";

/** Bytes of the first chunk: with the guard behind it, one page. */
const FIRST_BYTES = 3072;
/** Most bytes of a chunk, unless one slot needs more. */
const MAX_BYTES = 1 << 22;

/** Slots in a row. */
export interface Chunk {
  /** Address of its first slot. */
  readonly address: number;
  /** Index of its first slot. */
  readonly first: number;
  /** Number of slots. */
  readonly count: number;
}

/** Slots of one size. */
export class Chunks {
  /** Bytes of a slot, a multiple of 8. */
  readonly stride: number;
  /** The most slots. */
  readonly maximum: number;
  readonly #storage: MapStorage;
  readonly #chunks: Chunk[] = [];
  #capacity = 0;

  /**
   * Reserves nothing yet.
   *
   * @param storage Where to reserve.
   * @param stride Bytes of a slot, a multiple of 8.
   * @param maximum The most slots.
   */
  constructor(storage: MapStorage, stride: number, maximum: number) {
    this.#storage = storage;
    this.stride = stride;
    this.maximum = maximum;
  }

  /** Slots that are reserved. */
  get capacity(): number {
    return this.#capacity;
  }

  /**
   * Reserves a chunk, twice as large as the one before.
   *
   * @returns The chunk; null if all slots are reserved or guest memory is exhausted.
   */
  grow(): Chunk | null {
    const left = this.maximum - this.#capacity;
    const last = this.#chunks.at(-1);
    const wanted = last === undefined ? FIRST_BYTES : 2 * last.count * this.stride;
    const fitting = Math.floor(Math.min(wanted, MAX_BYTES) / this.stride);
    const count = Math.min(left, Math.max(1, fitting));
    if (count <= 0) return null;
    const address = this.#storage.tryAllocate(count * this.stride);
    if (address === 0) return null;
    const chunk = { address, first: this.#capacity, count };
    this.#chunks.push(chunk);
    this.#capacity += count;
    return chunk;
  }

  /**
   * The address of a slot.
   *
   * @param index Its index, below the capacity.
   * @returns Its address.
   */
  address(index: number): number {
    let low = 0, high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#chunks[middle].first <= index) low = middle;
      else high = middle - 1;
    }
    const chunk = this.#chunks[low];
    return chunk.address + (index - chunk.first) * this.stride;
  }
}

/** Slots of one size that are taken and given back one by one. */
export class Slab {
  readonly #chunks: Chunks;
  readonly #storage: MapStorage;
  readonly #free: number[] = [];
  #used = 0;

  /**
   * Reserves nothing yet.
   *
   * @param storage Where to reserve.
   * @param stride Bytes of a slot, a multiple of 8.
   * @param maximum The most slots.
   */
  constructor(storage: MapStorage, stride: number, maximum: number) {
    this.#storage = storage;
    this.#chunks = new Chunks(storage, stride, maximum);
  }

  /**
   * Takes a slot: the one given back last, else a new one.
   *
   * @returns Its address, zeroed; 0 if no more can be had.
   */
  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) {
      this.#storage.clear(free, this.#chunks.stride);
      return free;
    }
    if (this.#used === this.#chunks.capacity && this.#chunks.grow() === null) return 0;
    return this.#chunks.address(this.#used++);
  }

  /**
   * Gives a slot back; its content stays until it is taken again.
   *
   * @param address Its address.
   */
  give(address: number): void {
    this.#free.push(address);
  }
}
