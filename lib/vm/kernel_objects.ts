/**
 * Structures of the kernel as a program that traces it finds them, made from the kernel's types: one of each type, of zeros,
 * whose pointers lead to the one of the type that they point to. So a walk from the current task to its files and their
 * paths comes to an end at valid structures instead of at a null pointer; lists are empty, and parents are their own.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import type { Btf, BtfType } from "../object/btf.ts";
import type { GuestMemory } from "./memory.ts";
import { reserveOrFault } from "./object_heap.ts";

/** Most structures, so that a walk over all types of a kernel stays short. */
const MAX_STRUCTURES = 4096;
/** Most bytes of a structure; of `task_struct` it has about 10,000. */
const MAX_SIZE = 1 << 16;
/** Bytes that are reserved at a time. */
const CHUNK = 1 << 18;
/** Most chunks. */
const MAX_CHUNKS = 32;
/** Most elements of an array whose pointers are set. */
const MAX_ELEMENTS = 8;
/** Most members, nested ones included, of a structure whose pointers are set. */
const MAX_MEMBERS = 4096;

/** A pointer in a structure. */
interface Pointer {
  /** Where it is in the structure. */
  readonly offset: number;
  /** What it points to: the id of a structure, or the place itself for the ends of an empty list. */
  readonly target: number | "itself";
}

/** A part of a structure that is still to be looked into. */
interface Part {
  readonly type: number;
  readonly offset: number;
}

/** The structures of a kernel in guest memory. */
export class KernelObjects {
  readonly #memory: GuestMemory;
  readonly #types: () => Btf;
  readonly #addresses = new Map<number, number>();
  #chunk = 0;
  #left = 0;
  #chunks = 0;

  /**
   * Makes a kernel without structures; they are placed when asked for.
   *
   * @param memory Guest memory.
   * @param types The kernel's types, read when they are needed.
   */
  constructor(memory: GuestMemory, types: () => Btf) {
    this.#memory = memory;
    this.#types = types;
  }

  /** The kernel's types. */
  get types(): Btf {
    return this.#types();
  }

  /**
   * The structure of a type, placed with all that it leads to.
   *
   * @param name Name of the type, such as `task_struct`.
   * @returns Its address; 0 if the kernel has no such type.
   * @throws {GuestFault} If guest memory is exhausted.
   * @throws {DecodeError} If the types are malformed.
   */
  address(name: string): number {
    const type = this.types.find("struct", name);
    if (type === null) return 0;
    const known = this.#addresses.get(type.id);
    if (known !== undefined) return known;
    const open: BtfType[] = [];
    const address = this.#place(type, open);
    for (let i = 0; i < open.length; i++) this.#link(open[i], open);
    return address;
  }

  /**
   * Stores numbers in a structure.
   *
   * @param name Name of its type.
   * @param values The numbers or bytes by the names of members; those that there are not are left out.
   */
  fill(name: string, values: Readonly<Record<string, number | Uint8Array>>): void {
    const type = this.types.find("struct", name);
    const address = type === null ? undefined : this.#addresses.get(type.id);
    if (type === null || address === undefined) return;
    for (const member of this.types.members(type)) {
      const value = values[member.name];
      if (value === undefined) continue;
      const at = BigInt(address + member.bitOffset / 8);
      const size = this.types.sizeOf(member.type);
      if (typeof value === "number") {
        if (size === 4) this.#memory.store(at, 4, BigInt(value));
      } else this.#memory.slice(at, size, true).set(value.subarray(0, size));
    }
  }

  /** Reserves room for a structure; 0 if there is none left. */
  #place(type: BtfType, open: BtfType[]): number {
    const known = this.#addresses.get(type.id);
    if (known !== undefined) return known;
    const size = (type.sizeOrType + 15) & ~15;
    if (size === 0 || size > MAX_SIZE || this.#addresses.size === MAX_STRUCTURES) return 0;
    if (size > this.#left) {
      if (this.#chunks === MAX_CHUNKS) return 0;
      this.#chunk = reserveOrFault(this.#memory, "structures of the kernel", CHUNK).address;
      this.#left = CHUNK;
      this.#chunks++;
    }
    const address = this.#chunk + CHUNK - this.#left;
    this.#left -= size;
    this.#addresses.set(type.id, address);
    open.push(type);
    return address;
  }

  /** Sets the pointers of a structure. */
  #link(type: BtfType, open: BtfType[]): void {
    const address = this.#addresses.get(type.id)!;
    for (const { offset, target } of this.#pointers(type)) {
      const to = target === "itself"
        ? address + offset
        : this.#place(this.types.type(target), open);
      this.#memory.store(BigInt(address + offset), 8, BigInt(to));
      if (target === "itself") this.#memory.store(BigInt(address + offset + 8), 8, BigInt(to));
    }
  }

  /** The pointers to structures in a structure; unions are left alone. */
  #pointers(type: BtfType): Pointer[] {
    const pointers: Pointer[] = [];
    const open: Part[] = [{ type: type.id, offset: 0 }];
    for (let i = 0; i < open.length; i++) {
      const { offset } = open[i];
      const part = this.#resolve(open[i].type);
      if (part === null || offset + this.#sizeOf(part) > type.sizeOrType) continue;
      if (part.kind === "ptr") {
        const target = this.#structure(part.sizeOrType);
        if (target !== null) pointers.push({ offset, target: target.id });
      } else if (part.kind === "struct" && part.name === "list_head") {
        pointers.push({ offset, target: "itself" });
      } else if (open.length < MAX_MEMBERS) this.#parts(part, offset, open);
    }
    return pointers;
  }

  /** The structure that a type is, or that a forward declaration names; null if there is none. */
  #structure(id: number): BtfType | null {
    const type = this.#resolve(id);
    if (type?.kind === "fwd") return this.types.find("struct", type.name);
    return type?.kind === "struct" ? type : null;
  }

  /** Bytes of a part that matter: a list has two pointers, whatever the types say. */
  #sizeOf(part: BtfType): number {
    if (part.kind === "ptr") return 8;
    return part.kind !== "struct" ? 0 : part.name === "list_head" ? 16 : part.sizeOrType;
  }

  #parts(part: BtfType, offset: number, open: Part[]): void {
    if (part.kind === "struct") {
      for (const { type, bitOffset, bitSize } of this.types.members(part)) {
        if (bitSize === 0) open.push({ type, offset: offset + bitOffset / 8 });
      }
    } else if (part.kind === "array") {
      const { element, count } = this.types.array(part);
      const size = this.types.sizeOf(element);
      for (let i = 0; i < Math.min(count, MAX_ELEMENTS); i++) {
        open.push({ type: element, offset: offset + i * size });
      }
    }
  }

  /** A type without its names and qualifiers; null if the types are malformed. */
  #resolve(id: number): BtfType | null {
    try {
      return this.types.resolve(id);
    } catch (error) {
      if (error instanceof EpassError) return null;
      throw error;
    }
  }
}
