/**
 * The map type `stack_trace`: call stacks by an id that is made of their addresses.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import { ERRNO } from "../errno.ts";
import { hashKey } from "./hash.ts";
import { BaseMap, type MapSeed, wordAt, wordBytes } from "./map.ts";

/** What to do with a stack whose id is taken by another. */
const FLAG = { compare: 0x200, replace: 0x400 } as const;
/** Most bytes of a stack. */
const MAX_STACK = 8192;
/** Most bytes of all stacks: they lie outside of guest memory. */
const MAX_BYTES = 1 << 26;

/** Call stacks by id. */
export class StackTraceMap extends BaseMap {
  readonly #stacks = new Map<number, Uint8Array<ArrayBuffer>>();
  readonly #mask: number;

  /**
   * Makes it empty.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If the sizes are not those of such a map.
   */
  constructor(seed: MapSeed) {
    super(seed);
    const { keySize, valueSize, maxEntries } = this;
    const isStack = valueSize >= 8 && valueSize % 8 === 0 && valueSize <= MAX_STACK;
    if (keySize !== 4 || !isStack || maxEntries === 0) {
      throw new EpassError(
        `cannot create map ${this.name}: stacks of ${valueSize} bytes, ${maxEntries} with keys of ${keySize} bytes`,
      );
    }
    this.#mask = 2 ** Math.ceil(Math.log2(maxEntries)) - 1;
  }

  override get size(): number {
    return this.#stacks.size;
  }

  /**
   * Keeps a call stack.
   *
   * @param addresses Its return addresses, innermost first.
   * @param flags Flags of `bpf_get_stackid`: the low byte is how many to skip.
   * @returns Its id, or a negative error number.
   */
  add(addresses: readonly bigint[], flags: number): number {
    const kept = addresses.slice(flags & 0xff, (flags & 0xff) + this.valueSize / 8);
    if (kept.length === 0) return -ERRNO.EFAULT;
    const stack = new Uint8Array(this.valueSize);
    const view = new DataView(stack.buffer);
    kept.forEach((address, i) => view.setBigUint64(8 * i, address, this.little));
    const id = hashKey(stack) & this.#mask;
    const old = this.#stacks.get(id);
    const isSame = old !== undefined && old.every((byte, i) => byte === stack[i]);
    if (isSame || (old !== undefined && (flags & FLAG.compare) === 0)) return id;
    if (old !== undefined && (flags & FLAG.replace) === 0) return -ERRNO.EEXIST;
    if (old === undefined && (this.#stacks.size + 1) * this.valueSize > MAX_BYTES) {
      return -ERRNO.ENOMEM;
    }
    this.#stacks.set(id, stack);
    return id;
  }

  override read(key: Uint8Array): Uint8Array<ArrayBuffer> | number {
    return this.#stacks.get(wordAt(key, this.little))?.slice() ?? -ERRNO.ENOENT;
  }

  override delete(key: Uint8Array): number {
    return this.#stacks.delete(wordAt(key, this.little)) ? 0 : -ERRNO.ENOENT;
  }

  override *keys(): Iterable<Uint8Array<ArrayBuffer>> {
    for (const id of [...this.#stacks.keys()]) yield wordBytes(id, this.little);
  }
}
