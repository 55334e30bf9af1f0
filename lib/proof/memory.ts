/**
 * Memory as a proof sees it: what it was before, and the bytes written since, grouped by base address. States are
 * interned, so two programs that write the same bytes in the same order have the same state. What is read where nobody
 * has written is an unknown named by the state, the base and the offset.
 *
 * Groups of different bases may overlap, so that a read of one base does not look behind a write of another.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import type { Term } from "./linear_terms.ts";
import type { Terms } from "./terms.ts";

/** A state of memory, by its number. */
export type MemoryState = number;

interface Group {
  /** The state before; -1 for a state that is given by its name. */
  readonly before: MemoryState;
  /** Base of the addresses written. */
  readonly base: Term;
  /** Bytes by offset from the base. */
  readonly bytes: ReadonlyMap<number, Term>;
}

/** A store of interned states. */
export class Memories {
  readonly #terms: Terms;
  readonly #order: ByteOrder;
  readonly #groups: Group[] = [];
  readonly #index = new Map<string, MemoryState>();

  /**
   * Makes an empty store.
   *
   * @param terms Where terms are interned.
   * @param order Byte order of the program.
   */
  constructor(terms: Terms, order: ByteOrder) {
    this.#terms = terms;
    this.#order = order;
  }

  #intern(key: string, group: Group): MemoryState {
    let state = this.#index.get(key);
    if (state === undefined) {
      state = this.#groups.push(group) - 1;
      this.#index.set(key, state);
    }
    return state;
  }

  /**
   * A state of which nothing is known.
   *
   * @param name Its name: equal names are the same state.
   * @returns The state.
   */
  unknown(name: string): MemoryState {
    return this.#intern(`unknown ${name}`, { before: -1, base: -1, bytes: new Map() });
  }

  /**
   * The bytes that a state has written last, if they belong to a base.
   *
   * @param state A state.
   * @param base A base.
   * @returns Terms by offset from the base.
   */
  written(state: MemoryState, base: Term): ReadonlyMap<number, Term> {
    const group = this.#groups[state];
    return group.base === base ? group.bytes : new Map();
  }

  /**
   * Writes single bytes.
   *
   * @param state The state before.
   * @param base Base of the address.
   * @param bytes Terms of 8 bits by offset from the base.
   * @returns The state after.
   */
  writeBytes(
    state: MemoryState,
    base: Term,
    bytes: Iterable<readonly [number, Term]>,
  ): MemoryState {
    const last = this.#groups[state];
    const [before, old] = last.base === base ? [last.before, last.bytes] : [state, new Map()];
    const all = new Map([...old, ...bytes]);
    const entries = [...all].sort(([a], [b]) => a - b);
    const key = `${before} ${base} ${entries.map(([at, byte]) => `${at}:${byte}`).join(" ")}`;
    return this.#intern(key, { before, base, bytes: all });
  }

  /**
   * Writes a number.
   *
   * @param state The state before.
   * @param base Base of the address.
   * @param offset Offset in bytes from the base.
   * @param size Its size in bytes.
   * @param value Its term.
   * @returns The state after.
   */
  write(state: MemoryState, base: Term, offset: number, size: number, value: Term): MemoryState {
    const little = this.#order === "little";
    const bytes: [number, Term][] = [];
    for (let i = 0; i < size; i++) {
      const low = 8 * (little ? i : size - 1 - i);
      bytes.push([offset + i, this.#terms.bits(value, low, 8)]);
    }
    return this.writeBytes(state, base, bytes);
  }

  /** The term of a byte. */
  #byte(state: MemoryState, base: Term, offset: number): Term {
    const group = this.#groups[state];
    if (group.base !== base) return this.#terms.atom(`byte ${state} ${base} ${offset}`, 0xffn);
    const known = group.bytes.get(offset);
    return known ?? this.#terms.atom(`byte ${group.before} ${base} ${offset}`, 0xffn);
  }

  /**
   * Reads a number.
   *
   * @param state The state.
   * @param base Base of the address.
   * @param offset Offset in bytes from the base.
   * @param size Its size in bytes.
   * @returns Its term, zero-extended.
   */
  read(state: MemoryState, base: Term, offset: number, size: number): Term {
    const little = this.#order === "little";
    let sum = this.#terms.constant(0n);
    for (let i = 0; i < size; i++) {
      const shift = BigInt(8 * (little ? i : size - 1 - i));
      sum = this.#terms.add(sum, this.#byte(state, base, offset + i), 1n << shift);
    }
    return sum;
  }
}
