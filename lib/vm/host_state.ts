/**
 * The numbers of a sandbox that its hottest helpers read: clocks, random numbers, who the task is. They lie in guest
 * memory, so that code can read them.
 *
 * @module
 */

import { STATE } from "../runtime/state_code.ts";
import { GUEST_BASE, type GuestMemory } from "./memory.ts";

/** The numbers, by their offsets in {@link STATE}. */
export class HostState {
  /** Address of the state in guest memory. */
  readonly address: number;
  readonly #memory: GuestMemory;
  readonly #little: boolean;
  readonly #offset: number;

  /**
   * Reserves a state of zeros, whether a program uses it or not: what lies behind it keeps its address.
   *
   * @param memory Guest memory.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  constructor(memory: GuestMemory) {
    this.#memory = memory;
    this.#little = memory.order === "little";
    this.address = memory.allocate("clocks and identity", STATE.size).address;
    this.#offset = this.address - GUEST_BASE;
  }

  /**
   * Reads a number of 8 bytes.
   *
   * @param offset Its offset.
   * @returns The number, unsigned.
   */
  number(offset: number): bigint {
    return this.#memory.view.getBigUint64(this.#offset + offset, this.#little);
  }

  /**
   * Writes a number of 8 bytes.
   *
   * @param offset Its offset.
   * @param value The number; its low 64 bits are written.
   */
  setNumber(offset: number, value: bigint): void {
    this.#memory.view.setBigUint64(this.#offset + offset, value, this.#little);
  }

  /**
   * Reads a number of 4 bytes.
   *
   * @param offset Its offset.
   * @returns The number, signed.
   */
  word(offset: number): number {
    return this.#memory.view.getInt32(this.#offset + offset, this.#little);
  }

  /**
   * Writes a number of 4 bytes.
   *
   * @param offset Its offset.
   * @param value The number; its low 32 bits are written.
   */
  setWord(offset: number, value: number): void {
    this.#memory.view.setInt32(this.#offset + offset, value, this.#little);
  }
}
