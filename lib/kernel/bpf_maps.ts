/**
 * Maps through bpf(2). File descriptors are plain numbers that the caller closes.
 *
 * @module
 */

import type { Attributes } from "./attributes.ts";
import { buffer } from "./native.ts";
import { COMMAND, type SystemCall } from "./system_call.ts";

const ENOENT = 2;

/** A map to create. Sizes are in bytes. */
export interface NewMap {
  /** Its name. */
  readonly name: string;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** Size of a key. */
  readonly keySize: number;
  /** Size of a value. */
  readonly valueSize: number;
  /** Capacity. */
  readonly maxEntries: number;
  /** BPF_F_*. */
  readonly flags: number;
  /** map_extra: what only some types take, such as the address of an arena; 0 by default. */
  readonly extra?: bigint | undefined;
  /** File descriptor of a map like those that it will hold; 0 for none. */
  readonly innerFd: number;
  /** File descriptor of the BTF of its types; 0 for none. */
  readonly btfFd: number;
  /** Id of the key's type. */
  readonly keyType: number;
  /** Id of the value's type. */
  readonly valueType: number;
}

/** What bpf(2) does with maps. Failures are negative error numbers. */
export class MapCalls {
  readonly #system: SystemCall;

  /**
   * Wraps the system call.
   *
   * @param system The system call.
   */
  constructor(system: SystemCall) {
    this.#system = system;
  }

  /**
   * Creates a map.
   *
   * @param map The map.
   * @returns Its file descriptor, or a negative error number.
   */
  create(map: NewMap): number {
    const attributes = this.#system.attributes(72)
      .u32(0, map.type).u32(4, map.keySize).u32(8, map.valueSize).u32(12, map.maxEntries)
      .u32(16, map.flags).u32(20, map.innerFd).name(28, map.name).u64(64, map.extra ?? 0n);
    if (map.btfFd > 0) {
      attributes.u32(48, map.btfFd).u32(52, map.keyType).u32(56, map.valueType);
    }
    return this.#system.call(COMMAND.mapCreate, attributes);
  }

  /**
   * Writes an element of a map.
   *
   * @param fd The map.
   * @param key The key.
   * @param value The value; those of every processor for maps that have one each.
   * @param flags BPF_ANY and its like.
   * @returns 0, or a negative error number.
   */
  update(
    fd: number,
    key: Uint8Array<ArrayBuffer>,
    value: Uint8Array<ArrayBuffer>,
    flags: number = 0,
  ): number {
    return this.#system.call(
      COMMAND.mapUpdate,
      this.#element(fd, key, value).u64(24, BigInt(flags)),
    );
  }

  #element(
    fd: number,
    key: Uint8Array<ArrayBuffer> | null,
    value: Uint8Array<ArrayBuffer> | null,
  ): Attributes {
    return this.#system.attributes(32).u32(0, fd).pointer(8, key).pointer(16, value);
  }

  /**
   * Reads an element of a map.
   *
   * @param fd The map.
   * @param key The key; empty for maps without.
   * @param value Where to put the value, those of every processor for maps that have one each.
   * @param take Whether to remove it.
   * @returns 0, or a negative error number.
   */
  lookup(
    fd: number,
    key: Uint8Array<ArrayBuffer>,
    value: Uint8Array<ArrayBuffer>,
    take = false,
  ): number {
    const command = take ? COMMAND.mapLookupAndDelete : COMMAND.mapLookup;
    return this.#system.call(command, this.#element(fd, key, value));
  }

  /**
   * Removes an element of a map.
   *
   * @param fd The map.
   * @param key The key.
   * @returns 0, or a negative error number.
   */
  delete(fd: number, key: Uint8Array<ArrayBuffer>): number {
    return this.#system.call(COMMAND.mapDelete, this.#element(fd, key, null));
  }

  /**
   * Finds the key that follows another.
   *
   * @param fd The map.
   * @param key A key; null for the first.
   * @param next Where to put the key that follows.
   * @returns 0, or a negative error number.
   */
  nextKey(
    fd: number,
    key: Uint8Array<ArrayBuffer> | null,
    next: Uint8Array<ArrayBuffer>,
  ): number {
    return this.#system.call(COMMAND.mapNextKey, this.#element(fd, key, next));
  }

  /**
   * Reads all elements of a map at once.
   *
   * @param fd The map.
   * @param keys Where to put the keys.
   * @param values Where to put the values, those of every processor for maps that have one each.
   * @param maxEntries For how many elements there is room.
   * @returns How many elements there are, or a negative error number.
   */
  lookupAll(
    fd: number,
    keys: Uint8Array<ArrayBuffer>,
    values: Uint8Array<ArrayBuffer>,
    maxEntries: number,
  ): number {
    const position = buffer(Math.max(8, keys.length / maxEntries));
    const attributes = this.#system.attributes(56).pointer(8, position).pointer(16, keys)
      .pointer(24, values).u32(32, maxEntries).u32(36, fd);
    const status = this.#system.call(COMMAND.mapLookupBatch, attributes);
    return status === 0 || status === -ENOENT ? attributes.get(32) : status;
  }

  /**
   * Makes a map unchangeable from outside, so that the verifier may read it.
   *
   * @param fd The map.
   * @returns 0, or a negative error number.
   */
  freeze(fd: number): number {
    return this.#system.call(COMMAND.mapFreeze, this.#system.attributes(4).u32(0, fd));
  }
}
