/**
 * Keys of hash tables as IR: loaded once as numbers of 8, 4, 2 and 1 bytes, then hashed, compared and stored as those.
 *
 * @module
 */

import type { Builder } from "../ir/builder.ts";
import type { Value } from "../ir/function.ts";
import type { Size } from "../isa/ops.ts";
import { HASH_FACTOR, HASH_SHIFT } from "./layout.ts";

/** Part of a key or value. */
export interface Piece {
  /** Its size in bytes. */
  readonly size: Size;
  /** Its offset in bytes. */
  readonly offset: number;
  /** Its bytes as a number. */
  readonly value: Value;
}

/**
 * Cuts a number of bytes into sizes of memory accesses, large ones first.
 *
 * @param bytes How many bytes.
 * @returns The sizes and offsets in bytes.
 */
export function piecesOf(bytes: number): { readonly size: Size; readonly offset: number }[] {
  const pieces: { size: Size; offset: number }[] = [];
  let offset = 0;
  for (const size of [8, 4, 2, 1] as const) {
    for (; bytes - offset >= size; offset += size) pieces.push({ size, offset });
  }
  return pieces;
}

/**
 * Loads bytes.
 *
 * @param b Where.
 * @param address Their address.
 * @param bytes How many.
 * @returns The pieces.
 */
export function loadPieces(b: Builder, address: Value, bytes: number): Piece[] {
  return piecesOf(bytes).map(({ size, offset }) => ({
    size,
    offset,
    value: b.load(size, address, offset),
  }));
}

/**
 * Stores bytes.
 *
 * @param b Where.
 * @param pieces The bytes.
 * @param address Where they go.
 * @param offset Displacement in bytes from there.
 */
export function storePieces(
  b: Builder,
  pieces: readonly Piece[],
  address: Value,
  offset: number,
): void {
  for (const piece of pieces) b.store(piece.size, address, offset + piece.offset, piece.value);
}

/** The 32-bit words of a key, the last one filled up with zeros. */
function wordsOf(b: Builder, pieces: readonly Piece[]): Value[] {
  const words: Value[] = [];
  let tail: Value | null = null;
  for (const { size, value } of pieces) {
    if (size === 8) words.push(b.zext(value), b.alu("rsh", 64, value, b.fn.constant(32)));
    else if (size === 4) words.push(value);
    else if (tail === null) tail = value;
    else tail = b.alu("or", 64, tail, b.alu("lsh", 64, value, b.fn.constant(16)));
  }
  if (tail !== null) words.push(tail);
  return words;
}

/**
 * Hashes a key of a little-endian program.
 *
 * @param b Where.
 * @param pieces The key.
 * @param keySize Its size in bytes.
 * @returns 32 bits.
 */
export function hashPieces(b: Builder, pieces: readonly Piece[], keySize: number): Value {
  const { fn } = b;
  const mix = (h: Value, factor: number, shift: number): Value => {
    const product = b.alu("mul", 32, h, fn.constant(factor));
    return b.alu("xor", 32, product, b.alu("rsh", 32, product, fn.constant(shift)));
  };
  let h: Value = fn.constant(keySize);
  for (const word of wordsOf(b, pieces)) {
    h = mix(b.alu("xor", 32, h, word), HASH_FACTOR.word, HASH_SHIFT.word);
  }
  return mix(h, HASH_FACTOR.end, HASH_SHIFT.end);
}

/**
 * Compares a key with bytes in memory.
 *
 * @param b Where.
 * @param pieces The key.
 * @param address Address of the bytes.
 * @param offset Displacement in bytes from there.
 * @returns 0 if they are equal.
 */
export function differenceOf(
  b: Builder,
  pieces: readonly Piece[],
  address: Value,
  offset: number,
): Value {
  const differences = pieces.map((piece) =>
    b.alu("xor", 64, b.load(piece.size, address, offset + piece.offset), piece.value)
  );
  return differences.reduce((all, one) => b.alu("or", 64, all, one));
}
