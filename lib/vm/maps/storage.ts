/**
 * Access to the storage of maps in guest memory. A program may overwrite it, so that every address found there is checked.
 *
 * @module
 */

import { UnsupportedError } from "../../errors.ts";
import { GUEST_BASE, type GuestMemory } from "../memory.ts";
import type { SpecialField } from "./fields.ts";

/** Bytes that are copied one by one. */
const FEW = 64;

/** Storage of one map. Addresses are guest addresses, sizes are in bytes. */
export class MapStorage {
  readonly #memory: GuestMemory;
  readonly #name: string;
  readonly #little: boolean;

  /**
   * Opens the storage; nothing is reserved.
   *
   * @param memory Guest memory.
   * @param name Name of the map, for messages.
   */
  constructor(memory: GuestMemory, name: string) {
    this.#memory = memory;
    this.#name = name;
    this.#little = memory.order === "little";
  }

  /**
   * Reserves zeroed bytes.
   *
   * @param size How many.
   * @param writable Whether the program may store to them.
   * @returns Their address, a multiple of 8.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  allocate(size: number, writable = true): number {
    return this.#memory.allocate(`map ${this.#name}`, size, writable).address;
  }

  /**
   * Reserves zeroed bytes that the program may store to, if there are any left.
   *
   * @param size How many.
   * @returns Their address, a multiple of 8; 0 if guest memory is exhausted.
   */
  tryAllocate(size: number): number {
    try {
      return this.allocate(size);
    } catch (error) {
      if (error instanceof UnsupportedError) return 0;
      throw error;
    }
  }

  /** The offset in guest memory of bytes that the map believes to be its own. */
  #offset(address: number, size: number): number {
    const offset = address - GUEST_BASE;
    if (offset >= 0 && offset + size <= this.#memory.bytes.length) return offset;
    throw this.#memory.fault(BigInt(address), size, false);
  }

  /**
   * Loads a word in the byte order of the program.
   *
   * @param address Its address.
   * @returns The word, unsigned.
   * @throws {GuestFault} If the address is outside of memory.
   */
  u32(address: number): number {
    return this.#memory.view.getUint32(this.#offset(address, 4), this.#little);
  }

  /**
   * Stores a word in the byte order of the program.
   *
   * @param address Its address.
   * @param value The word.
   * @throws {GuestFault} If the address is outside of memory.
   */
  setU32(address: number, value: number): void {
    this.#memory.view.setUint32(this.#offset(address, 4), value, this.#little);
  }

  /**
   * A view of bytes.
   *
   * @param address Their address.
   * @param size How many.
   * @returns A view, valid until the next allocation.
   * @throws {GuestFault} If they are not all in memory.
   */
  bytes(address: number, size: number): Uint8Array<ArrayBuffer> {
    const offset = this.#offset(address, size);
    return this.#memory.bytes.subarray(offset, offset + size);
  }

  /**
   * Whether bytes equal a key.
   *
   * @param address Their address.
   * @param key The key.
   * @returns True if all are equal.
   * @throws {GuestFault} If they are not all in memory.
   */
  equals(address: number, key: Uint8Array): boolean {
    const { bytes } = this.#memory;
    const offset = this.#offset(address, key.length);
    for (let i = 0; i < key.length; i++) if (bytes[offset + i] !== key[i]) return false;
    return true;
  }

  /**
   * Stores bytes.
   *
   * @param address Where to.
   * @param source Where from.
   * @param from Index of the first byte, in the source and behind the address.
   * @param to Index behind the last byte.
   * @throws {GuestFault} If the place is not all in memory.
   */
  write(address: number, source: Uint8Array, from = 0, to: number = source.length): void {
    const offset = this.#offset(address, to);
    const { bytes } = this.#memory;
    // A view costs more than the copy of a few bytes; but those may overlap.
    const isApart = to - from <= FEW && source.buffer !== bytes.buffer;
    if (isApart) { for (let i = from; i < to; i++) bytes[offset + i] = source[i]; }
    else bytes.set(source.subarray(from, to), offset + from);
  }

  /**
   * Stores zeros.
   *
   * @param address Where to.
   * @param size How many bytes.
   * @throws {GuestFault} If the place is not all in memory.
   */
  clear(address: number, size: number): void {
    const offset = this.#offset(address, size);
    this.#memory.bytes.fill(0, offset, offset + size);
  }

  /**
   * Copies a value in, except the fields that belong to the kernel.
   *
   * @param address Where to.
   * @param value The value; bytes behind its size are ignored.
   * @param valueSize Its size in bytes.
   * @param fields The fields that stay, by ascending offset.
   * @throws {GuestFault} If the place is not all in memory.
   */
  copyIn(
    address: number,
    value: Uint8Array,
    valueSize: number,
    fields: readonly SpecialField[],
  ): void {
    let from = 0;
    for (const { offset, size } of fields) {
      if (offset > from) this.write(address, value, from, offset);
      from = Math.max(from, offset + size);
    }
    this.write(address, value, from, Math.min(valueSize, value.length));
  }

  /**
   * Copies a value out; fields that belong to the kernel are zeros in the copy.
   *
   * @param address Where from.
   * @param target Where to, of the size of the value.
   * @param fields The fields.
   * @throws {GuestFault} If the value is not all in memory.
   */
  copyOut(address: number, target: Uint8Array, fields: readonly SpecialField[] = []): void {
    target.set(this.bytes(address, target.length));
    for (const { offset, size } of fields) target.fill(0, offset, offset + size);
  }
}
