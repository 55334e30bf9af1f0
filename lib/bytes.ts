/**
 * Bounds-checked access to bytes in either byte order.
 *
 * @module
 */

import { DecodeError } from "./errors.ts";

/** Byte order of an object, named as ELF names it: `little` is ELFDATA2LSB. */
export type ByteOrder = "little" | "big";

/** A cursor over bytes that refuses to read beyond their end. */
export class ByteReader {
  /** The bytes under the cursor. */
  readonly bytes: Uint8Array;
  /** The byte order of multi-byte reads. */
  readonly order: ByteOrder;
  /** Offset in bytes of the next read. */
  offset: number;
  readonly #what: string;
  readonly #view: DataView;
  readonly #little: boolean;

  /**
   * Puts a cursor over bytes.
   *
   * @param bytes The bytes to read.
   * @param order Byte order of multi-byte reads.
   * @param what Name of the structure being read, for messages.
   * @param offset Offset in bytes of the first read.
   */
  constructor(bytes: Uint8Array, order: ByteOrder, what: string, offset = 0) {
    this.bytes = bytes;
    this.order = order;
    this.offset = offset;
    this.#what = what;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = order === "little";
  }

  /** Bytes left after the cursor. */
  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  /**
   * Moves the cursor over a number of bytes.
   *
   * @param count How many bytes.
   * @returns The offset in bytes before the move.
   * @throws {DecodeError} If fewer bytes are left.
   */
  skip(count: number): number {
    const at = this.offset;
    if (!(count >= 0) || at < 0 || at + count > this.bytes.length) {
      throw new DecodeError(
        `cannot read ${this.#what}: ${count} bytes at offset ${at} exceed its ${this.bytes.length} bytes`,
        { offset: at },
      );
    }
    this.offset = at + count;
    return at;
  }

  /**
   * Reads a byte.
   *
   * @returns The next unsigned byte.
   */
  u8(): number {
    return this.#view.getUint8(this.skip(1));
  }
  /**
   * Reads an unsigned 16-bit number.
   *
   * @returns The next unsigned 16-bit number.
   */
  u16(): number {
    return this.#view.getUint16(this.skip(2), this.#little);
  }
  /**
   * Reads a signed 16-bit number.
   *
   * @returns The next signed 16-bit number.
   */
  i16(): number {
    return this.#view.getInt16(this.skip(2), this.#little);
  }
  /**
   * Reads an unsigned 32-bit number.
   *
   * @returns The next unsigned 32-bit number.
   */
  u32(): number {
    return this.#view.getUint32(this.skip(4), this.#little);
  }
  /**
   * Reads a signed 32-bit number.
   *
   * @returns The next signed 32-bit number.
   */
  i32(): number {
    return this.#view.getInt32(this.skip(4), this.#little);
  }
  /**
   * Reads an unsigned 64-bit number.
   *
   * @returns The next unsigned 64-bit number.
   */
  u64(): bigint {
    return this.#view.getBigUint64(this.skip(8), this.#little);
  }
  /**
   * Reads a 64-bit offset or size.
   *
   * @returns The next unsigned 64-bit number, which must be exact as a JavaScript number (an offset or a size).
   * @throws {DecodeError} If it is 2^53 or more.
   */
  size64(): number {
    const at = this.offset;
    const value = this.u64();
    if (value > 0x1fffffffffffffn) {
      throw new DecodeError(`cannot read ${this.#what}: absurd size or offset ${value}`, {
        offset: at,
      });
    }
    return Number(value);
  }
  /**
   * Reads bytes.
   *
   * @param count How many bytes.
   * @returns A view of the next bytes, not a copy.
   */
  take(count: number): Uint8Array {
    const at = this.skip(count);
    return this.bytes.subarray(at, at + count);
  }
}

const textDecoder = new TextDecoder();

/**
 * The NUL-terminated string at an offset of a string table.
 *
 * @param table The bytes of the table.
 * @param offset Offset in bytes of the first character.
 * @returns The string, up to the NUL or the end of the table; empty beyond the table.
 */
export function cString(table: Uint8Array, offset: number): string {
  if (offset >= table.length) return "";
  const end = table.indexOf(0, offset);
  return textDecoder.decode(table.subarray(offset, end < 0 ? table.length : end));
}

/**
 * Joins byte arrays.
 *
 * @param parts The arrays in order.
 * @returns One new array.
 */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/**
 * Whether two byte arrays hold the same bytes.
 *
 * @param a One array.
 * @param b The other.
 * @returns True if they have the same length and bytes.
 */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
