/**
 * The map type `lpm_trie`: the value of the longest prefix that a key begins with. A key is the length of its prefix in
 * bits, a word, then the bits in network order.
 *
 * The trie is that of the kernel (kernel/bpf/lpm_trie.c): path-compressed, with intermediate nodes where two prefixes part.
 * `lib/runtime/layout.ts` describes its nodes.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import { TRIE_NODE, trieDepth, type TrieGeometry } from "../../runtime/layout.ts";
import { ERRNO } from "../errno.ts";
import { GuestFault } from "../fault.ts";
import { Slab } from "./chunks.ts";
import { BaseMap, type MapSeed, roundUp8, UPDATE, wordAt, wordBytes } from "./map.ts";
import { MapStorage } from "./storage.ts";
import { Values } from "./values.ts";

/** Most bytes behind the length in a key (LPM_DATA_SIZE_MAX). */
const MAX_DATA = 256;

const bitAt = (data: Uint8Array, index: number): 0 | 1 =>
  ((data[index >> 3] >> (7 - (index & 7))) & 1) as 0 | 1;

/** Number of leading bits, at most `limit`, that two keys share. */
function commonBits(a: Uint8Array, b: Uint8Array, limit: number): number {
  const bytes = Math.min(a.length, b.length);
  for (let i = 0; i < bytes && 8 * i < limit; i++) {
    const difference = a[i] ^ b[i];
    if (difference !== 0) return Math.min(limit, 8 * i + Math.clz32(difference) - 24);
  }
  return limit;
}

/** A place in the trie: the address of the word that leads to a node, and the node, 0 for none. */
interface TriePlace {
  readonly link: number;
  readonly node: number;
}

/** A trie of prefixes. */
export class LpmTrie extends BaseMap {
  /** Where it lies. */
  readonly geometry: TrieGeometry;
  readonly #storage: MapStorage;
  readonly #values: Values;
  readonly #slab: Slab;
  readonly #maxPrefix: number;
  #count = 0;

  /**
   * Reserves the header.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If the sizes are not those of a trie.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  constructor(seed: MapSeed) {
    super(seed);
    const dataSize = this.keySize - 4;
    if (dataSize < 1 || dataSize > MAX_DATA || this.valueSize === 0 || this.maxEntries === 0) {
      throw new EpassError(
        `cannot create map ${this.name}: a trie of ${this.maxEntries} elements, keys of ${this.keySize} and values of ${this.valueSize} bytes`,
      );
    }
    this.#maxPrefix = 8 * dataSize;
    this.#storage = new MapStorage(seed.host.memory, this.name);
    this.#values = new Values(seed, this.#storage, false);
    const valueOffset = TRIE_NODE.data + roundUp8(dataSize);
    const stride = valueOffset + this.#values.footprint;
    // An element may need a node to part from another, and the one that it replaces is given back after.
    this.#slab = new Slab(this.#storage, stride, 2 * this.maxEntries + 1);
    this.geometry = { header: this.#storage.allocate(8), dataSize, valueOffset };
  }

  override get size(): number {
    return this.#count;
  }

  #keyPrefix(key: Uint8Array): number {
    return wordAt(key, this.little);
  }

  // Nodes.

  #prefix(node: number): number {
    return this.#storage.u32(node + TRIE_NODE.prefix);
  }

  #hasValue(node: number): boolean {
    return this.#storage.u32(node + TRIE_NODE.hasValue) !== 0;
  }

  #data(node: number): Uint8Array {
    return this.#storage.bytes(node + TRIE_NODE.data, this.geometry.dataSize);
  }

  /** Address of the word that leads to a child. */
  #child(node: number, bit: 0 | 1): number {
    return node + TRIE_NODE.children + 4 * bit;
  }

  /** How many bits of a key a node shares, at most the shorter prefix. */
  #match(node: number, data: Uint8Array, prefix: number): number {
    return commonBits(this.#data(node), data, Math.min(this.#prefix(node), prefix));
  }

  #newNode(prefix: number, data: Uint8Array, hasValue: boolean): number {
    const node = this.#slab.take();
    if (node === 0) return 0;
    this.#storage.setU32(node + TRIE_NODE.prefix, prefix);
    this.#storage.setU32(node + TRIE_NODE.hasValue, hasValue ? 1 : 0);
    this.#storage.write(node + TRIE_NODE.data, data);
    return node;
  }

  /** Walks from the root as long as a step leads on; a program may have made a circle. */
  #walk(step: (place: TriePlace) => number): TriePlace {
    let link = this.geometry.header;
    for (let steps = 0; steps <= trieDepth(this.geometry.dataSize); steps++) {
      const place = { link, node: this.#storage.u32(link) };
      const next = place.node === 0 ? 0 : step(place);
      if (next === 0) return place;
      link = next;
    }
    throw new GuestFault("helper", `cannot use map ${this.name}: its storage was overwritten`);
  }

  /** The address of the value for a key; 0 if no prefix matches. */
  #find(key: Uint8Array): number {
    const prefix = this.#keyPrefix(key);
    if (prefix > this.#maxPrefix) return 0;
    const data = key.subarray(4);
    let found = 0;
    this.#walk(({ node }) => {
      const own = this.#prefix(node);
      if (own > prefix || this.#match(node, data, prefix) < own) return 0;
      if (this.#hasValue(node)) found = node + this.geometry.valueOffset;
      return own < prefix ? this.#child(node, bitAt(data, own)) : 0;
    });
    return found;
  }

  override lookup(key: Uint8Array, _cpu: number): number {
    return this.#find(key);
  }

  override read(key: Uint8Array): Uint8Array<ArrayBuffer> | number {
    const address = this.#find(key);
    return address === 0 ? -ERRNO.ENOENT : this.#values.getAll(address);
  }

  /** Where a prefix is or would be. */
  #place(data: Uint8Array, prefix: number): TriePlace {
    return this.#walk(({ node }) => {
      const own = this.#prefix(node);
      if (own === prefix || this.#match(node, data, prefix) !== own) return 0;
      return this.#child(node, bitAt(data, own));
    });
  }

  override update(key: Uint8Array, value: Uint8Array, flags: number, _cpu: number): number {
    const prefix = this.#keyPrefix(key);
    if (flags > UPDATE.EXIST || prefix > this.#maxPrefix) return -ERRNO.EINVAL;
    const data = key.slice(4), copy = value.slice();
    const place = this.#place(data, prefix);
    const { node } = place;
    const match = node === 0 ? -1 : this.#match(node, data, prefix);
    const isSame = node !== 0 && this.#prefix(node) === match;
    const exists = isSame && this.#hasValue(node);
    if (exists && flags === UPDATE.NOEXIST) return -ERRNO.EEXIST;
    if (!exists && flags === UPDATE.EXIST) return -ERRNO.ENOENT;
    if (!exists && this.#count >= this.maxEntries) return -ERRNO.ENOSPC;
    const added = this.#newNode(prefix, data, true);
    if (added === 0) return -ERRNO.ENOMEM;
    this.#values.set(added + this.geometry.valueOffset, copy);
    const linked = isSame
      ? this.#replace(added, place)
      : this.#insert(added, place, match, data, prefix);
    if (!linked) return -ERRNO.ENOMEM;
    if (!exists) this.#count++;
    return 0;
  }

  /** Puts a node in the place of one with the same prefix. */
  #replace(added: number, { link, node }: TriePlace): boolean {
    for (const bit of [0, 1] as const) {
      this.#storage.setU32(this.#child(added, bit), this.#storage.u32(this.#child(node, bit)));
    }
    this.#storage.setU32(link, added);
    this.#slab.give(node);
    return true;
  }

  /** Puts a node where the walk ended: at a free place, above a node, or beside it. */
  #insert(
    added: number,
    { link, node }: TriePlace,
    match: number,
    data: Uint8Array,
    prefix: number,
  ): boolean {
    let top = added;
    if (node !== 0 && match === prefix) {
      this.#storage.setU32(this.#child(added, bitAt(this.#data(node), match)), node);
    } else if (node !== 0) {
      top = this.#newNode(match, this.#data(node).slice(), false);
      if (top === 0) {
        this.#slab.give(added);
        return false;
      }
      this.#storage.setU32(this.#child(top, bitAt(data, match)), added);
      this.#storage.setU32(this.#child(top, bitAt(this.#data(node), match)), node);
    }
    this.#storage.setU32(link, top);
    return true;
  }

  override delete(key: Uint8Array): number {
    const prefix = this.#keyPrefix(key);
    if (prefix > this.#maxPrefix) return -ERRNO.EINVAL;
    const data = key.subarray(4);
    let parent: TriePlace | null = null;
    const place = this.#walk((at) => {
      const own = this.#prefix(at.node);
      if (own === prefix || this.#match(at.node, data, prefix) !== own) return 0;
      parent = at;
      return this.#child(at.node, bitAt(data, own));
    });
    const { node } = place;
    const isThere = node !== 0 && this.#prefix(node) === prefix && this.#hasValue(node) &&
      this.#match(node, data, prefix) === prefix;
    if (!isThere) return -ERRNO.ENOENT;
    this.#count--;
    this.#detach(place, parent);
    return 0;
  }

  /** Removes a node, and its parent if that only parted it from another. */
  #detach({ link, node }: TriePlace, parent: TriePlace | null): void {
    const [zero, one] = ([0, 1] as const).map((bit) => this.#storage.u32(this.#child(node, bit)));
    if (zero !== 0 && one !== 0) {
      this.#storage.setU32(node + TRIE_NODE.hasValue, 0);
      return;
    }
    this.#slab.give(node);
    if (zero + one !== 0 || parent === null || this.#hasValue(parent.node)) {
      this.#storage.setU32(link, zero + one);
      return;
    }
    const other = this.#child(parent.node, link === this.#child(parent.node, 0) ? 1 : 0);
    this.#storage.setU32(parent.link, this.#storage.u32(other));
    this.#slab.give(parent.node);
  }

  override *keys(): Iterable<Uint8Array<ArrayBuffer>> {
    const open = [this.#storage.u32(this.geometry.header)];
    for (let visits = 0; open.length > 0 && visits <= 4 * this.maxEntries; visits++) {
      const node = open.pop()!;
      if (node === 0) continue;
      for (const bit of [1, 0] as const) open.push(this.#storage.u32(this.#child(node, bit)));
      if (!this.#hasValue(node)) continue;
      const key = new Uint8Array(this.keySize);
      key.set(wordBytes(this.#prefix(node), this.little));
      key.set(this.#data(node), 4);
      yield key;
    }
  }
}
