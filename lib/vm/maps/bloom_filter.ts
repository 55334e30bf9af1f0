/**
 * The map type `bloom_filter`: tells of a value that it was never pushed, or perhaps was. As in the kernel there are five hash
 * functions unless the plan says otherwise, and 1.4 bits for each function and element, rounded up to a power of two.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import { ERRNO } from "../errno.ts";
import { hashKey } from "./hash.ts";
import { BaseMap, type MapSeed, UPDATE } from "./map.ts";
import { MapStorage } from "./storage.ts";

/** Number of hash functions unless the plan says otherwise, and the most. */
const DEFAULT_FUNCTIONS = 5, MAX_FUNCTIONS = 15;
/** Least and most bits. */
const MIN_BITS = 64, MAX_BITS = 2 ** 32;
/** Multiplier that makes a second hash of the first (xxHash32, PRIME32_3). */
const SECOND_FACTOR = 0xc2b2_ae3d;

/** A Bloom filter. */
export class BloomFilter extends BaseMap {
  readonly #storage: MapStorage;
  readonly #bits: number;
  readonly #mask: number;
  readonly #functions: number;

  /**
   * Makes it empty.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If the sizes are not those of a Bloom filter.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  constructor(seed: MapSeed) {
    super(seed);
    const { keySize, valueSize, maxEntries } = this;
    const extra = seed.plan.extra ?? 0n;
    const isPossible = keySize === 0 && valueSize > 0 && maxEntries > 0 && extra <= MAX_FUNCTIONS;
    if (!isPossible) {
      throw new EpassError(
        `cannot create map ${this.name}: a Bloom filter of ${maxEntries} elements, keys of ${keySize} and values of ${valueSize} bytes`,
      );
    }
    this.#functions = extra === 0n ? DEFAULT_FUNCTIONS : Number(extra);
    const wanted = Math.max(MIN_BITS, maxEntries * this.#functions * 7 / 5);
    const bits = Math.min(2 ** Math.ceil(Math.log2(wanted)), MAX_BITS);
    this.#storage = new MapStorage(seed.host.memory, this.name);
    this.#bits = this.#storage.allocate(bits / 8);
    this.#mask = bits - 1;
  }

  /** The bits of a value, by double hashing. */
  #positions(value: Uint8Array): number[] {
    const first = hashKey(value);
    const second = Math.imul(first ^ first >>> 16, SECOND_FACTOR) | 1;
    const place = (_: unknown, i: number) => ((first + Math.imul(i, second)) & this.#mask) >>> 0;
    return Array.from({ length: this.#functions }, place);
  }

  /** The word that holds a bit. */
  #word(bit: number): number {
    return this.#bits + 4 * Math.floor(bit / 32);
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
    const storage = this.#storage;
    for (const bit of this.#positions(value)) {
      storage.setU32(this.#word(bit), storage.u32(this.#word(bit)) | 1 << (bit & 31));
    }
    return 0;
  }

  /**
   * Asks for a value.
   *
   * @param value The value.
   * @returns 0 if it may have been pushed, else a negative error number.
   */
  peek(value: Uint8Array): number {
    const isSet = (bit: number) => (this.#storage.u32(this.#word(bit)) & 1 << (bit & 31)) !== 0;
    return this.#positions(value).every(isSet) ? 0 : -ERRNO.ENOENT;
  }

  override update(_key: Uint8Array, value: Uint8Array, flags: number, _cpu: number): number {
    return this.push(value, flags);
  }
}
