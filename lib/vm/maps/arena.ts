/**
 * The map type `arena`: pages that programs allocate. A sandbox has one address space, so that an address of the kernel and of
 * the user are the same number.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import { BaseMap, type MapSeed } from "./map.ts";
import { MapStorage } from "./storage.ts";

/** Bytes of a page. */
export const ARENA_PAGE = 4096;

/** An arena. */
export class ArenaMap extends BaseMap {
  /** Address of its first page. */
  readonly address: number;
  readonly #storage: MapStorage;
  /** 1 for each page in use. */
  readonly #used: Uint8Array;

  /**
   * Reserves the pages.
   *
   * @param seed What it is created from; the capacity counts pages, the contents are its variables.
   * @throws {EpassError} If it has keys, values or no pages.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  constructor(seed: MapSeed) {
    super(seed);
    if (this.keySize !== 0 || this.valueSize !== 0 || this.maxEntries === 0) {
      throw new EpassError(
        `cannot create map ${this.name}: an arena of ${this.maxEntries} pages, keys of ${this.keySize} and values of ${this.valueSize} bytes`,
      );
    }
    this.#storage = new MapStorage(seed.host.memory, this.name);
    this.address = this.#storage.allocate(this.maxEntries * ARENA_PAGE);
    this.#used = new Uint8Array(this.maxEntries);
    const { contents } = seed.plan;
    if (contents === null) return;
    const kept = contents.subarray(0, this.maxEntries * ARENA_PAGE);
    this.#storage.write(this.address, kept);
    this.#used.fill(1, 0, Math.ceil(kept.length / ARENA_PAGE));
  }

  override get size(): number {
    return this.#used.reduce((count, used) => count + used, 0);
  }

  /** Address of its first byte, whatever the key: its variables are there. */
  override lookup(_key: Uint8Array, _cpu: number): number {
    return this.address;
  }

  /** The first of so many free pages in a row; -1 if there are none. */
  #findFree(count: number): number {
    let free = 0;
    for (let page = 0; page < this.#used.length; page++) {
      free = this.#used[page] === 0 ? free + 1 : 0;
      if (free === count) return page + 1 - count;
    }
    return -1;
  }

  /** The page at an address; -1 if it is not that of a page. */
  #pageAt(address: number, count: number): number {
    const page = (address - this.address) / ARENA_PAGE;
    return Number.isInteger(page) && page >= 0 && page + count <= this.maxEntries ? page : -1;
  }

  /**
   * Allocates pages (`bpf_arena_alloc_pages`).
   *
   * @param at Address where they shall lie; 0 for anywhere.
   * @param count Number of pages.
   * @returns Address of the first, zeroed; 0 if there is no room.
   */
  allocate(at: number, count: number): number {
    if (count < 1 || count > this.maxEntries) return 0;
    const page = at === 0 ? this.#findFree(count) : this.#pageAt(at, count);
    if (page < 0 || this.#used.subarray(page, page + count).includes(1)) return 0;
    this.#used.fill(1, page, page + count);
    const address = this.address + page * ARENA_PAGE;
    this.#storage.clear(address, count * ARENA_PAGE);
    return address;
  }

  /**
   * Frees pages (`bpf_arena_free_pages`).
   *
   * @param address Address of the first.
   * @param count Number of pages.
   */
  free(address: number, count: number): void {
    const page = this.#pageAt(address, count);
    if (page >= 0) this.#used.fill(0, page, page + count);
  }
}
