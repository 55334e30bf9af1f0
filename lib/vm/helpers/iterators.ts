/**
 * Kfuncs of open-coded iterators: over numbers, and over bits; those over objects of the kernel find none.
 *
 * @module
 */

import { readForeign } from "../foreign_memory.ts";
import { failure, type HelperBodies, type HelperFactory, s32, u32, u64 } from "./body.ts";

/** The most numbers of an iterator (BPF_MAX_LOOPS). */
const MAX_LOOPS = 0x80_0000;
/** Most words of an iterator over bits (BITS_ITER_NR_WORDS_MAX). */
const MAX_WORDS = 511;

const word = (value: number): bigint => BigInt(value >>> 0);

const startNumbers: HelperFactory = ({ memory }) => (_context, r1, r2, r3) => {
  const start = s32(r2), end = s32(r3);
  memory.store(r1, 8, 0n);
  if (start > end) return failure("EINVAL");
  if (end - start > MAX_LOOPS) return failure("E2BIG");
  memory.store(r1, 4, word(start - 1));
  memory.store(r1 + 4n, 4, word(end));
  return 0n;
};

/** The next number is where the iterator itself keeps it. */
const nextNumber: HelperFactory = ({ memory }) => (_context, r1) => {
  const current = s32(memory.load(r1, 4)), end = s32(memory.load(r1 + 4n, 4));
  const following = (current + 1) | 0;
  if (following >= end) {
    memory.store(r1, 8, 0n);
    return 0n;
  }
  memory.store(r1, 4, word(following));
  return u64(r1);
};

/** struct bpf_iter_bits: the address of a copy of the bits, how many there are, the current one. */
const startBits: HelperFactory = (env) => (_context, r1, r2, r3) => {
  const { memory, heap } = env;
  const words = u32(r3);
  memory.slice(r1, 16, true).fill(0);
  if (words === 0) return failure("EINVAL");
  if (words > MAX_WORDS) return failure("E2BIG");
  const bits = readForeign(env, "kernel", u64(r2), 8 * words)?.slice() ?? null;
  if (bits === null) return failure("EFAULT");
  const copy = heap.allocate(8 * words);
  if (copy === null) return failure("ENOMEM");
  const address = BigInt(copy.address);
  memory.slice(address, bits.length, true).set(bits);
  memory.store(r1, 8, address);
  memory.store(r1 + 8n, 4, word(64 * words));
  memory.store(r1 + 12n, 4, word(-1));
  return 0n;
};

const nextBit: HelperFactory = ({ memory }) => (_context, r1) => {
  const bits = memory.load(r1, 8);
  const count = Math.min(u32(memory.load(r1 + 8n, 4)), 64 * MAX_WORDS);
  for (let bit = s32(memory.load(r1 + 12n, 4)) + 1; bit >= 0 && bit < count; bit++) {
    const value = memory.load(bits + BigInt(8 * (bit >> 6)), 8);
    if ((value >> BigInt(bit & 63) & 1n) === 0n) continue;
    memory.store(r1 + 12n, 4, word(bit));
    return u64(r1) + 12n;
  }
  memory.store(r1 + 8n, 4, 0n);
  return 0n;
};

const endBits: HelperFactory = ({ memory, heap }) => (_context, r1) => {
  const copy = heap.find(memory.load(r1, 8));
  if (copy !== null) heap.release(copy);
  memory.store(r1, 8, 0n);
  return 0n;
};

const nothing: HelperFactory = () => () => 0n;

/** Iterators over objects of the kernel, of which a sandbox has none. */
const EMPTY = ["task", "task_vma", "css", "css_task", "kmem_cache", "dmabuf", "scx_dsq"] as const;

const emptyIterators = Object.fromEntries(
  EMPTY.flatMap((name) =>
    ["new", "next", "destroy"].map((step) => [`bpf_iter_${name}_${step}`, nothing])
  ),
);

/** Kfuncs of open-coded iterators. */
export const ITERATOR_KFUNCS: HelperBodies = {
  ...emptyIterators,
  bpf_iter_num_new: startNumbers,
  bpf_iter_num_next: nextNumber,
  bpf_iter_num_destroy: ({ memory }) => (_context, r1) => {
    memory.store(r1, 8, 0n);
    return 0n;
  },
  bpf_iter_bits_new: startBits,
  bpf_iter_bits_next: nextBit,
  bpf_iter_bits_destroy: endBits,
};
