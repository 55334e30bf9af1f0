/**
 * Hashes: `hash` and `percpu_hash`, with elements allocated one by one as in {@link HashTable}.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import { HASH_ELEMENT, HASH_STATE, type HashGeometry } from "../../runtime/layout.ts";
import { ERRNO } from "../errno.ts";
import { HashTable } from "./hash_table.ts";
import { BaseMap, type MapSeed, UPDATE, updateRefusal, type Visitor } from "./map.ts";
import { MapStorage } from "./storage.ts";
import { Values } from "./values.ts";

/** A hash, or a hash with a value for each CPU. */
export class HashMap extends BaseMap {
  /** Its elements. */
  protected readonly table: HashTable;
  /** Their values. */
  protected readonly values: Values;

  /**
   * Reserves the buckets.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If the sizes are not those of a hash.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  constructor(seed: MapSeed) {
    super(seed);
    const { name, keySize, valueSize, maxEntries } = this;
    if (keySize === 0 || valueSize === 0 || maxEntries === 0) {
      throw new EpassError(
        `cannot create map ${name}: a hash of ${maxEntries} elements, keys of ${keySize} and values of ${valueSize} bytes`,
      );
    }
    const storage = new MapStorage(seed.host.memory, name);
    this.values = new Values(seed, storage, this.perCpu);
    const { copies, stride } = this.values;
    const cpuStride = copies > 1 ? stride : 0;
    const { evicts } = this;
    const inPlace = evicts || this.perCpu;
    const sizes = { keySize, valueSize, cpuStride, maxEntries, inPlace, evicts };
    this.table = new HashTable(storage, name, sizes, copies);
  }

  /** Where its elements lie. */
  get geometry(): HashGeometry {
    return this.table.geometry;
  }

  /** Whether values have fields that a program must not see from the element's life before. */
  get hasFields(): boolean {
    return this.values.hasFields;
  }

  override get size(): number {
    return this.table.count;
  }

  /** Address of the values of an element. */
  protected valuesOf(element: number): number {
    return element + this.geometry.valueOffset;
  }

  override lookup(key: Uint8Array, cpu: number): number {
    const element = this.table.find(key);
    if (element === 0) return 0;
    return this.valuesOf(element) + cpu * this.geometry.cpuStride;
  }

  override update(key: Uint8Array, value: Uint8Array, flags: number, cpu: number): number {
    return this.put(key, flags, value, (address, bytes) => {
      this.values.set(address + cpu * this.geometry.cpuStride, bytes);
    });
  }

  protected override store(key: Uint8Array, value: Uint8Array, flags: number): number {
    return this.put(key, flags, value, (address, bytes) => this.values.setAll(address, bytes));
  }

  /** Creates or replaces an element. */
  protected put(
    key: Uint8Array,
    flags: number,
    value: Uint8Array,
    set: (address: number, value: Uint8Array) => void,
  ): number {
    const found = this.table.find(key);
    const locked = flags >= UPDATE.LOCK;
    const refusal = updateRefusal(flags, found !== 0, this.values.hasLock && !this.perCpu);
    if (refusal !== 0) return refusal;
    if (found !== 0 && (locked || this.geometry.inPlace)) {
      set(this.valuesOf(found), value);
      this.table.setState(found, HASH_STATE.referenced);
      return 0;
    }
    if (found === 0 && this.table.count >= this.maxEntries && !this.evict()) return -ERRNO.E2BIG;
    // What a program passes may lie in the element that is taken, and a view ends where memory grows.
    value = value.slice();
    if (this.table.isFull) key = key.slice();
    const element = found === 0 ? this.table.take() : this.table.takeSpare();
    if (element === 0) return -ERRNO.ENOMEM;
    this.values.clear(this.valuesOf(element));
    set(this.valuesOf(element), value);
    if (found !== 0) this.table.giveSpare(this.#unlink(key));
    this.table.insert(element, key);
    return 0;
  }

  /** Whether it makes room by removing elements. */
  protected get evicts(): boolean {
    return false;
  }

  /** Makes room for one element; false if it cannot. */
  protected evict(): boolean {
    return false;
  }

  #unlink(key: Uint8Array): number {
    const element = this.table.unlink(key);
    if (element !== 0) this.values.release(this.valuesOf(element));
    return element;
  }

  override delete(key: Uint8Array): number {
    const element = this.#unlink(key);
    if (element === 0) return -ERRNO.ENOENT;
    this.table.give(element);
    return 0;
  }

  override read(key: Uint8Array): Uint8Array<ArrayBuffer> | number {
    const element = this.table.find(key);
    return element === 0 ? -ERRNO.ENOENT : this.values.getAll(this.valuesOf(element));
  }

  /** Addresses of the elements in use. */
  *#elements(): Generator<number> {
    for (let slot = 0; slot < this.table.capacity; slot++) {
      const element = this.table.element(slot);
      if (this.table.state(element) !== HASH_STATE.free) yield element;
    }
  }

  override *keys(): Iterable<Uint8Array<ArrayBuffer>> {
    for (const element of this.#elements()) {
      yield this.table.key(element);
    }
  }

  override visit(cpu: number, visitor: Visitor): number {
    let count = 0;
    for (const element of this.#elements()) {
      count++;
      const value = this.valuesOf(element) + cpu * this.geometry.cpuStride;
      if (!visitor(element + HASH_ELEMENT.key, value)) break;
    }
    return count;
  }
}

/**
 * A hash that makes room by removing elements: `lru_hash` and `lru_percpu_hash`.
 *
 * The order is deterministic, unlike the kernel's: a hand goes round the elements in the order of their slots. One that the
 * program has looked up or updated since it was made, or since the hand passed it, is passed and marked as not looked up;
 * the first other one goes ("second chance"). With only insertions that is the oldest element.
 */
export class LruHashMap extends HashMap {
  #hand = 0;

  override lookup(key: Uint8Array, cpu: number): number {
    const address = super.lookup(key, cpu);
    if (address !== 0) {
      const inElement = this.geometry.valueOffset + cpu * this.geometry.cpuStride;
      this.table.setState(address - inElement, HASH_STATE.referenced);
    }
    return address;
  }

  protected override get evicts(): boolean {
    return true;
  }

  protected override evict(): boolean {
    const { capacity } = this.table;
    for (let steps = 0; steps < 2 * capacity; steps++) {
      const element = this.table.element(this.#hand);
      this.#hand = (this.#hand + 1) % capacity;
      const state = this.table.state(element);
      if (state === HASH_STATE.used) return this.delete(this.table.key(element)) === 0;
      if (state !== HASH_STATE.free) this.table.setState(element, HASH_STATE.used);
    }
    throw this.table.overwritten();
  }
}
