/**
 * Arrays: `array` and `percpu_array`, and the single value of `struct_ops`. All elements exist from the start, in one piece
 * of guest memory: `base + cpu * cpuStride + index * stride`.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import type { ArrayGeometry } from "../../runtime/layout.ts";
import { ERRNO } from "../errno.ts";
import {
  BaseMap,
  MAP_FLAG,
  type MapSeed,
  UPDATE,
  updateRefusal,
  type Visitor,
  wordAt,
  wordBytes,
} from "./map.ts";
import { MapStorage } from "./storage.ts";
import { Values } from "./values.ts";

/** An array, or an array for each CPU. */
export class ArrayMap extends BaseMap {
  /** Where its elements lie. */
  readonly geometry: ArrayGeometry;
  readonly #storage: MapStorage;
  readonly #values: Values;
  #keyCell = 0;

  /**
   * Reserves all elements.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If the sizes are not those of an array.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  constructor(seed: MapSeed) {
    super(seed);
    const { keySize, valueSize, maxEntries } = this;
    if (keySize !== 4 || valueSize === 0 || maxEntries === 0) {
      throw new EpassError(
        `cannot create map ${this.name}: an array of ${maxEntries} elements, keys of ${keySize} and values of ${valueSize} bytes`,
      );
    }
    this.#storage = new MapStorage(seed.host.memory, this.name);
    this.#values = new Values(seed, this.#storage, this.perCpu);
    const { stride, copies } = this.#values;
    const writable = (this.flags & MAP_FLAG.RDONLY_PROG) === 0;
    const base = this.#storage.allocate(stride * maxEntries * copies, writable);
    const cpuStride = copies > 1 ? stride * maxEntries : 0;
    this.geometry = { base, valueSize, stride, cpuStride, maxEntries };
    const { contents, frozen } = seed.plan;
    if (contents !== null) {
      this.#storage.write(base, contents, 0, Math.min(valueSize, contents.length));
    }
    this.frozen = frozen;
  }

  /** Whether values have fields of the kernel. */
  get hasFields(): boolean {
    return this.#values.hasFields;
  }

  override get size(): number {
    return this.maxEntries;
  }

  #address(index: number, cpu: number): number {
    const { base, stride, cpuStride } = this.geometry;
    return base + cpu * cpuStride + index * stride;
  }

  override lookup(key: Uint8Array, cpu: number): number {
    const index = wordAt(key, this.little);
    return index < this.maxEntries ? this.#address(index, cpu) : 0;
  }

  /** What an update gives before it does anything; the world outside is told first of a lock that is not there. */
  #refusal(index: number, flags: number, outside: boolean): number {
    const refusal = updateRefusal(flags, true, this.#values.hasLock || !outside);
    if (refusal === -ERRNO.EINVAL) return refusal;
    if (index >= this.maxEntries) return -ERRNO.E2BIG;
    return refusal === 0 && flags >= UPDATE.LOCK && !this.#values.hasLock ? -ERRNO.EINVAL : refusal;
  }

  override update(key: Uint8Array, value: Uint8Array, flags: number, cpu: number): number {
    const index = wordAt(key, this.little);
    const refusal = this.#refusal(index, flags, false);
    if (refusal !== 0) return refusal;
    const address = this.#address(index, cpu);
    this.#values.set(address, value);
    this.#values.release(address);
    return 0;
  }

  override delete(_key: Uint8Array): number {
    return -ERRNO.EINVAL;
  }

  override read(key: Uint8Array): Uint8Array<ArrayBuffer> | number {
    const index = wordAt(key, this.little);
    if (index >= this.maxEntries) return -ERRNO.ENOENT;
    return this.#values.getAll(this.#address(index, 0), this.geometry.cpuStride);
  }

  protected override store(key: Uint8Array, value: Uint8Array, flags: number): number {
    const index = wordAt(key, this.little);
    const refusal = this.#refusal(index, flags, true);
    if (refusal !== 0) return refusal;
    this.#values.setAll(this.#address(index, 0), value, this.geometry.cpuStride);
    for (let cpu = 0; cpu < this.#values.copies; cpu++) {
      this.#values.release(this.#address(index, cpu));
    }
    return 0;
  }

  override *keys(): Iterable<Uint8Array<ArrayBuffer>> {
    for (let index = 0; index < this.maxEntries; index++) yield wordBytes(index, this.little);
  }

  override visit(cpu: number, visitor: Visitor): number {
    this.#keyCell ||= this.#storage.allocate(8);
    for (let index = 0; index < this.maxEntries; index++) {
      this.#storage.setU32(this.#keyCell, index);
      if (!visitor(this.#keyCell, this.#address(index, cpu))) return index + 1;
    }
    return this.maxEntries;
  }
}
