/**
 * Arrays of references: `prog_array`, `perf_event_array`, `cgroup_array`, `array_of_maps`. From outside an element is a word:
 * the address of a function, anything for an event, the id of a cgroup, the handle of a map.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import { ERRNO } from "../errno.ts";
import { acceptsInner } from "./inner_map.ts";
import { BaseMap, type MapSeed, UPDATE, wordAt, wordBytes } from "./map.ts";

/** An array of references. */
export class ReferenceArray extends BaseMap {
  readonly #elements = new Map<number, number>();
  readonly #holdsMaps: boolean;

  /**
   * Makes it empty.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If the sizes are not those of an array of references.
   */
  constructor(seed: MapSeed) {
    super(seed);
    if (this.keySize !== 4 || this.valueSize !== 4 || this.maxEntries === 0) {
      throw new EpassError(
        `cannot create map ${this.name}: a ${this.typeName} of ${this.maxEntries} elements, keys of ${this.keySize} and values of ${this.valueSize} bytes`,
      );
    }
    this.#holdsMaps = this.typeName === "array_of_maps";
  }

  override get size(): number {
    return this.#elements.size;
  }

  /**
   * Reads an element.
   *
   * @param index Its index.
   * @returns The reference; 0 if there is none.
   */
  get(index: number): number {
    return this.#elements.get(index) ?? 0;
  }

  override lookup(key: Uint8Array, _cpu: number): number {
    return this.#holdsMaps ? this.get(wordAt(key, this.little)) : 0;
  }

  protected override store(key: Uint8Array, value: Uint8Array, flags: number): number {
    const index = wordAt(key, this.little), reference = wordAt(value, this.little);
    if (flags !== UPDATE.ANY) return -ERRNO.EINVAL;
    if (index >= this.maxEntries) return -ERRNO.E2BIG;
    if (reference === 0) return -ERRNO.EBADF;
    if (this.#holdsMaps) {
      const status = acceptsInner(this.plan.inner, this.host.byHandle(reference));
      if (status !== 0) return status;
    }
    this.#elements.set(index, reference);
    return 0;
  }

  override delete(key: Uint8Array): number {
    const index = wordAt(key, this.little);
    if (index >= this.maxEntries) return -ERRNO.E2BIG;
    return this.#elements.delete(index) ? 0 : -ERRNO.ENOENT;
  }

  override read(key: Uint8Array): Uint8Array<ArrayBuffer> | number {
    const reference = this.get(wordAt(key, this.little));
    return reference === 0 ? -ERRNO.ENOENT : wordBytes(reference, this.little);
  }

  override *keys(): Iterable<Uint8Array<ArrayBuffer>> {
    const indices = [...this.#elements.keys()].sort((a, b) => a - b);
    for (const index of indices) yield wordBytes(index, this.little);
  }
}
