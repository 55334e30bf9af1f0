/**
 * Values as their C types describe them: bytes of a map or variable to JavaScript values and back.
 *
 * ```text
 * int of 1, 2, 4 bytes   number           enum              its name, or the number if it has none
 * int of 8, 16 bytes     bigint           struct, union     object; members of anonymous ones are its own
 * _Bool                  boolean          array             array
 * pointer                bigint           array of char     string, or Uint8Array if it is no padded string
 * float, double          number           array of u8       Uint8Array
 * bit field              number, or bigint where its type has 8 bytes
 * ```
 *
 * What has no type is a Uint8Array. To encode, integers may also be bigints, booleans, or decimal or hexadecimal strings, enumerators
 * numbers, and bytes lists of numbers; members that are left out are zeros, and an object given for a union should have one.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import { EpassError } from "../errors.ts";
import type { Btf } from "../object/btf.ts";
import { Decoder } from "./typed_decode.ts";
import { bytesOf, Encoder, integerOf } from "./typed_encode.ts";
import { Layout, type TypedValue } from "./typed_layout.ts";

/** Decodes and encodes values of one type. */
export class Codec {
  /** Size of a value in bytes. */
  readonly size: number;
  readonly #layout: Layout | null;
  readonly #type: number;
  readonly #little: boolean;

  /**
   * Prepares a type.
   *
   * @param btf Where it is described; null if nowhere.
   * @param type Its id; 0 for bytes.
   * @param size Size of a value in bytes.
   * @param order Byte order of the program.
   */
  constructor(btf: Btf | null, type: number, size: number, order: ByteOrder) {
    this.#layout = btf === null || type === 0 ? null : new Layout(btf);
    this.#type = type;
    this.size = size;
    this.#little = order === "little";
  }

  /** Whether values are bytes without a type. */
  get isUntyped(): boolean {
    return this.#layout === null;
  }

  /**
   * Decodes a value.
   *
   * @param bytes Its bytes; missing ones are zeros.
   * @returns The value.
   * @throws {DecodeError} If its type is malformed.
   */
  decode(bytes: Uint8Array): TypedValue {
    const whole = new Uint8Array(this.size);
    whole.set(bytes.subarray(0, this.size));
    if (this.#layout === null) return whole;
    return new Decoder(this.#layout, whole, this.#little).decode(this.#type, 0, 0);
  }

  /**
   * Encodes a value.
   *
   * @param value The value; bytes, if it has so many, are taken as they are.
   * @param what What it is, for messages.
   * @returns Its bytes.
   * @throws {EpassError} If it does not fit the type.
   */
  encode(value: TypedValue, what = "the value"): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    if (this.#layout !== null && !(value instanceof Uint8Array && value.length === this.size)) {
      new Encoder(this.#layout, bytes, this.#little).encode(this.#type, 0, value, 0, what);
      return bytes;
    }
    const given = typeof value === "object" ? bytesOf(value, what) : this.#untyped(value, what);
    if (given.length !== this.size) {
      throw new EpassError(
        `cannot encode ${what}: it has ${given.length} bytes instead of ${this.size}`,
      );
    }
    bytes.set(given);
    return bytes;
  }

  /** The bytes of an integer without a type. */
  #untyped(value: TypedValue, what: string): Uint8Array {
    const number = integerOf(value, what);
    const bits = 8 * this.size;
    const fits = BigInt.asUintN(bits, number) === number || BigInt.asIntN(bits, number) === number;
    if (!fits) throw new EpassError(`cannot encode ${what}: ${number} exceeds ${bits} bits`);
    const bytes = Uint8Array.from(
      { length: this.size },
      (_, i) => Number(number >> BigInt(8 * i) & 0xffn),
    );
    return this.#little ? bytes : bytes.reverse();
  }
}
