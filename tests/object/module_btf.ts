/**
 * The types of a kernel module, made by hand: no module of the machine that runs the tests can be relied on.
 *
 * @module
 */

import type { Btf, BtfMember } from "../../lib/object/btf.ts";
import { BTF_KINDS, type BtfKind } from "../../lib/object/btf_encoding.ts";

/** Builds the types of a module, in order; each method returns the id of its type. */
class ModuleTypes {
  readonly #base: Btf;
  readonly #words: number[] = [];
  #strings = "";
  #count = 0;

  constructor(base: Btf) {
    this.#base = base;
  }

  #name(name: string): number {
    const at = this.#base.strings.bytes.length + this.#strings.length;
    this.#strings += `${name}\0`;
    return at;
  }

  #type(kind: BtfKind, name: string, vlen: number, sizeOrType: number, rest: number[]): number {
    const info = BTF_KINDS.indexOf(kind) << 24 | vlen;
    this.#words.push(name === "" ? 0 : this.#name(name), info, sizeOrType, ...rest);
    return this.#base.count + this.#count++;
  }

  /** A struct of some size in bytes. */
  struct(name: string, size: number, members: readonly Omit<BtfMember, "bitSize">[]): number {
    const rest = members.flatMap((m) => [this.#name(m.name), m.type, m.bitOffset]);
    return this.#type("struct", name, members.length, size, rest);
  }

  /** A prototype without parameters that returns nothing. */
  proto(): number {
    return this.#type("func_proto", "", 0, 0, []);
  }

  /** A function. */
  func(name: string, proto: number): number {
    return this.#type("func", name, 1, proto, []);
  }

  /** A variable. */
  variable(name: string, type: number): number {
    return this.#type("var", name, 0, type, [1]);
  }

  /** All of it, encoded. */
  encoded(): Uint8Array<ArrayBuffer> {
    const strings = new TextEncoder().encode(this.#strings);
    const size = 4 * this.#words.length;
    const bytes = new Uint8Array(24 + size + strings.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0x0001_eb9f, true);
    [24, 0, size, size, strings.length].forEach((word, i) => view.setUint32(4 + 4 * i, word, true));
    this.#words.forEach((word, i) => view.setUint32(24 + 4 * i, word, true));
    bytes.set(strings, 24 + size);
    return bytes;
  }
}

/**
 * Makes the types of a module.
 *
 * @param base The types of the kernel.
 * @param build Adds types.
 * @returns Split BTF, little-endian.
 */
export function moduleOf(
  base: Btf,
  build: (types: ModuleTypes) => void,
): Uint8Array<ArrayBuffer> {
  const types = new ModuleTypes(base);
  build(types);
  return types.encoded();
}
