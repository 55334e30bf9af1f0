/**
 * Bytes to values as their C type describes them.
 *
 * @module
 */

import type { BtfType } from "../object/btf.ts";
import { type Layout, MAX_NUMBER, type TypedValue } from "./typed_layout.ts";

type Members = { [member: string]: TypedValue };

/** Sets a member, whatever its name. */
function define(object: Members, name: string, value: TypedValue): void {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true });
}

/** The text of an array of characters: UTF-8, then only zeros; null for anything else. */
function textOf(bytes: Uint8Array): string | null {
  const zero = bytes.indexOf(0);
  const end = zero < 0 ? bytes.length : zero;
  if (bytes.subarray(end).some((byte) => byte !== 0)) return null;
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return decoder.decode(bytes.subarray(0, end));
  } catch {
    return null;
  }
}

/** Decodes one value. */
export class Decoder {
  readonly #layout: Layout;
  readonly #bytes: Uint8Array;
  readonly #little: boolean;

  /**
   * Begins with a value.
   *
   * @param layout Its types.
   * @param bytes Its bytes.
   * @param little Whether the program is little-endian.
   */
  constructor(layout: Layout, bytes: Uint8Array, little: boolean) {
    this.#layout = layout;
    this.#bytes = bytes;
    this.#little = little;
    layout.begin();
  }

  /**
   * Decodes a part.
   *
   * @param id Id of its type.
   * @param at Offset in bytes.
   * @param depth In how many others it is.
   * @returns The value.
   * @throws {DecodeError} If its type is malformed.
   */
  decode(id: number, at: number, depth: number): TypedValue {
    this.#layout.enter(depth);
    const type = this.#layout.resolve(id);
    switch (type.kind) {
      case "int":
      case "enum":
      case "enum64":
        if (type.sizeOrType > MAX_NUMBER) return this.#bytes.slice(at, at + type.sizeOrType);
        return this.#number(type, 8 * at, 8 * type.sizeOrType);
      case "ptr":
        return this.#pattern(8 * at, 64);
      case "float":
        return this.#float(type.sizeOrType, at);
      case "array":
        return this.#array(type, at, depth);
      case "struct":
      case "union":
      case "datasec": {
        const members: Members = {};
        this.#members(type, at, depth, members);
        return members;
      }
      default:
        return this.#bytes.slice(at, at + this.#layout.sizeOf(id));
    }
  }

  /** An unsigned number; bits beyond the value are zeros. */
  #pattern(bit: number, bits: number): bigint {
    let pattern = 0n;
    for (let i = 0; i < bits;) {
      // Little-endian bits count from the least significant one of a byte, big-endian from the most significant one.
      const inByte = (bit + i) & 7;
      const count = Math.min(8 - inByte, bits - i);
      const byte = this.#bytes[(bit + i) >> 3] ?? 0;
      const shift = this.#little ? inByte : 8 - inByte - count;
      const part = BigInt((byte >> shift) & ((1 << count) - 1));
      pattern = this.#little ? pattern | part << BigInt(i) : pattern << BigInt(count) | part;
      i += count;
    }
    return pattern;
  }

  #number(type: BtfType, bit: number, bits: number): TypedValue {
    const pattern = this.#pattern(bit, bits);
    if (this.#layout.isBool(type)) return pattern !== 0n;
    const value = this.#layout.isSigned(type) ? BigInt.asIntN(bits, pattern) : pattern;
    const name = type.kind === "int" ? null : this.#layout.nameOf(type, value);
    return name ?? (type.sizeOrType <= 4 ? Number(value) : value);
  }

  #float(size: number, at: number): TypedValue {
    const { buffer, byteOffset, byteLength } = this.#bytes;
    const isKnown = (size === 4 || size === 8) && at + size <= byteLength;
    if (!isKnown) return this.#bytes.slice(at, at + size);
    const view = new DataView(buffer, byteOffset, byteLength);
    return size === 4 ? view.getFloat32(at, this.#little) : view.getFloat64(at, this.#little);
  }

  #array(type: BtfType, at: number, depth: number): TypedValue {
    const { element, count, size, text } = this.#layout.array(type);
    const room = size === 0 ? 0 : Math.floor(Math.max(0, this.#bytes.length - at) / size);
    const length = Math.min(count, room);
    if (text !== null) {
      const content = this.#bytes.slice(at, at + length);
      return text === "char" ? textOf(content) ?? content : content;
    }
    return Array.from({ length }, (_, i) => this.decode(element, at + i * size, depth + 1));
  }

  #members(type: BtfType, at: number, depth: number, members: Members): void {
    this.#layout.enter(depth);
    for (const member of this.#layout.members(type, at)) {
      const { name, type: id, bit, bits } = member;
      if (this.#layout.isTransparent(member)) {
        this.#members(this.#layout.resolve(id), bit / 8, depth + 1, members);
      } else if (name !== "") {
        define(
          members,
          name,
          bits > 0
            ? this.#number(this.#layout.resolve(id), bit, bits)
            : this.decode(id, bit / 8, depth + 1),
        );
      }
    }
  }
}
