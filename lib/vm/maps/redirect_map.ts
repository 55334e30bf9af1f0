/**
 * Maps of redirect targets: `devmap`, `devmap_hash`, `cpumap`, `xskmap`, `sockmap`, `sockhash`, `reuseport_sockarray`. A sandbox
 * sends nothing; its elements are the numbers that the caller put in (an interface, a queue size, a socket), and a redirect
 * to one of them is recorded.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import { ERRNO } from "../errno.ts";
import { Slab } from "./chunks.ts";
import { BaseMap, type MapSeed, UPDATE, wordAt, wordBytes } from "./map.ts";
import { MapStorage } from "./storage.ts";
import { Values } from "./values.ts";

/** Most packets that may wait for a CPU. */
const MAX_QUEUE = 16_384;

/** Most targets: their keys lie outside of guest memory, whose maximum does not bound them. */
const MAX_TARGETS = 1 << 20;
/** Most bytes of a key (MAX_BPF_STACK). */
const MAX_KEY = 512;

/** Types whose keys are not indices. */
const HASHES: ReadonlySet<string> = new Set(["devmap_hash", "sockhash"]);
/** Types whose element is removed by writing 0. */
const REMOVED_BY_ZERO: ReadonlySet<string> = new Set(["devmap", "cpumap"]);
/** Types whose values a program may read. */
const READABLE: ReadonlySet<string> = new Set([
  "devmap",
  "devmap_hash",
  "cpumap",
  "xskmap",
  "sockmap",
  "sockhash",
]);

const text = (key: Uint8Array): string => String.fromCharCode(...key);
const bytesOf = (key: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(key, (character) => character.charCodeAt(0));

/** A map of redirect targets. */
export class RedirectMap extends BaseMap {
  /** Whether its keys are indices. */
  readonly isIndexed: boolean;
  readonly #values: Values;
  readonly #slab: Slab;
  readonly #elements = new Map<string, number>();

  /**
   * Makes it empty.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If the sizes are not possible.
   */
  constructor(seed: MapSeed) {
    super(seed);
    this.isIndexed = !HASHES.has(this.typeName);
    const badKey = this.isIndexed
      ? this.keySize !== 4
      : this.keySize === 0 || this.keySize > MAX_KEY;
    if (badKey || this.valueSize < 4 || this.maxEntries === 0) {
      throw new EpassError(
        `cannot create map ${this.name}: a ${this.typeName} of ${this.maxEntries} elements, keys of ${this.keySize} and values of ${this.valueSize} bytes`,
      );
    }
    const storage = new MapStorage(seed.host.memory, this.name);
    this.#values = new Values(seed, storage, false);
    this.#slab = new Slab(storage, this.#values.footprint, Math.min(this.maxEntries, MAX_TARGETS));
  }

  override get size(): number {
    return this.#elements.size;
  }

  /**
   * Finds a target.
   *
   * @param key Its key.
   * @returns Address of its value; 0 if there is none.
   */
  target(key: Uint8Array): number {
    return this.#elements.get(text(key)) ?? 0;
  }

  override lookup(key: Uint8Array, _cpu: number): number {
    return READABLE.has(this.typeName) ? this.target(key) : 0;
  }

  /** What an update gives before it does anything. */
  #refusal(key: Uint8Array, value: Uint8Array, flags: number): number {
    if (flags > UPDATE.EXIST) return -ERRNO.EINVAL;
    if (this.isIndexed && wordAt(key, this.little) >= this.maxEntries) return -ERRNO.E2BIG;
    const exists = this.#elements.has(text(key));
    if (REMOVED_BY_ZERO.has(this.typeName)) {
      if (flags === UPDATE.NOEXIST) return -ERRNO.EEXIST;
      const isTooLong = this.typeName === "cpumap" && wordAt(value, this.little) > MAX_QUEUE;
      return isTooLong ? -ERRNO.EOVERFLOW : 0;
    }
    const isDevmapHash = this.typeName === "devmap_hash";
    if (isDevmapHash && wordAt(value, this.little) === 0) return -ERRNO.EINVAL;
    if (flags === UPDATE.NOEXIST && exists) return -ERRNO.EEXIST;
    return !isDevmapHash && flags === UPDATE.EXIST && !exists ? -ERRNO.ENOENT : 0;
  }

  protected override store(key: Uint8Array, value: Uint8Array, flags: number): number {
    const refusal = this.#refusal(key, value, flags);
    if (refusal !== 0) return refusal;
    if (wordAt(value, this.little) === 0 && REMOVED_BY_ZERO.has(this.typeName)) {
      this.delete(key);
      return 0;
    }
    const name = text(key), copy = value.slice();
    let address = this.#elements.get(name) ?? 0;
    if (address === 0) {
      if (this.#elements.size >= this.maxEntries) return -ERRNO.E2BIG;
      address = this.#slab.take();
      if (address === 0) return -ERRNO.ENOMEM;
      this.#elements.set(name, address);
    }
    this.#values.set(address, copy);
    return 0;
  }

  /**
   * Puts a target in on behalf of a program (`sock_map_update`).
   *
   * @param key The key.
   * @param socket A number for the socket.
   * @param flags {@link UPDATE}.
   * @returns 0 or a negative error number.
   */
  putSocket(key: Uint8Array, socket: number, flags: number): number {
    const value = new Uint8Array(this.valueSize);
    value.set(wordBytes(socket, this.little));
    return this.store(key, value, flags);
  }

  override delete(key: Uint8Array): number {
    if (this.isIndexed && wordAt(key, this.little) >= this.maxEntries) return -ERRNO.EINVAL;
    const name = text(key);
    const address = this.#elements.get(name);
    if (address === undefined) return this.isIndexed && !this.#isSocketMap ? 0 : -ERRNO.ENOENT;
    this.#elements.delete(name);
    this.#slab.give(address);
    return 0;
  }

  get #isSocketMap(): boolean {
    return this.typeName.startsWith("sock");
  }

  override read(key: Uint8Array): Uint8Array<ArrayBuffer> | number {
    const address = this.target(key);
    return address === 0 ? -ERRNO.ENOENT : this.#values.getAll(address);
  }

  override *keys(): Iterable<Uint8Array<ArrayBuffer>> {
    for (const key of [...this.#elements.keys()]) yield bytesOf(key);
  }
}
