/**
 * Values to bytes as their C type describes them.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import type { BtfType } from "../object/btf.ts";
import { type Layout, MAX_NUMBER, type TypedValue } from "./typed_layout.ts";

const isList = (value: TypedValue): value is readonly TypedValue[] => Array.isArray(value);

/**
 * The integer that a value stands for.
 *
 * @param value A number, bigint, boolean, or a string in decimal or hexadecimal.
 * @param where What it is, for the message.
 * @returns The integer.
 * @throws {EpassError} If it stands for none.
 */
export function integerOf(value: TypedValue, where: string): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === "string" && /^(?:-?\d{1,40}|0x[\da-f]{1,32})$/i.test(value)) {
    return BigInt(value);
  }
  throw new EpassError(`cannot encode ${where}: ${describe(value)} is not an integer`);
}

function describe(value: TypedValue): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  return typeof value === "number" || typeof value === "boolean" ? `${value}` : "it";
}

/**
 * The bytes that a value stands for.
 *
 * @param value Bytes, or a list of numbers from 0 to 255.
 * @param where What it is, for the message.
 * @returns The bytes.
 * @throws {EpassError} If it stands for none.
 */
export function bytesOf(value: TypedValue, where: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (!isList(value)) throw new EpassError(`cannot encode ${where}: it is not a list of bytes`);
  return Uint8Array.from(value, (item, i) => {
    const byte = integerOf(item, `${where}[${i}]`);
    if (byte >= -128n && byte <= 255n) return Number(byte);
    throw new EpassError(`cannot encode ${where}[${i}]: ${byte} is not a byte`);
  });
}

/** Encodes one value. */
export class Encoder {
  readonly #layout: Layout;
  readonly #bytes: Uint8Array;
  readonly #little: boolean;

  /**
   * Begins with a value.
   *
   * @param layout Its types.
   * @param bytes Where its bytes go, zeros.
   * @param little Whether the program is little-endian.
   */
  constructor(layout: Layout, bytes: Uint8Array, little: boolean) {
    this.#layout = layout;
    this.#bytes = bytes;
    this.#little = little;
    layout.begin();
  }

  /**
   * Encodes a part.
   *
   * @param id Id of its type.
   * @param at Offset in bytes.
   * @param value The part.
   * @param depth In how many others it is.
   * @param where What it is, for messages.
   * @throws {EpassError} If it does not fit its type.
   */
  encode(id: number, at: number, value: TypedValue, depth: number, where: string): void {
    this.#layout.enter(depth);
    const type = this.#layout.resolve(id);
    switch (type.kind) {
      case "int":
      case "enum":
      case "enum64":
        if (type.sizeOrType > MAX_NUMBER) {
          return this.#copy(bytesOf(value, where), at, type.sizeOrType, where);
        }
        return this.#number(type, 8 * at, 8 * type.sizeOrType, value, where);
      case "ptr":
        return this.#pattern(8 * at, 64, integerOf(value, where), where);
      case "float":
        return this.#float(type.sizeOrType, at, value, where);
      case "array":
        return this.#array(type, at, value, depth, where);
      case "struct":
      case "union":
      case "datasec":
        return this.#structure(type, at, value, depth, where);
      default:
        return this.#copy(bytesOf(value, where), at, this.#layout.sizeOf(id), where);
    }
  }

  #number(type: BtfType, bit: number, bits: number, value: TypedValue, where: string): void {
    const named = type.kind !== "int" && typeof value === "string"
      ? this.#layout.valueOf(type, value)
      : null;
    this.#pattern(bit, bits, named ?? integerOf(value, where), where);
  }

  /** Stores the bits of a number that fits as signed or unsigned. */
  #pattern(bit: number, bits: number, value: bigint, where: string): void {
    const pattern = BigInt.asUintN(bits, value);
    if (pattern !== value && BigInt.asIntN(bits, value) !== value) {
      throw new EpassError(`cannot encode ${where}: ${value} exceeds ${bits} bits`);
    }
    for (let i = 0; i < bits;) {
      const inByte = (bit + i) & 7;
      const count = Math.min(8 - inByte, bits - i);
      const at = (bit + i) >> 3;
      const mask = (1 << count) - 1;
      const from = this.#little ? i : bits - i - count;
      const shift = this.#little ? inByte : 8 - inByte - count;
      const part = Number(pattern >> BigInt(from) & BigInt(mask));
      if (at < this.#bytes.length) {
        this.#bytes[at] = this.#bytes[at] & ~(mask << shift) | part << shift;
      }
      i += count;
    }
  }

  #float(size: number, at: number, value: TypedValue, where: string): void {
    const number = typeof value === "string" ? Number(value) : value;
    if (typeof number !== "number" || (size !== 4 && size !== 8)) {
      return this.#copy(bytesOf(value, where), at, size, where);
    }
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    if (size === 4) view.setFloat32(0, number, this.#little);
    else view.setFloat64(0, number, this.#little);
    this.#copy(bytes, at, size, where);
  }

  #copy(bytes: Uint8Array, at: number, room: number, where: string): void {
    if (bytes.length > room) {
      throw new EpassError(`cannot encode ${where}: ${bytes.length} bytes exceed its ${room}`);
    }
    this.#bytes.set(bytes.subarray(0, Math.max(0, this.#bytes.length - at)), at);
  }

  #array(type: BtfType, at: number, value: TypedValue, depth: number, where: string): void {
    const { element, count, size, text } = this.#layout.array(type);
    if (text !== null) {
      const content = typeof value === "string"
        ? new TextEncoder().encode(value)
        : bytesOf(value, where);
      return this.#copy(content, at, count, where);
    }
    if (!isList(value) || value.length > count) {
      throw new EpassError(`cannot encode ${where}: it is not a list of at most ${count}`);
    }
    value.forEach((item, i) => {
      this.encode(element, at + i * size, item, depth + 1, `${where}[${i}]`);
    });
  }

  #structure(type: BtfType, at: number, value: TypedValue, depth: number, where: string): void {
    if (value instanceof Uint8Array) return this.#copy(value, at, type.sizeOrType, where);
    if (typeof value !== "object" || isList(value)) {
      throw new EpassError(`cannot encode ${where}: ${describe(value)} has no members`);
    }
    const rest = new Map(Object.entries(value));
    this.#members(type, at, rest, depth, where);
    for (const name of rest.keys()) {
      throw new EpassError(`cannot encode ${where}: there is no member ${name}`);
    }
  }

  /** Encodes the members that a structure has, and takes them from the list. */
  #members(
    type: BtfType,
    at: number,
    rest: Map<string, TypedValue>,
    depth: number,
    where: string,
  ): void {
    this.#layout.enter(depth);
    for (const member of this.#layout.members(type, at)) {
      const { name, type: id, bit, bits } = member;
      if (this.#layout.isTransparent(member)) {
        this.#members(this.#layout.resolve(id), bit / 8, rest, depth + 1, where);
        continue;
      }
      const value = rest.get(name);
      if (value === undefined) continue;
      rest.delete(name);
      const path = `${where}.${name}`;
      if (bits > 0) this.#number(this.#layout.resolve(id), bit, bits, value, path);
      else this.encode(id, bit / 8, value, depth + 1, path);
    }
  }
}
