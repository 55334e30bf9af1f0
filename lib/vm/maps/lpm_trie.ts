/**
 * The map type `lpm_trie`: the value of the longest prefix that a key begins with. A key is the length of its prefix in
 * bits, a word, then the bits in network order.
 *
 * The trie is that of the kernel (kernel/bpf/lpm_trie.c): path-compressed, with intermediate nodes where two prefixes part.
 * It lives outside of guest memory; the values live there.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import { ERRNO } from "../errno.ts";
import { Slab } from "./chunks.ts";
import { BaseMap, type MapSeed, UPDATE, wordAt, wordBytes } from "./map.ts";
import { MapStorage } from "./storage.ts";
import { Values } from "./values.ts";

/** Most bytes behind the length in a key (LPM_DATA_SIZE_MAX). */
const MAX_DATA = 256;

/** A node; an intermediate one has no value. */
interface TrieNode {
  /** Length of its prefix in bits. */
  readonly prefix: number;
  /** The bits, padded as the key that made it. */
  readonly data: Uint8Array;
  /** Address of its value; 0 for an intermediate node. */
  value: number;
  /** By the bit that follows the prefix. */
  readonly children: [TrieNode | null, TrieNode | null];
}

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

const matchLength = (node: TrieNode, data: Uint8Array, prefix: number): number =>
  commonBits(node.data, data, Math.min(node.prefix, prefix));

/** A trie of prefixes. */
export class LpmTrie extends BaseMap {
  readonly #storage: MapStorage;
  readonly #values: Values;
  readonly #slab: Slab;
  readonly #maxPrefix: number;
  #root: TrieNode | null = null;
  #count = 0;

  /**
   * Reserves nothing yet.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If the sizes are not those of a trie.
   */
  constructor(seed: MapSeed) {
    super(seed);
    const data = this.keySize - 4;
    if (data < 1 || data > MAX_DATA || this.valueSize === 0 || this.maxEntries === 0) {
      throw new EpassError(
        `cannot create map ${this.name}: a trie of ${this.maxEntries} elements, keys of ${this.keySize} and values of ${this.valueSize} bytes`,
      );
    }
    this.#maxPrefix = 8 * data;
    this.#storage = new MapStorage(seed.host.memory, this.name);
    this.#values = new Values(seed, this.#storage, false);
    this.#slab = new Slab(this.#storage, this.#values.footprint, this.maxEntries + 1);
  }

  override get size(): number {
    return this.#count;
  }

  #prefix(key: Uint8Array): number {
    return wordAt(key, this.little);
  }

  /** The address of the value for a key; 0 if no prefix matches. */
  #find(key: Uint8Array): number {
    const prefix = this.#prefix(key);
    if (prefix > this.#maxPrefix) return 0;
    const data = key.subarray(4);
    let found = 0;
    for (let node = this.#root; node !== null;) {
      const match = matchLength(node, data, prefix);
      if (match === this.#maxPrefix) return node.value || found;
      if (match < node.prefix) break;
      if (node.value !== 0) found = node.value;
      if (node.prefix >= prefix) break;
      node = node.children[bitAt(data, node.prefix)];
    }
    return found;
  }

  override lookup(key: Uint8Array, _cpu: number): number {
    return this.#find(key);
  }

  override read(key: Uint8Array): Uint8Array<ArrayBuffer> | number {
    const address = this.#find(key);
    return address === 0 ? -ERRNO.ENOENT : this.#values.getAll(address);
  }

  /** Walks to where a prefix is or would be. */
  #slot(data: Uint8Array, prefix: number): { node: TrieNode | null; parent: TrieNode | null } {
    let parent: TrieNode | null = null;
    let node = this.#root;
    while (node !== null) {
      if (matchLength(node, data, prefix) !== node.prefix || node.prefix === prefix) break;
      parent = node;
      node = node.children[bitAt(data, node.prefix)];
    }
    return { node, parent };
  }

  /** Puts a node below a parent; the root has none. */
  #attach(parent: TrieNode | null, data: Uint8Array, node: TrieNode | null): void {
    if (parent === null) this.#root = node;
    else parent.children[bitAt(data, parent.prefix)] = node;
  }

  override update(key: Uint8Array, value: Uint8Array, flags: number, _cpu: number): number {
    const prefix = this.#prefix(key);
    if (flags > UPDATE.EXIST || prefix > this.#maxPrefix) return -ERRNO.EINVAL;
    const data = key.slice(4);
    const { node, parent } = this.#slot(data, prefix);
    const match = node === null ? -1 : matchLength(node, data, prefix);
    const exists = node !== null && node.prefix === match && node.value !== 0;
    if (exists && flags === UPDATE.NOEXIST) return -ERRNO.EEXIST;
    if (!exists && flags === UPDATE.EXIST) return -ERRNO.ENOENT;
    if (!exists && this.#count >= this.maxEntries) return -ERRNO.ENOSPC;
    const copy = value.slice();
    const address = this.#slab.take();
    if (address === 0) return -ERRNO.ENOMEM;
    this.#values.set(address, copy);
    if (exists) this.#slab.give(node.value);
    else this.#count++;
    this.#link({ prefix, data, value: address, children: [null, null] }, node, parent, match);
    return 0;
  }

  /** Puts a new node where the walk ended: at a free place, instead of a node, above it, or beside it. */
  #link(added: TrieNode, node: TrieNode | null, parent: TrieNode | null, match: number): void {
    const { data, prefix } = added;
    if (node === null) return this.#attach(parent, data, added);
    if (node.prefix === match) {
      added.children[0] = node.children[0];
      added.children[1] = node.children[1];
      return this.#attach(parent, data, added);
    }
    if (match === prefix) {
      added.children[bitAt(node.data, match)] = node;
      return this.#attach(parent, data, added);
    }
    const fork: TrieNode = { prefix: match, data: node.data, value: 0, children: [null, null] };
    fork.children[bitAt(data, match)] = added;
    fork.children[bitAt(node.data, match)] = node;
    this.#attach(parent, data, fork);
  }

  override delete(key: Uint8Array): number {
    const prefix = this.#prefix(key);
    if (prefix > this.#maxPrefix) return -ERRNO.EINVAL;
    const data = key.subarray(4);
    let grandparent: TrieNode | null = null, parent: TrieNode | null = null;
    let node = this.#root;
    while (node !== null && matchLength(node, data, prefix) === node.prefix) {
      if (node.prefix === prefix) break;
      [grandparent, parent] = [parent, node];
      node = node.children[bitAt(data, node.prefix)];
    }
    const missing = node === null || node.prefix !== prefix || node.value === 0 ||
      matchLength(node, data, prefix) !== prefix;
    if (missing) return -ERRNO.ENOENT;
    this.#slab.give(node!.value);
    this.#count--;
    this.#detach(node!, parent, grandparent, data);
    return 0;
  }

  /** Removes a node, and its parent if that was a fork with it. */
  #detach(
    node: TrieNode,
    parent: TrieNode | null,
    grandparent: TrieNode | null,
    data: Uint8Array,
  ): void {
    const [zero, one] = node.children;
    if (zero !== null && one !== null) {
      node.value = 0;
      return;
    }
    const child = zero ?? one;
    if (child === null && parent !== null && parent.value === 0) {
      const sibling = parent.children[1 - bitAt(data, parent.prefix)];
      return this.#attach(grandparent, data, sibling);
    }
    this.#attach(parent, data, child);
  }

  override *keys(): Iterable<Uint8Array<ArrayBuffer>> {
    const open: (TrieNode | null)[] = [this.#root];
    while (open.length > 0) {
      const node = open.pop()!;
      if (node === null) continue;
      open.push(node.children[1], node.children[0]);
      if (node.value === 0) continue;
      const key = new Uint8Array(this.keySize);
      key.set(wordBytes(node.prefix, this.little));
      key.set(node.data, 4);
      yield key;
    }
  }
}
