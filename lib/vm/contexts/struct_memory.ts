/**
 * A struct in guest memory that is written anew for each run.
 *
 * @module
 */

import type { ByteOrder } from "../../bytes.ts";
import { GUEST_BASE, type GuestMemory, type Region } from "../memory.ts";
import { type Layout, readFields, readNumber, writeFields, writeNumber } from "./layout.ts";
import type { NamedValues } from "./context.ts";

/** A struct in guest memory. The program may change it; what is read back is any number of the field's size. */
export class StructMemory {
  /** Its layout. */
  readonly layout: Layout;
  readonly #memory: GuestMemory;
  readonly #region: Region;

  /**
   * Reserves memory for a struct.
   *
   * @param memory Guest memory.
   * @param layout Its layout.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  constructor(memory: GuestMemory, layout: Layout) {
    this.layout = layout;
    this.#memory = memory;
    this.#region = memory.allocate(`struct ${layout.name}`, layout.size);
  }

  /** Its address. */
  get address(): number {
    return this.#region.address;
  }

  /** Byte order of its fields. */
  get order(): ByteOrder {
    return this.#memory.order;
  }

  /** Its bytes: a view, valid until the next allocation. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#memory.contents(this.#region);
  }

  /**
   * Writes it anew.
   *
   * @param values Fields by name; the others become 0.
   * @throws {EpassError} If there is no such field.
   */
  fill(values: NamedValues): void {
    this.bytes.fill(0);
    this.assign(values);
  }

  /**
   * Sets fields.
   *
   * @param values Fields by name.
   * @throws {EpassError} If there is no such field.
   */
  assign(values: NamedValues): void {
    writeFields(this.layout, this.bytes, this.#memory.order, values);
  }

  /**
   * Reads a field.
   *
   * @param name Its name; of an array the first element.
   * @returns Its value.
   */
  get(name: string): number {
    const { offset, size } = this.layout.byName.get(name)!;
    const { view, order } = this.#memory;
    const at = this.#region.address - GUEST_BASE + offset;
    if (size === 4) return view.getUint32(at, order === "little");
    return Number(readNumber(this.bytes, order, offset, size));
  }

  /**
   * Sets a field.
   *
   * @param name Its name.
   * @param value Its value; the low bits count.
   */
  set(name: string, value: number): void {
    const { offset, size } = this.layout.byName.get(name)!;
    const { view, order } = this.#memory;
    const at = this.#region.address - GUEST_BASE + offset;
    if (size === 4) view.setUint32(at, value, order === "little");
    else writeNumber(this.bytes, order, offset, size, value);
  }

  /**
   * Reads all fields.
   *
   * @param bytes The bytes of the struct; by default those in memory.
   * @returns The unsigned numbers by name.
   */
  read(bytes: Uint8Array = this.bytes): { [name: string]: bigint } {
    return readFields(this.layout, bytes, this.#memory.order);
  }
}
