/**
 * Maps from outside, with keys and values as their C types describe them.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import { ERRNO, errnoText } from "./errno.ts";
import { BloomFilter } from "./maps/bloom_filter.ts";
import { HashOfMaps } from "./maps/inner_map.ts";
import { type GuestMap, roundUp8, UPDATE, wordAt } from "./maps/map.ts";
import { QueueMap } from "./maps/queue.ts";
import { ReferenceArray } from "./maps/reference_array.ts";
import { RingBuffer, UserRingBuffer } from "./maps/ring_buffer.ts";
import type { MapTable } from "./maps/table.ts";
import { Codec } from "./typed_codec.ts";
import type { TypedValue } from "./typed_layout.ts";

/** An operation on a map failed as it would in the kernel. */
export class MapError extends EpassError {
  /** Name of the class. */
  override name = "MapError";
  /** The error number, positive. */
  readonly errno: number;

  /**
   * Makes an error.
   *
   * @param action What failed.
   * @param status The negative error number.
   */
  constructor(action: string, status: number) {
    super(`${action}: ${errnoText(status)}`);
    this.errno = -status;
  }
}

/** What a typed map must know of the maps and functions that its elements refer to. */
export interface ReferenceNames {
  /**
   * Finds a map.
   *
   * @param handle Its handle.
   * @returns The map, or null.
   */
  mapAt(handle: number): TypedMap | null;
  /**
   * Finds what an element of a map of references is to hold.
   *
   * @param name Name of a map, or of a program for an array of programs.
   * @param map The map that is to hold it.
   * @returns The word that stands for it, or null.
   */
  find(name: string, map: GuestMap): number | null;
  /**
   * Names what an element of a map of references holds.
   *
   * @param word The word that stands for it.
   * @param map The map that holds it.
   * @returns Its name, or null.
   */
  nameOf(word: number, map: GuestMap): string | null;
}

/**
 * A map from outside.
 *
 * @example
 * ```ts ignore
 * counts.set(6, 0n);
 * vm.program("count").run({ packet });
 * assert.equal(counts.get(6), 1n);
 * ```
 */
export class TypedMap {
  /** The map. */
  readonly map: GuestMap;
  readonly #keys: Codec;
  readonly #values: Codec;
  readonly #names: ReferenceNames;
  readonly #little: boolean;

  /**
   * Describes a map.
   *
   * @param map The map.
   * @param order Byte order of the program.
   * @param names What its elements may refer to.
   */
  constructor(map: GuestMap, order: "little" | "big", names: ReferenceNames) {
    this.map = map;
    const { keyType, valueType } = map.plan;
    this.#keys = new Codec(map.btf, keyType, map.keySize, order);
    this.#values = new Codec(map.btf, valueType, map.valueSize, order);
    this.#names = names;
    this.#little = order === "little";
  }

  /** Its name. */
  get name(): string {
    return this.map.name;
  }

  /** Name of its type, as `lru_hash`. */
  get type(): string {
    return this.map.typeName;
  }

  /** Number of elements. */
  get size(): number {
    return this.map.size;
  }

  /** Whether its elements refer to maps or programs. */
  get holdsReferences(): boolean {
    return this.map instanceof HashOfMaps || this.map instanceof ReferenceArray;
  }

  #key(key: TypedValue): Uint8Array {
    return this.#keys.encode(key, `a key of map ${this.name}`);
  }

  #bytes(value: TypedValue): Uint8Array<ArrayBuffer> {
    const word = typeof value === "string" && this.holdsReferences
      ? this.#names.find(value, this.map)
      : null;
    return this.#values.encode(word ?? value, `a value of map ${this.name}`);
  }

  #value(bytes: Uint8Array): TypedValue {
    if (this.holdsReferences) {
      const word = wordAt(bytes, this.#little);
      return this.#names.nameOf(word, this.map) ?? word;
    }
    return this.#values.decode(bytes);
  }

  /** The values of all CPUs. */
  #perCpu(bytes: Uint8Array): TypedValue[] {
    const stride = roundUp8(this.map.valueSize);
    return Array.from(
      { length: this.map.copies },
      (_, cpu) => this.#values.decode(bytes.subarray(cpu * stride)),
    );
  }

  #check(action: string, status: number): void {
    if (status < 0) throw new MapError(`cannot ${action} map ${this.name}`, status);
  }

  /**
   * Reads an element.
   *
   * @param key Its key.
   * @returns Its value, for a per-CPU map the list of the values of all CPUs; undefined if there is none.
   * @throws {EpassError} If the key does not fit its type, or the map cannot be read.
   */
  get(key: TypedValue): TypedValue | undefined {
    const bytes = this.map.read(this.#key(key));
    if (bytes === -ERRNO.ENOENT) return undefined;
    if (typeof bytes === "number") throw new MapError(`cannot read map ${this.name}`, bytes);
    return this.map.perCpu ? this.#perCpu(bytes) : this.#value(bytes);
  }

  /**
   * The value of one CPU.
   *
   * @param key Its key.
   * @param cpu The CPU.
   * @returns The value; undefined if there is none.
   * @throws {EpassError} If the key does not fit its type, or the map is not per-CPU.
   */
  getOnCpu(key: TypedValue, cpu: number): TypedValue | undefined {
    const values = this.get(key);
    return this.map.perCpu && Array.isArray(values) ? values[cpu] : undefined;
  }

  /**
   * Whether an element exists.
   *
   * @param key Its key.
   * @returns True if it does.
   */
  has(key: TypedValue): boolean {
    return typeof this.map.read(this.#key(key)) !== "number";
  }

  /**
   * Creates or replaces an element.
   *
   * @param key Its key.
   * @param value Its value; for a per-CPU map the list of the values of all CPUs; for a map of references a name.
   * @param flags {@link UPDATE}, by default any.
   * @throws {MapError} If the kernel would refuse.
   * @throws {EpassError} If key or value do not fit their types.
   */
  set(key: TypedValue, value: TypedValue, flags: number = UPDATE.ANY): void {
    const bytes = this.map.perCpu ? this.#encodePerCpu(value) : this.#bytes(value);
    this.#check("update", this.map.write(this.#key(key), bytes, flags));
  }

  #encodePerCpu(values: TypedValue): Uint8Array<ArrayBuffer> {
    const { copies, valueSize } = this.map;
    if (!Array.isArray(values) || values.length !== copies) {
      throw new EpassError(
        `cannot encode a value of map ${this.name}: it is not a list of ${copies}, one for each CPU`,
      );
    }
    const stride = roundUp8(valueSize);
    const bytes = new Uint8Array(stride * copies);
    values.forEach((value, cpu) => bytes.set(this.#bytes(value), cpu * stride));
    return bytes;
  }

  /**
   * Sets the value of one CPU; those of the others stay, zeros if there were none.
   *
   * @param key Its key.
   * @param cpu The CPU.
   * @param value The value.
   * @throws {MapError} If the kernel would refuse.
   * @throws {EpassError} If there is no such CPU, or key or value do not fit their types.
   */
  setOnCpu(key: TypedValue, cpu: number, value: TypedValue): void {
    const { copies, perCpu, valueSize } = this.map;
    if (!perCpu || !(cpu >= 0 && cpu < copies)) {
      throw new EpassError(`cannot update map ${this.name}: it has no value on CPU ${cpu}`);
    }
    const old = this.map.read(this.#key(key));
    const bytes = typeof old === "number" ? new Uint8Array(roundUp8(valueSize) * copies) : old;
    bytes.set(this.#bytes(value), cpu * roundUp8(valueSize));
    this.#check("update", this.map.write(this.#key(key), bytes));
  }

  /**
   * Removes an element.
   *
   * @param key Its key.
   * @returns Whether it existed.
   * @throws {MapError} If the kernel would refuse, as for arrays.
   */
  delete(key: TypedValue): boolean {
    const status = this.map.remove(this.#key(key));
    if (status === -ERRNO.ENOENT) return false;
    this.#check("delete from", status);
    return true;
  }

  /** Removes all elements; those of an array become zeros. */
  clear(): void {
    for (const key of [...this.map.keys()]) {
      if (this.map.remove(key) === 0) continue;
      this.map.write(key, new Uint8Array(roundUp8(this.map.valueSize) * this.map.copies));
    }
  }

  /**
   * Lists the keys.
   *
   * @returns The keys, in a deterministic order.
   */
  *keys(): Generator<TypedValue> {
    for (const key of this.map.keys()) yield this.#keys.decode(key);
  }

  /**
   * Lists the values; of a queue or stack without taking them.
   *
   * @returns The values, in the order of the keys.
   */
  *values(): Generator<TypedValue> {
    if (this.map instanceof QueueMap) {
      for (const bytes of this.map.contents()) yield this.#values.decode(bytes);
      return;
    }
    for (const [, value] of this.entries()) yield value;
  }

  /**
   * Lists the elements.
   *
   * @returns Keys and values, in a deterministic order.
   */
  *entries(): Generator<[key: TypedValue, value: TypedValue]> {
    for (const key of this.map.keys()) {
      const bytes = this.map.read(key);
      if (typeof bytes === "number") continue;
      yield [this.#keys.decode(key), this.map.perCpu ? this.#perCpu(bytes) : this.#value(bytes)];
    }
  }

  /** Lists the elements. */
  [Symbol.iterator](): Generator<[key: TypedValue, value: TypedValue]> {
    return this.entries();
  }

  /**
   * The map in an element of a map of maps.
   *
   * @param key Key of the element.
   * @returns The map; undefined if there is none.
   */
  inner(key: TypedValue): TypedMap | undefined {
    const bytes = this.map.read(this.#key(key));
    if (typeof bytes === "number") return undefined;
    return this.#names.mapAt(wordAt(bytes, this.#little)) ?? undefined;
  }

  /**
   * Adds a value to a queue, stack or Bloom filter, or a sample to a user ring buffer.
   *
   * @param value The value; bytes for a ring buffer.
   * @param flags {@link UPDATE}.EXIST to drop the oldest value of a full queue.
   * @throws {MapError} If the kernel would refuse.
   */
  push(value: TypedValue, flags: number = UPDATE.ANY): void {
    const { map } = this;
    if (map instanceof UserRingBuffer && value instanceof Uint8Array) {
      return this.#check("push to", map.push(value));
    }
    const isQueue = map instanceof QueueMap || map instanceof BloomFilter;
    const status = isQueue ? map.push(this.#bytes(value), flags) : -ERRNO.EOPNOTSUPP;
    this.#check("push to", status);
  }

  /**
   * Takes the next value of a queue or stack.
   *
   * @returns The value; undefined if there is none.
   */
  pop(): TypedValue | undefined {
    const bytes = this.map instanceof QueueMap ? this.map.pop() : -ERRNO.EOPNOTSUPP;
    if (typeof bytes !== "number") return this.#values.decode(bytes);
    if (bytes !== -ERRNO.ENOENT) this.#check("pop from", bytes);
    return undefined;
  }

  /**
   * Takes the records of a ring buffer that nobody has read.
   *
   * @returns Their bytes, in order; none where the sandbox has a reader, which has them.
   */
  drain(): Uint8Array<ArrayBuffer>[] {
    const records: Uint8Array<ArrayBuffer>[] = [];
    if (this.map instanceof RingBuffer) this.map.drain((data) => records.push(data));
    return records;
  }
}

/**
 * Describes the maps of a sandbox.
 *
 * @param maps The maps.
 * @param functions Programs by name and by address, for arrays of programs.
 * @returns Typed maps by name.
 */
export function typedMaps(
  maps: MapTable,
  functions: ReadonlyMap<string, number> = new Map(),
): Readonly<Record<string, TypedMap>> {
  const { order } = maps.memory;
  const names: ReferenceNames = {
    mapAt: (handle) => {
      const map = maps.byHandle(handle);
      return map === null ? null : new TypedMap(map, order, names);
    },
    find: (name, holder) =>
      (holder.typeName === "prog_array" ? functions.get(name) : maps.byName(name)?.handle) ?? null,
    nameOf: (word, holder) => {
      if (holder.typeName !== "prog_array") return maps.byHandle(word)?.name ?? null;
      for (const [name, address] of functions) if (address === word) return name;
      return null;
    },
  };
  const typed: Record<string, TypedMap> = Object.create(null);
  for (const map of maps) typed[map.name] ??= new TypedMap(map, order, names);
  return typed;
}
