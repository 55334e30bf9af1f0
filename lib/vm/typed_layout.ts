/**
 * What a C type is to a value of it: its parts and where they lie.
 *
 * @module
 */

import { DecodeError } from "../errors.ts";
import type { Btf, BtfType } from "../object/btf.ts";

/** A value as its C type describes it. */
export type TypedValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | readonly TypedValue[]
  | { readonly [member: string]: TypedValue };

/** A member of a structure. */
export interface LayoutMember {
  /** Its name; empty for an anonymous structure. */
  readonly name: string;
  /** Id of its type. */
  readonly type: number;
  /** Offset in bits in the value. */
  readonly bit: number;
  /** Width in bits of a bit field; 0 for others. */
  readonly bits: number;
}

/** What an array holds. */
export interface LayoutArray {
  /** Id of the type of its elements. */
  readonly element: number;
  /** Number of its elements. */
  readonly count: number;
  /** Size of an element in bytes. */
  readonly size: number;
  /** Whether its elements are characters or bytes. */
  readonly text: "char" | "u8" | null;
}

/** Most bytes of a number. */
export const MAX_NUMBER = 16;
/** Most structures in each other. */
const MAX_DEPTH = 32;
/** Most parts of a value, so that a hostile type ends. */
const MAX_PARTS = 1 << 22;
/** Bits of the encoding of an `int`. */
const ENCODING = { signed: 1, bool: 4 } as const;

/** The types of an object, resolved. */
export class Layout {
  readonly #btf: Btf;
  readonly #types = new Map<number, BtfType>();
  #parts = 0;

  /**
   * Prepares types.
   *
   * @param btf Where they are described.
   */
  constructor(btf: Btf) {
    this.#btf = btf;
  }

  /** Begins with a value. */
  begin(): void {
    this.#parts = 0;
  }

  /**
   * Counts a part of the value.
   *
   * @param depth In how many others it is.
   * @throws {DecodeError} If there are too many.
   */
  enter(depth: number): void {
    if (depth <= MAX_DEPTH && ++this.#parts <= MAX_PARTS) return;
    throw new DecodeError("cannot read a value: its type has too many parts", { section: ".BTF" });
  }

  /**
   * Follows names, qualifiers and variables.
   *
   * @param id Id of a type.
   * @returns The type behind them.
   */
  resolve(id: number): BtfType {
    let type = this.#types.get(id);
    if (type === undefined) {
      type = this.#btf.resolve(id);
      if (type.kind === "var") type = this.#btf.resolve(type.sizeOrType);
      this.#types.set(id, type);
    }
    return type;
  }

  /**
   * The size of a type.
   *
   * @param id Id of a type.
   * @returns Its size in bytes.
   */
  sizeOf(id: number): number {
    return this.#btf.sizeOf(id);
  }

  /**
   * Whether an integer is a `_Bool`.
   *
   * @param type A resolved type.
   * @returns True for `_Bool`.
   */
  isBool(type: BtfType): boolean {
    return type.kind === "int" && (this.#btf.detail(type) >>> 24 & ENCODING.bool) !== 0;
  }

  /**
   * Whether an integer or enumeration is signed.
   *
   * @param type A resolved type.
   * @returns True if its values may be negative.
   */
  isSigned(type: BtfType): boolean {
    if (type.kind !== "int") return type.flag;
    return (this.#btf.detail(type) >>> 24 & ENCODING.signed) !== 0;
  }

  /**
   * The name of a value of an enumeration.
   *
   * @param type An enum or enum64.
   * @param value The value.
   * @returns Its name, or null if it has none.
   */
  nameOf(type: BtfType, value: bigint): string | null {
    return this.#btf.enumerators(type).find((e) => e.value === value)?.name ?? null;
  }

  /**
   * The value of a name of an enumeration.
   *
   * @param type An enum or enum64.
   * @param name The name.
   * @returns Its value, or null if there is no such name.
   */
  valueOf(type: BtfType, name: string): bigint | null {
    return this.#btf.enumerators(type).find((e) => e.name === name)?.value ?? null;
  }

  /**
   * What an array holds.
   *
   * @param type An array.
   * @returns Its elements.
   */
  array(type: BtfType): LayoutArray {
    const { element, count } = this.#btf.array(type);
    const of = this.resolve(element);
    const size = this.#btf.sizeOf(element);
    const isByte = of.kind === "int" && size === 1 && !this.isBool(of);
    const text = !isByte ? null : of.name === "char" ? "char" : this.isSigned(of) ? null : "u8";
    return { element, count, size, text };
  }

  /**
   * Whether a member's own members are those of the structure around it.
   *
   * @param member A member.
   * @returns True for an anonymous structure or union.
   */
  isTransparent(member: LayoutMember): boolean {
    const { kind } = this.resolve(member.type);
    return member.name === "" && (kind === "struct" || kind === "union");
  }

  /**
   * The members of a structure, union or data section.
   *
   * @param type Such a type.
   * @param at Its offset in bytes in the value.
   * @returns Its members.
   */
  members(type: BtfType, at: number): LayoutMember[] {
    if (type.kind !== "datasec") {
      return this.#btf.members(type).map(({ name, type: of, bitOffset, bitSize }) => ({
        name,
        type: of,
        bit: 8 * at + bitOffset,
        bits: bitSize,
      }));
    }
    return this.#btf.entries(type).map(({ type: of, offset }) => ({
      name: this.#btf.type(of).name,
      type: of,
      bit: 8 * (at + offset),
      bits: 0,
    }));
  }
}
