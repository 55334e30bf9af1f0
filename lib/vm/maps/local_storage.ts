/**
 * Storage that belongs to something of the kernel: `task_storage`, `sk_storage`, `inode_storage`, `cgrp_storage`, keyed by the
 * pointer that the program has; and `cgroup_storage` and its per-CPU form, keyed by the cgroup that it is attached to.
 * Pointers of a sandbox fit 32 bits, and serve as the ids that the world outside uses as keys.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import { ERRNO } from "../errno.ts";
import { Slab } from "./chunks.ts";
import { BaseMap, type MapSeed, updateRefusal, wordAt } from "./map.ts";
import { MapStorage } from "./storage.ts";
import { Values } from "./values.ts";

/** Most elements; the plan of such a map gives no capacity. */
const MAX_ELEMENTS = 1 << 20;

/** Values by the id of their owner. */
export class LocalStorage extends BaseMap {
  readonly #values: Values;
  readonly #slab: Slab;
  readonly #elements = new Map<number, number>();

  /**
   * Makes it empty.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If the sizes are not possible.
   */
  constructor(seed: MapSeed) {
    super(seed);
    if (this.keySize < 4 || this.valueSize === 0) {
      throw new EpassError(
        `cannot create map ${this.name}: a ${this.typeName} with keys of ${this.keySize} and values of ${this.valueSize} bytes`,
      );
    }
    const storage = new MapStorage(seed.host.memory, this.name);
    this.#values = new Values(seed, storage, this.perCpu);
    this.#slab = new Slab(storage, this.#values.footprint, MAX_ELEMENTS);
  }

  override get size(): number {
    return this.#elements.size;
  }

  /** Address of the first value of an owner. */
  #find(id: number): number {
    return this.#elements.get(id) ?? 0;
  }

  #create(id: number): number {
    const address = this.#slab.take();
    if (address !== 0) this.#elements.set(id, address);
    return address;
  }

  /**
   * The program's look-up.
   *
   * @param id Id of the owner.
   * @param cpu The CPU that the program runs on.
   * @param initial A value to create it with if there is none: empty for zeros, null not to create it.
   * @returns Address of the value; 0 if there is none.
   */
  get(id: number, cpu: number, initial: Uint8Array | null): number {
    let address = this.#find(id);
    if (address === 0 && initial !== null) {
      const copy = initial.slice();
      address = this.#create(id);
      if (address !== 0 && copy.length > 0) this.#values.set(address, copy);
    }
    return address === 0 ? 0 : address + (this.perCpu ? cpu * this.#values.stride : 0);
  }

  /**
   * Removes the value of an owner.
   *
   * @param id Id of the owner.
   * @returns 0 or a negative error number.
   */
  drop(id: number): number {
    const address = this.#find(id);
    if (address === 0) return -ERRNO.ENOENT;
    this.#elements.delete(id);
    this.#values.release(address);
    this.#slab.give(address);
    return 0;
  }

  protected override store(key: Uint8Array, value: Uint8Array, flags: number): number {
    const id = wordAt(key, this.little);
    const refusal = updateRefusal(flags, this.#elements.has(id), this.#values.hasLock);
    if (refusal !== 0) return refusal;
    const copy = value.slice();
    const address = this.#find(id) || this.#create(id);
    if (address === 0) return -ERRNO.ENOMEM;
    this.#values.setAll(address, copy);
    return 0;
  }

  override delete(key: Uint8Array): number {
    return this.drop(wordAt(key, this.little));
  }

  override read(key: Uint8Array): Uint8Array<ArrayBuffer> | number {
    const address = this.#find(wordAt(key, this.little));
    return address === 0 ? -ERRNO.ENOENT : this.#values.getAll(address);
  }

  override *keys(): Iterable<Uint8Array<ArrayBuffer>> {
    for (const id of [...this.#elements.keys()]) {
      const key = new Uint8Array(this.keySize);
      new DataView(key.buffer).setUint32(0, id, this.little);
      yield key;
    }
  }

  override update(_key: Uint8Array, _value: Uint8Array, _flags: number, _cpu: number): number {
    return -ERRNO.EOPNOTSUPP;
  }
}
