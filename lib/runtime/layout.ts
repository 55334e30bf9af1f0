/**
 * How arrays and hashes lie in guest memory: what the TypeScript of the sandbox and the IR code of this folder agree on. Words
 * are in the byte order of the program, sizes in bytes.
 *
 * An array is `base + cpu * cpuStride + index * stride`. A hash table is a header, buckets and elements:
 *
 * ```text
 * header   +0 address of the buckets   +4 number of buckets - 1   +8 elements in use
 *          +12 first free element      +16 spare element
 * bucket   address of its first element, 0 if it has none
 * element  +0 address of the next element of its bucket or of the free list   +4 state   +8 key, rounded up to 8 bytes
 *          then the values
 * ```
 *
 * There are at least as many buckets as elements in use, up to the capacity; the table doubles by moving the chains to new
 * buckets, so that elements keep their addresses. An update of an existing element takes the spare element and leaves the
 * old one, unchanged, as the next spare: a program that holds a pointer to it sees the old value, as in the kernel.
 *
 * A trie is a header, the address of the root, and nodes; intermediate ones, where two prefixes part, have no value:
 *
 * ```text
 * node     +0 and +4 address of the child for a bit of 0 or 1 behind the prefix, 0 if there is none
 *          +8 length of the prefix in bits   +12 1 if it has a value   +16 bits in network order, rounded up to 8 bytes
 *          then the value
 * ```
 *
 * The hash of a key: its bytes are taken as 32-bit words, least significant byte first, the last one filled up with zeros. From
 * the size of the key on, each pair of words is mixed in by `h = (h ^ first) * FIRST + second * SECOND; h ^= h >>> 15`, a word
 * that is left by the same without a second, and the end is `h *= END; h ^= h >>> 13`. The two multiplications of a pair do not
 * wait for each other.
 *
 * @module
 */

/** Where the elements of an array lie. */
export interface ArrayGeometry {
  /** Address of the first value of CPU 0. */
  readonly base: number;
  /** Size of a value. */
  readonly valueSize: number;
  /** Distance between two values. */
  readonly stride: number;
  /** Distance between the values of two CPUs; 0 where there is one for all, or one CPU. */
  readonly cpuStride: number;
  /** Number of elements. */
  readonly maxEntries: number;
}

/** Where a hash table lies. */
export interface HashGeometry {
  /** Address of the header. */
  readonly header: number;
  /** Size of a key. */
  readonly keySize: number;
  /** Size of a value. */
  readonly valueSize: number;
  /** Offset of the values in an element. */
  readonly valueOffset: number;
  /** Distance between the values of two CPUs; 0 where there is one for all, or one CPU. */
  readonly cpuStride: number;
  /** The most elements in use. */
  readonly maxEntries: number;
  /** Whether an update of an existing element replaces its value in place. */
  readonly inPlace: boolean;
  /** Whether it makes room by removing elements, so that look-ups leave a mark. */
  readonly evicts: boolean;
}

/** Where a trie lies. */
export interface TrieGeometry {
  /** Address of the header. */
  readonly header: number;
  /** Bytes of the bits in a key. */
  readonly dataSize: number;
  /** Offset of the value in a node. */
  readonly valueOffset: number;
}

/** Offsets in a node of a trie. */
export const TRIE_NODE = { children: 0, prefix: 8, hasValue: 12, data: 16 } as const;

/**
 * The most nodes on a way through a trie: prefixes grow on it.
 *
 * @param dataSize Bytes of the bits in a key.
 * @returns One for each length of a prefix.
 */
export function trieDepth(dataSize: number): number {
  return 8 * dataSize + 1;
}

/** Flags of an update that can be made into code: create or replace, create only, replace only. */
export const UPDATE_FLAG = { any: 0, noexist: 1, exist: 2 } as const;

/** The largest keys and values in bytes that are made into code. */
export const MAX_CODE_BYTES = 64;

/** What operations return: Linux's error numbers, negative. */
export const MAP_RESULT = { done: 0, noEntry: -2, tooBig: -7, exists: -17 } as const;

/** Offsets of the words of the header of a hash table, and its size. */
export const HASH_HEADER = {
  buckets: 0,
  mask: 4,
  count: 8,
  free: 12,
  spare: 16,
  size: 24,
} as const;

/** Offsets in an element of a hash table. */
export const HASH_ELEMENT = { next: 0, state: 4, key: 8 } as const;

/** States of an element: free, in use, in use and looked up or updated since it was made. */
export const HASH_STATE = { free: 0, used: 1, referenced: 3 } as const;

/** Multipliers of the hash: of the first and second word of a pair, of the end (xxHash32, PRIME32_1, 3 and 2). */
export const HASH_FACTOR = { first: 0x9e37_79b1, second: 0xc2b2_ae3d, end: 0x85eb_ca77 } as const;

/** Shifts of the hash: after each pair of words and at the end. */
export const HASH_SHIFT = { pair: 15, end: 13 } as const;

/**
 * The most steps along a chain: a program may have closed one to a circle.
 *
 * @param maxEntries The most elements in use.
 * @returns One more than a chain can have.
 */
export function chainLimit(maxEntries: number): number {
  return maxEntries + 1;
}
