/**
 * The hash table behind `hash`, `percpu_hash` and their LRU forms, entirely in guest memory: `lib/runtime/layout.ts` describes
 * it, and IR code walks it as well.
 *
 * @module
 */

import {
  chainLimit,
  HASH_ELEMENT,
  HASH_HEADER,
  HASH_STATE,
  type HashGeometry,
} from "../../runtime/layout.ts";
import { GuestFault } from "../fault.ts";
import { Chunks } from "./chunks.ts";
import { hashKey } from "./hash.ts";
import { roundUp8 } from "./map.ts";
import type { MapStorage } from "./storage.ts";

/** Buckets of a table that may grow. */
const FIRST_BUCKETS = 1024;
/** Most buckets. */
const MAX_BUCKETS = 1 << 26;

/** What decides how a table lies. Sizes are in bytes. */
export type HashSizes = Omit<HashGeometry, "header" | "valueOffset">;

/** A hash table in guest memory. */
export class HashTable {
  /** Where it lies. */
  readonly geometry: HashGeometry;
  readonly #storage: MapStorage;
  readonly #name: string;
  readonly #chunks: Chunks;
  readonly #header: number;
  readonly #mostBuckets: number;
  /** Number of buckets, out of the program's reach. */
  #buckets: number;

  /**
   * Reserves the header and the first buckets.
   *
   * @param storage Where.
   * @param name Name of the map, for messages.
   * @param sizes Its geometry, without the place.
   * @param copies Number of values of an element.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  constructor(storage: MapStorage, name: string, sizes: HashSizes, copies: number) {
    this.#storage = storage;
    this.#name = name;
    const { keySize, valueSize, maxEntries } = sizes;
    const valueOffset = HASH_ELEMENT.key + roundUp8(keySize);
    const stride = valueOffset + copies * roundUp8(valueSize);
    this.#chunks = new Chunks(storage, stride, maxEntries + 1);
    const power = 2 ** Math.ceil(Math.log2(maxEntries));
    this.#mostBuckets = Math.min(power, MAX_BUCKETS);
    const buckets = this.#buckets = Math.min(this.#mostBuckets, FIRST_BUCKETS);
    this.#header = storage.allocate(HASH_HEADER.size + 4 * buckets);
    this.#set(HASH_HEADER.buckets, this.#header + HASH_HEADER.size);
    this.#set(HASH_HEADER.mask, buckets - 1);
    this.geometry = { ...sizes, header: this.#header, valueOffset };
  }

  #get(field: number): number {
    return this.#storage.u32(this.#header + field);
  }

  #set(field: number, value: number): void {
    this.#storage.setU32(this.#header + field, value);
  }

  /** Elements in use. */
  get count(): number {
    return this.#get(HASH_HEADER.count);
  }

  /** Slots for elements, in use or not. */
  get capacity(): number {
    return this.#chunks.capacity;
  }

  /**
   * The address of an element.
   *
   * @param slot Its slot, below the capacity.
   * @returns Its address.
   */
  element(slot: number): number {
    return this.#chunks.address(slot);
  }

  /**
   * The key of an element.
   *
   * @param element Its address.
   * @returns A copy.
   */
  key(element: number): Uint8Array<ArrayBuffer> {
    return this.#storage.bytes(element + HASH_ELEMENT.key, this.geometry.keySize).slice();
  }

  /**
   * The state of an element.
   *
   * @param element Its address.
   * @returns One of {@link HASH_STATE}.
   */
  state(element: number): number {
    return this.#storage.u32(element + HASH_ELEMENT.state);
  }

  /**
   * Sets the state of an element.
   *
   * @param element Its address.
   * @param state One of {@link HASH_STATE}.
   */
  setState(element: number, state: number): void {
    this.#storage.setU32(element + HASH_ELEMENT.state, state);
  }

  /** Address of the word that holds the first element of a key's bucket. */
  #bucket(key: Uint8Array): number {
    return this.#get(HASH_HEADER.buckets) + 4 * (hashKey(key) & this.#get(HASH_HEADER.mask));
  }

  /** Follows a chain, at most as far as it can lead. */
  #follow(link: number, steps: number): number {
    if (steps <= chainLimit(this.geometry.maxEntries)) return this.#storage.u32(link);
    throw this.overwritten();
  }

  /**
   * Makes the fault of a table that a program has spoiled.
   *
   * @returns The fault.
   */
  overwritten(): GuestFault {
    return new GuestFault("helper", `cannot use map ${this.#name}: its storage was overwritten`);
  }

  /** Address of the word that refers to the element with a key, or of the last one of its chain. */
  #link(key: Uint8Array): number {
    let link = this.#bucket(key);
    for (let steps = 0;; steps++) {
      const element = this.#follow(link, steps);
      if (element === 0 || this.#storage.equals(element + HASH_ELEMENT.key, key)) return link;
      link = element + HASH_ELEMENT.next;
    }
  }

  /**
   * Finds an element.
   *
   * @param key Its key.
   * @returns Its address; 0 if there is none.
   */
  find(key: Uint8Array): number {
    return this.#storage.u32(this.#link(key));
  }

  /** Whether the next element needs more guest memory, so that views of it will end. */
  get isFull(): boolean {
    return this.#get(HASH_HEADER.free) === 0 || this.count > this.#get(HASH_HEADER.mask);
  }

  /**
   * Takes a free element, unlinked: its values are those that it had last.
   *
   * @returns Its address; 0 if guest memory is exhausted.
   */
  take(): number {
    if (this.#get(HASH_HEADER.free) === 0) this.#reserve();
    const element = this.#get(HASH_HEADER.free);
    if (element !== 0) {
      this.#set(HASH_HEADER.free, this.#storage.u32(element + HASH_ELEMENT.next));
    }
    return element;
  }

  /** Puts a new chunk into the free list. */
  #reserve(): void {
    const chunk = this.#chunks.grow();
    if (chunk === null) return;
    const { stride } = this.#chunks;
    for (let i = chunk.count - 1, next = 0; i >= 0; i--) {
      const element = chunk.address + i * stride;
      this.#storage.setU32(element + HASH_ELEMENT.next, next);
      next = element;
    }
    this.#set(HASH_HEADER.free, chunk.address);
  }

  /**
   * Links an element into its bucket.
   *
   * @param element A taken element.
   * @param key Its key.
   */
  insert(element: number, key: Uint8Array): void {
    const storage = this.#storage;
    const count = this.count + 1;
    this.#set(HASH_HEADER.count, count);
    if (count > this.#get(HASH_HEADER.mask) + 1) this.#double();
    storage.write(element + HASH_ELEMENT.key, key);
    const bucket = this.#bucket(key);
    storage.setU32(element + HASH_ELEMENT.next, storage.u32(bucket));
    storage.setU32(element + HASH_ELEMENT.state, HASH_STATE.used);
    storage.setU32(bucket, element);
  }

  /** Doubles the number of buckets, unless there are enough or guest memory is exhausted. */
  #double(): void {
    const storage = this.#storage;
    // A program that made the table small again would have it doubled without end.
    if (this.#get(HASH_HEADER.mask) + 1 !== this.#buckets) throw this.overwritten();
    const buckets = 2 * this.#buckets;
    if (buckets > this.#mostBuckets) return;
    const table = storage.tryAllocate(4 * buckets);
    if (table === 0) return;
    this.#buckets = buckets;
    this.#set(HASH_HEADER.buckets, table);
    this.#set(HASH_HEADER.mask, buckets - 1);
    const { keySize } = this.geometry;
    for (let slot = 0; slot < this.#chunks.capacity; slot++) {
      const element = this.element(slot);
      if (this.state(element) === HASH_STATE.free) continue;
      const bucket = this.#bucket(storage.bytes(element + HASH_ELEMENT.key, keySize));
      storage.setU32(element + HASH_ELEMENT.next, storage.u32(bucket));
      storage.setU32(bucket, element);
    }
  }

  /**
   * Takes the element with a key out of its bucket.
   *
   * @param key The key.
   * @returns Its address, still in no list; 0 if there is none.
   */
  unlink(key: Uint8Array): number {
    const storage = this.#storage;
    const link = this.#link(key);
    const element = storage.u32(link);
    if (element === 0) return 0;
    storage.setU32(link, storage.u32(element + HASH_ELEMENT.next));
    this.setState(element, HASH_STATE.free);
    this.#set(HASH_HEADER.count, this.count - 1);
    return element;
  }

  /**
   * Puts an element into the free list; its values stay until it is taken.
   *
   * @param element An unlinked element.
   */
  give(element: number): void {
    this.#storage.setU32(element + HASH_ELEMENT.next, this.#get(HASH_HEADER.free));
    this.#set(HASH_HEADER.free, element);
  }

  /**
   * Takes the spare element, or a free one while there is none.
   *
   * @returns Its address; 0 if guest memory is exhausted.
   */
  takeSpare(): number {
    const spare = this.#get(HASH_HEADER.spare);
    if (spare === 0) return this.take();
    this.#set(HASH_HEADER.spare, 0);
    return spare;
  }

  /**
   * Makes an element the spare one.
   *
   * @param element An unlinked element.
   */
  giveSpare(element: number): void {
    if (this.#get(HASH_HEADER.spare) === 0) this.#set(HASH_HEADER.spare, element);
    else this.give(element);
  }
}
