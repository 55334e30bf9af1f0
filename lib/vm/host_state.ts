/**
 * The numbers of a sandbox that its hottest helpers read: clocks, random numbers, who the task is. They lie in guest memory
 * where a program calls such a helper, so that code can read them, and outside of it otherwise.
 *
 * @module
 */

import { STATE } from "../runtime/state_code.ts";
import { GUEST_BASE, type GuestMemory } from "./memory.ts";

/** The numbers, by their offsets in {@link STATE}. */
export class HostState {
  readonly #own = new DataView(new ArrayBuffer(STATE.size));
  readonly #memory: GuestMemory;
  readonly #little: boolean;
  /** Address of the state in guest memory; 0 if it lies outside. */
  address = 0;

  /**
   * Makes a state of zeros outside of guest memory.
   *
   * @param memory Guest memory.
   */
  constructor(memory: GuestMemory) {
    this.#memory = memory;
    this.#little = memory.order === "little";
  }

  /**
   * Moves the state to guest memory.
   *
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  place(): void {
    if (this.address !== 0) return;
    const region = this.#memory.allocate("clocks and identity", STATE.size);
    this.#memory.contents(region).set(new Uint8Array(this.#own.buffer));
    this.address = region.address;
  }

  get #view(): DataView {
    return this.address === 0 ? this.#own : this.#memory.view;
  }

  #at(offset: number): number {
    return this.address === 0 ? offset : this.address - GUEST_BASE + offset;
  }

  /**
   * Reads a number of 8 bytes.
   *
   * @param offset Its offset.
   * @returns The number, unsigned.
   */
  number(offset: number): bigint {
    return this.#view.getBigUint64(this.#at(offset), this.#little);
  }

  /**
   * Writes a number of 8 bytes.
   *
   * @param offset Its offset.
   * @param value The number; its low 64 bits are written.
   */
  setNumber(offset: number, value: bigint): void {
    this.#view.setBigUint64(this.#at(offset), value, this.#little);
  }

  /**
   * Reads a number of 4 bytes.
   *
   * @param offset Its offset.
   * @returns The number, signed.
   */
  word(offset: number): number {
    return this.#view.getInt32(this.#at(offset), this.#little);
  }

  /**
   * Writes a number of 4 bytes.
   *
   * @param offset Its offset.
   * @param value The number; its low 32 bits are written.
   */
  setWord(offset: number, value: number): void {
    this.#view.setInt32(this.#at(offset), value, this.#little);
  }
}
