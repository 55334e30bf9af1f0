/**
 * The types of one side of a CO-RE relocation: those that a program was compiled with, or those that it meets.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import type { Btf, BtfMember, BtfType } from "./btf.ts";

/** What follows in a name is a flavor: `___` between other characters. */
const FLAVOR = /^(.*[^_])___[^_]/s;

/**
 * A name without its flavor: `task_struct___old` is an alternative of `task_struct`.
 *
 * @param name Name of a type or enumerator.
 * @returns What identifies it.
 */
export function essentialName(name: string): string {
  return name.includes("___") ? FLAVOR.exec(name)?.[1] ?? name : name;
}

/**
 * Whether a type is an enumeration, of 32 or 64 bits.
 *
 * @param type A type.
 * @returns Whether it is.
 */
export function isEnum(type: BtfType): boolean {
  return type.kind === "enum" || type.kind === "enum64";
}

/**
 * Whether a type is a struct or union.
 *
 * @param type A type.
 * @returns Whether it is.
 */
export function isComposite(type: BtfType): boolean {
  return type.kind === "struct" || type.kind === "union";
}

/**
 * Whether two types are of kinds that may stand for each other.
 *
 * @param a A type.
 * @param b Another.
 * @returns Whether their kinds are the same, or both are enumerations.
 */
export function sameKind(a: BtfType, b: BtfType): boolean {
  return a.kind === b.kind || (isEnum(a) && isEnum(b));
}

/** Offset in bits of an integer in its storage: a deprecated form of bit fields. */
const intOffset = (detail: number): number => (detail >>> 16) & 255;

/** A name of an enumeration. */
export interface Enumerator {
  /** The name. */
  readonly name: string;
  /** Its value. */
  readonly value: bigint;
}

/** Types with what CO-RE looks up again and again. */
export class CoreTypes {
  /** The types. */
  readonly btf: Btf;
  readonly #members = new Map<number, readonly BtfMember[]>();
  readonly #enumerators = new Map<number, readonly Enumerator[]>();
  #byName: Map<string, number[]> | null = null;

  /**
   * Wraps types.
   *
   * @param btf The types.
   */
  constructor(btf: Btf) {
    this.btf = btf;
  }

  /**
   * The members of a struct or union, decoded once.
   *
   * @param type A struct or union.
   * @returns Its members.
   */
  members(type: BtfType): readonly BtfMember[] {
    let members = this.#members.get(type.id);
    if (members === undefined) {
      members = this.btf.members(type);
      this.#members.set(type.id, members);
    }
    return members;
  }

  /**
   * The values of an enumeration, decoded once.
   *
   * @param type An enum or enum64.
   * @returns Its names with their values.
   */
  enumerators(type: BtfType): readonly Enumerator[] {
    let enumerators = this.#enumerators.get(type.id);
    if (enumerators === undefined) {
      enumerators = this.btf.enumerators(type);
      this.#enumerators.set(type.id, enumerators);
    }
    return enumerators;
  }

  /**
   * The size of a type in memory.
   *
   * @param id Id of a type.
   * @returns Its size in bytes, below 2^32.
   * @throws {UnsupportedError} If it is larger.
   */
  sizeOf(id: number): number {
    const size = this.btf.sizeOf(id);
    if (size > 0xffff_ffff) {
      throw new UnsupportedError(`cannot relocate BTF type ${id}: it is larger than 4 GiB`);
    }
    return size;
  }

  /**
   * Whether an integer fills its storage from the first bit.
   *
   * @param type An integer.
   * @returns Whether it does.
   */
  isPlainInt(type: BtfType): boolean {
    return intOffset(this.btf.detail(type)) === 0;
  }

  /**
   * How an integer is encoded.
   *
   * @param type An integer.
   * @returns BTF_INT_*: 1 signed, 2 character, 4 boolean.
   */
  encoding(type: BtfType): number {
    return (this.btf.detail(type) >>> 24) & 15;
  }

  /**
   * The types that may stand for a type of the other side.
   *
   * @param type A named type.
   * @returns Ids of the types of its kind and essential name, ascending.
   */
  candidates(type: BtfType): number[] {
    this.#byName ??= this.#index();
    const ids = this.#byName.get(essentialName(type.name)) ?? [];
    return ids.filter((id) => sameKind(this.btf.type(id), type));
  }

  #index(): Map<string, number[]> {
    const byName = new Map<string, number[]>();
    for (let id = 1; id < this.btf.count; id++) {
      const { name } = this.btf.type(id);
      if (name === "") continue;
      const essential = essentialName(name);
      const ids = byName.get(essential);
      if (ids === undefined) byName.set(essential, [id]);
      else ids.push(id);
    }
    return byName;
  }
}
