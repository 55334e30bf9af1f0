/**
 * The map type `bloom_filter`: tells of a value that it was never pushed, or perhaps was. As in the kernel there are five hash
 * functions unless the plan says otherwise, and 1.4 bits for each function and element, rounded up to a power of two.
 *
 * @module
 */

import { EpassError, UnsupportedError } from "../../errors.ts";
import { ERRNO } from "../errno.ts";
import { hashKey } from "./hash.ts";
import { BaseMap, type MapSeed, UPDATE } from "./map.ts";

/** Number of hash functions. */
const FUNCTIONS = 5;
/** Most bits. */
const MAX_BITS = 2 ** 30;
const MIN_BITS = 64;

/** A Bloom filter. */
export class BloomFilter extends BaseMap {
  readonly #bits: Uint8Array;
  readonly #mask: number;

  /**
   * Makes it empty.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If the sizes are not those of a Bloom filter.
   * @throws {UnsupportedError} If it needs too much memory.
   */
  constructor(seed: MapSeed) {
    super(seed);
    const { keySize, valueSize, maxEntries } = this;
    if (keySize !== 0 || valueSize === 0 || maxEntries === 0) {
      throw new EpassError(
        `cannot create map ${this.name}: a Bloom filter of ${maxEntries} elements, keys of ${keySize} and values of ${valueSize} bytes`,
      );
    }
    const wanted = Math.max(MIN_BITS, maxEntries * FUNCTIONS * 7 / 5);
    const bits = 2 ** Math.ceil(Math.log2(wanted));
    if (bits > MAX_BITS) {
      throw new UnsupportedError(
        `cannot create map ${this.name}: a Bloom filter of ${maxEntries} elements needs ${bits} bits`,
      );
    }
    this.#bits = new Uint8Array(bits / 8);
    this.#mask = bits - 1;
  }

  /** The bits of a value, by double hashing. */
  *#positions(value: Uint8Array): Generator<number> {
    const first = hashKey(value);
    const second = Math.imul(first ^ first >>> 16, 0xc2b2_ae3d) | 1;
    for (let i = 0; i < FUNCTIONS; i++) yield (first + Math.imul(i, second)) & this.#mask;
  }

  /**
   * Adds a value.
   *
   * @param value The value.
   * @param flags 0.
   * @returns 0 or a negative error number.
   */
  push(value: Uint8Array, flags: number): number {
    if (flags !== UPDATE.ANY) return -ERRNO.EINVAL;
    for (const bit of this.#positions(value)) this.#bits[bit >> 3] |= 1 << (bit & 7);
    return 0;
  }

  /**
   * Asks for a value.
   *
   * @param value The value.
   * @returns 0 if it may have been pushed, else a negative error number.
   */
  peek(value: Uint8Array): number {
    for (const bit of this.#positions(value)) {
      if ((this.#bits[bit >> 3] & 1 << (bit & 7)) === 0) return -ERRNO.ENOENT;
    }
    return 0;
  }

  override update(_key: Uint8Array, value: Uint8Array, flags: number, _cpu: number): number {
    return this.push(value, flags);
  }
}
