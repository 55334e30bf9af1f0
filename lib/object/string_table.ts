/**
 * String tables of ELF and BTF.
 *
 * @module
 */

import { cString } from "../bytes.ts";
import { DecodeError } from "../errors.ts";

/**
 * A table of NUL-terminated strings, decoded on demand. A table may share suffixes between strings, but what is decoded
 * in all is bounded by its size, so that a hostile file without NULs cannot demand quadratic work.
 */
export class StringTable {
  /** The bytes of the table. */
  readonly bytes: Uint8Array;
  readonly #what: string;
  readonly #strings = new Map<number, string>();
  #budget: number;

  /**
   * Puts a table over bytes.
   *
   * @param bytes The bytes of the table.
   * @param what Name of the table, for messages.
   */
  constructor(bytes: Uint8Array, what: string) {
    this.bytes = bytes;
    this.#what = what;
    this.#budget = 16 * bytes.length + 4096;
  }

  /**
   * The string at an offset.
   *
   * @param offset Offset in bytes of the first character.
   * @returns The string; empty at offset 0 by convention of both formats.
   * @throws {DecodeError} If the offset lies beyond the table, or the table is one overlong string.
   */
  at(offset: number): string {
    let text = this.#strings.get(offset);
    if (text === undefined) {
      if (offset === 0 && this.bytes.length === 0) return "";
      if (offset >= this.bytes.length) {
        throw new DecodeError(
          `cannot read ${this.#what}: offset ${offset} exceeds its ${this.bytes.length} bytes`,
          { section: this.#what, offset },
        );
      }
      text = cString(this.bytes, offset);
      this.#budget -= text.length + 1;
      if (this.#budget < 0) {
        throw new DecodeError(`cannot read ${this.#what}: its strings overlap without end`, {
          section: this.#what,
          offset,
        });
      }
      this.#strings.set(offset, text);
    }
    return text;
  }
}
