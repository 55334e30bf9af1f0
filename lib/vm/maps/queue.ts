/**
 * The map types `queue` and `stack`: a ring of values, which doubles when it is full.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import { ERRNO } from "../errno.ts";
import { BaseMap, type MapSeed, UPDATE } from "./map.ts";
import { MapStorage } from "./storage.ts";

/** Values that the ring has room for at first. */
const FIRST_VALUES = 16;

/** A queue or a stack. */
export class QueueMap extends BaseMap {
  readonly #isStack: boolean;
  readonly #storage: MapStorage;
  /** Address of the ring. */
  #ring: number;
  #room: number;
  /** Slot of the oldest value. */
  #first = 0;
  #count = 0;

  /**
   * Makes it empty.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If the sizes are not those of a queue.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  constructor(seed: MapSeed) {
    super(seed);
    const { keySize, valueSize, maxEntries } = this;
    if (keySize !== 0 || valueSize === 0 || maxEntries === 0) {
      throw new EpassError(
        `cannot create map ${this.name}: a ${this.typeName} of ${maxEntries} elements, keys of ${keySize} and values of ${valueSize} bytes`,
      );
    }
    this.#isStack = this.typeName === "stack";
    this.#room = Math.min(FIRST_VALUES, maxEntries);
    this.#storage = new MapStorage(seed.host.memory, this.name);
    this.#ring = this.#storage.allocate(this.#room * valueSize);
  }

  override get size(): number {
    return this.#count;
  }

  /** The bytes of the value with an index from the oldest. */
  #at(index: number): Uint8Array<ArrayBuffer> {
    const slot = (this.#first + index) % this.#room;
    return this.#storage.bytes(this.#ring + slot * this.valueSize, this.valueSize);
  }

  /** Doubles the ring; false if guest memory is exhausted. */
  #grow(): boolean {
    const room = Math.min(2 * this.#room, this.maxEntries);
    const ring = this.#storage.tryAllocate(room * this.valueSize);
    if (ring === 0) return false;
    for (let i = 0; i < this.#count; i++) {
      this.#storage.bytes(ring + i * this.valueSize, this.valueSize).set(this.#at(i));
    }
    [this.#ring, this.#room, this.#first] = [ring, room, 0];
    return true;
  }

  /**
   * Adds a value.
   *
   * @param value The value.
   * @param flags 0, or {@link UPDATE}.EXIST to drop the oldest value of a full map.
   * @returns 0 or a negative error number.
   */
  push(value: Uint8Array, flags: number): number {
    if (flags !== UPDATE.ANY && flags !== UPDATE.EXIST) return -ERRNO.EINVAL;
    if (this.#count === this.maxEntries) {
      if (flags === UPDATE.ANY) return -ERRNO.E2BIG;
      this.#first = (this.#first + 1) % this.#room;
      this.#count--;
    } else if (this.#count === this.#room) {
      value = value.slice();
      if (!this.#grow()) return -ERRNO.ENOMEM;
    }
    this.#at(this.#count++).set(value.subarray(0, this.valueSize));
    return 0;
  }

  /**
   * Copies the next value out: the oldest of a queue, the newest of a stack.
   *
   * @returns A copy, or a negative error number.
   */
  peek(): Uint8Array<ArrayBuffer> | number {
    if (this.#count === 0) return -ERRNO.ENOENT;
    return this.#at(this.#isStack ? this.#count - 1 : 0).slice();
  }

  /**
   * Takes the next value.
   *
   * @returns A copy, or a negative error number.
   */
  pop(): Uint8Array<ArrayBuffer> | number {
    const value = this.peek();
    if (typeof value === "number") return value;
    this.#count--;
    if (!this.#isStack) this.#first = (this.#first + 1) % this.#room;
    return value;
  }

  override update(_key: Uint8Array, value: Uint8Array, flags: number, _cpu: number): number {
    return this.push(value, flags);
  }

  override delete(_key: Uint8Array): number {
    return -ERRNO.EINVAL;
  }

  override read(_key: Uint8Array): Uint8Array<ArrayBuffer> | number {
    return this.peek();
  }

  /**
   * Lists the values.
   *
   * @returns Copies, in the order in which they would be taken.
   */
  *contents(): Iterable<Uint8Array<ArrayBuffer>> {
    for (let i = 0; i < this.#count; i++) {
      yield this.#at(this.#isStack ? this.#count - 1 - i : i).slice();
    }
  }
}
