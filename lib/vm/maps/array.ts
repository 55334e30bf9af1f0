/**
 * Arrays: `array` and `percpu_array`. All elements exist from the start, in one piece of guest memory:
 * `base + cpu * cpuStride + index * stride`.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import { MAP_FLAG } from "../../object/kernel_names.ts";
import { ERRNO } from "../errno.ts";
import { type SpecialField, specialFields } from "./fields.ts";
import { BaseMap, type MapSeed, roundUp8, UPDATE } from "./map.ts";
import { MapStorage } from "./storage.ts";

/** Where the elements of an array lie. Sizes are in bytes. */
export interface ArrayGeometry {
  /** Address of the first value of CPU 0. */
  readonly base: number;
  /** Distance between two values. */
  readonly stride: number;
  /** Distance between the values of two CPUs. */
  readonly cpuStride: number;
  /** Number of elements. */
  readonly maxEntries: number;
}

/** An array, or an array for each CPU. */
export class ArrayMap extends BaseMap {
  /** Where its elements lie. */
  readonly geometry: ArrayGeometry;
  readonly #storage: MapStorage;
  readonly #fields: readonly SpecialField[];
  readonly #hasLock: boolean;
  readonly #view: DataView;
  readonly #little: boolean;

  /**
   * Reserves all elements.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If the sizes are not those of an array.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  constructor(seed: MapSeed) {
    super(seed);
    const { host, plan } = seed;
    const { keySize, valueSize, maxEntries } = plan;
    if (keySize !== 4 || valueSize === 0 || maxEntries === 0) {
      throw new EpassError(
        `cannot create map ${plan.name}: an array of ${maxEntries} elements with keys of ${keySize} and values of ${valueSize} bytes`,
      );
    }
    const stride = roundUp8(valueSize);
    const cpuStride = stride * maxEntries;
    this.#storage = new MapStorage(host.memory, plan.name);
    const writable = (plan.flags & MAP_FLAG.RDONLY_PROG) === 0;
    const base = this.#storage.allocate(cpuStride * this.copies, writable);
    this.geometry = { base, stride, cpuStride, maxEntries };
    if (plan.contents !== null) {
      this.#storage.copyIn(base, plan.contents.subarray(0, valueSize));
    }
    this.frozen = plan.frozen;
    this.#fields = specialFields(seed.btf, plan.valueType, valueSize);
    this.#hasLock = this.#fields.some(({ kind }) => kind === "lock");
    this.#view = new DataView(new ArrayBuffer(4));
    this.#little = host.memory.order === "little";
  }

  override get size(): number {
    return this.maxEntries;
  }

  #index(key: Uint8Array): number {
    for (let i = 0; i < 4; i++) this.#view.setUint8(i, key[i]);
    return this.#view.getUint32(0, this.#little);
  }

  #address(index: number, cpu: number): number {
    const { base, stride, cpuStride } = this.geometry;
    return base + (this.perCpu ? cpu * cpuStride : 0) + index * stride;
  }

  override lookup(key: Uint8Array, cpu: number): number {
    const index = this.#index(key);
    return index < this.maxEntries ? this.#address(index, cpu) : 0;
  }

  /** What an update with these flags gives before it does anything. */
  #refusal(index: number, flags: number): number {
    if (!(flags <= (UPDATE.EXIST | UPDATE.LOCK)) || (flags & ~UPDATE.LOCK) > UPDATE.EXIST) {
      return -ERRNO.EINVAL;
    }
    if (index >= this.maxEntries) return -ERRNO.E2BIG;
    if ((flags & UPDATE.NOEXIST) !== 0) return -ERRNO.EEXIST;
    return (flags & UPDATE.LOCK) !== 0 && !this.#hasLock ? -ERRNO.EINVAL : 0;
  }

  override update(key: Uint8Array, value: Uint8Array, flags: number, cpu: number): number {
    const index = this.#index(key);
    const refusal = this.#refusal(index, flags);
    if (refusal !== 0) return refusal;
    this.#storage.copyIn(this.#address(index, cpu), value, this.#fields);
    return 0;
  }

  override delete(_key: Uint8Array): number {
    return -ERRNO.EINVAL;
  }

  override read(key: Uint8Array): Uint8Array<ArrayBuffer> | number {
    const index = this.#index(key);
    if (index >= this.maxEntries) return -ERRNO.ENOENT;
    const stride = this.perCpu ? this.geometry.stride : this.valueSize;
    const value = new Uint8Array(stride * this.copies);
    for (let cpu = 0; cpu < this.copies; cpu++) {
      const target = value.subarray(cpu * stride, cpu * stride + this.valueSize);
      this.#storage.copyOut(this.#address(index, cpu), target, this.#fields);
    }
    return value;
  }

  override write(key: Uint8Array, value: Uint8Array, flags: number = UPDATE.ANY): number {
    if (this.frozen) return -ERRNO.EPERM;
    const index = this.#index(key);
    const refusal = this.#refusal(index, flags);
    if (refusal !== 0) return refusal;
    const stride = this.perCpu ? this.geometry.stride : this.valueSize;
    for (let cpu = 0; cpu < this.copies; cpu++) {
      const part = value.subarray(cpu * stride, cpu * stride + this.valueSize);
      this.#storage.copyIn(this.#address(index, cpu), part, this.#fields);
    }
    return 0;
  }

  override *keys(): Iterable<Uint8Array<ArrayBuffer>> {
    for (let index = 0; index < this.maxEntries; index++) {
      const key = new Uint8Array(4);
      new DataView(key.buffer).setUint32(0, index, this.#little);
      yield key;
    }
  }
}
