/**
 * The structures that bpf(2) takes.
 *
 * @module
 */

import { buffer, type Native } from "./native.ts";

/** A struct of the kernel's interface: fields by offset in bytes. */
export class Attributes {
  /** Its bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #native: Native;
  readonly #view: DataView;
  #targets: Uint8Array[] = [];

  /**
   * Makes one of zeros.
   *
   * @param native The C library, for addresses.
   * @param size Its size in bytes.
   */
  constructor(native: Native, size: number) {
    this.#native = native;
    this.bytes = buffer(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  /**
   * Sets a word.
   *
   * @param at Offset in bytes.
   * @param value The word.
   * @returns Itself.
   */
  u32(at: number, value: number): this {
    this.#view.setUint32(at, value, true);
    return this;
  }

  /**
   * Sets two words.
   *
   * @param at Offset in bytes.
   * @param value The number.
   * @returns Itself.
   */
  u64(at: number, value: bigint): this {
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  /**
   * Sets a pointer to memory, which lives at least until {@link release}.
   *
   * @param at Offset in bytes.
   * @param target The memory; null or empty for a null pointer.
   * @returns Itself.
   */
  pointer(at: number, target: Uint8Array<ArrayBuffer> | null): this {
    if (target === null || target.length === 0) return this;
    this.#targets.push(target);
    return this.u64(at, this.#native.address(target));
  }

  /** Ends the life of what is pointed to. */
  release(): void {
    this.#targets = [];
  }

  /**
   * Sets the name of an object: at most 15 characters that the kernel allows.
   *
   * @param at Offset in bytes.
   * @param name The name.
   * @returns Itself.
   */
  name(at: number, name: string): this {
    const allowed = name.replace(/[^A-Za-z0-9_.]/g, "_").slice(0, 15);
    this.bytes.set(new TextEncoder().encode(allowed), at);
    return this;
  }

  /**
   * Reads a word.
   *
   * @param at Offset in bytes.
   * @returns The word, unsigned.
   */
  get(at: number): number {
    return this.#view.getUint32(at, true);
  }
}
