/**
 * `map_lookup_elem` on tries as IR, for keys of at most 8 bytes of bits, which are one number:
 *
 * ```text
 * entry:                     bits = the key's, at the top of a 64-bit number; a prefix that is too long has no value
 * loop(node, found, steps):  branch node == 0, done(found), check
 * check:                     a longer prefix than the key's, or other bits in it:  done(found)
 *                            found = its value if it has one, else what was found before
 *                            node = the child for the bit behind its prefix;  loop
 * ```
 *
 * @module
 */

import { Builder } from "../ir/builder.ts";
import { type Block, IrFunction, type Value } from "../ir/function.ts";
import type { Size } from "../isa/ops.ts";
import { KEY_ACCESS, piecesOf } from "./key_code.ts";
import { TRIE_NODE, trieDepth, type TrieGeometry } from "./layout.ts";

/** The most bytes of bits that are one number. */
export const MAX_TRIE_BYTES = 8;

/** Loads bits in network order to the top of a 64-bit number. */
function loadBits(
  b: Builder,
  address: Value,
  offset: number,
  bytes: number,
  largest: Size = 8,
): Value {
  const parts = piecesOf(bytes, largest).map((piece) => {
    const loaded = b.load(piece.size, address, offset + piece.offset);
    const shift = 64 - 8 * (piece.offset + piece.size);
    const swapped = piece.size === 1
      ? loaded
      : b.unary(`be${8 * piece.size}` as "be64", 64, loaded);
    return shift === 0 ? swapped : b.alu("lsh", 64, swapped, b.fn.constant(shift));
  });
  return parts.reduce((all, part) => b.alu("or", 64, all, part));
}

/** The bits of a number above a length, which is at most 64, at the bottom: 0 for a length of 0. */
function leading(b: Builder, bits: Value, length: Value): Value {
  const { fn } = b;
  const but = b.alu("sub", 64, fn.constant(63), length);
  const above = b.alu("rsh", 64, b.alu("rsh", 64, bits, but), fn.constant(1));
  return b.select("eq", 64, length, fn.constant(64), bits, above);
}

/** The child of a node for the bit behind its prefix. */
function childOf(b: Builder, node: Value, bits: Value, prefix: Value): Value {
  const { fn } = b;
  const bit = b.alu("rsh", 64, bits, b.alu("sub", 64, fn.constant(63), prefix));
  const offset = b.alu("lsh", 64, b.alu("and", 64, bit, fn.constant(1)), fn.constant(2));
  return b.load(4, b.alu("add", 64, node, offset), TRIE_NODE.children);
}

/**
 * Makes the look-up of a trie of a little-endian program.
 *
 * @param geometry Where the trie lies.
 * @returns A function of the map and the address of the key.
 */
export function trieLookup({ header, dataSize, valueOffset }: TrieGeometry): IrFunction {
  const fn = new IrFunction("trie_lookup");
  const zero = fn.constant(0);
  const [entry, start, loop, check, match, descend, stuck, done] = Array.from(
    { length: 8 },
    (): Block => fn.newBlock(),
  );
  const b = new Builder(fn).atEnd(entry);
  b.param();
  const key = b.param();
  const length = b.load(4, key, 0);
  const bits = loadBits(b, key, 4, dataSize, KEY_ACCESS);
  b.branch("gt", 64, length, fn.constant(8 * dataSize), done, start, [zero]);
  b.atEnd(start).jump(loop, [b.load(4, fn.constant(header), 0), zero, zero]);
  const [node, found, steps] = [b.atEnd(loop).param(), b.param(), b.param()];
  b.branch("eq", 64, node, zero, done, check, [found]);
  const prefix = b.atEnd(check).load(4, node, TRIE_NODE.prefix);
  const own = loadBits(b, node, TRIE_NODE.data, dataSize);
  b.branch("gt", 64, prefix, length, done, match, [found]);
  const difference = leading(b.atEnd(match), b.alu("xor", 64, own, bits), prefix);
  const hasValue = b.load(4, node, TRIE_NODE.hasValue);
  const value = b.alu("add", 64, node, fn.constant(valueOffset));
  const better = b.select("eq", 64, hasValue, zero, found, value);
  const end = fn.newBlock();
  b.branch("ne", 64, difference, zero, done, end, [found]);
  b.atEnd(end).branch("ge", 64, prefix, length, done, descend, [better]);
  const child = childOf(b.atEnd(descend), node, bits, prefix);
  const step = b.alu("add", 64, steps, fn.constant(1));
  b.branch("gt", 64, step, fn.constant(trieDepth(dataSize)), stuck, loop, [], [
    child,
    better,
    step,
  ]);
  b.atEnd(stuck).trap("helper");
  b.atEnd(done).ret(b.param());
  return fn;
}
