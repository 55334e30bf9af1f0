/**
 * Split BTF: types of a kernel module, whose ids and strings go on where those of the kernel end.
 *
 * @module
 */

import { DecodeError } from "../errors.ts";
import { Btf } from "./btf.ts";
import { BTF_KINDS, type BtfKind, indexTypes, readBtfHeader } from "./btf_encoding.ts";
import { essentialName } from "./core_types.ts";
import { StringTable } from "./string_table.ts";

/** Bytes of a BTF header. */
const HEADER_SIZE = 24;

/** A type by what identifies it to others. */
interface NamedType {
  readonly kind: BtfKind;
  readonly id: number;
  readonly name: string;
}

/** The types of a module. */
export class SplitBtf {
  readonly #base: Btf;
  readonly #bytes: Uint8Array;
  readonly #named = new Map<string, NamedType[]>();
  #joined: Btf | null = null;

  /**
   * Indexes the types of a module by name.
   *
   * @param base The types of the kernel.
   * @param bytes The contents of the module's BTF.
   * @throws {DecodeError} If they are malformed.
   */
  constructor(base: Btf, bytes: Uint8Array) {
    this.#base = base;
    this.#bytes = bytes;
    const little = base.order === "little";
    const header = readBtfHeader(bytes, base.order);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const strings = new StringTable(
      bytes.subarray(header.strings, header.strings + header.stringsSize),
      ".BTF strings of a module",
    );
    const starts = indexTypes(view, little, header.types, header.typesSize);
    for (let i = 1; i < starts.length; i++) {
      const offset = view.getUint32(starts[i], little);
      if (offset === 0) continue;
      const own = offset - base.strings.bytes.length;
      const name = own < 0 ? base.strings.at(offset) : strings.at(own);
      const kind = BTF_KINDS[(view.getUint32(starts[i] + 4, little) >>> 24) & 31];
      const key = essentialName(name);
      const named = this.#named.get(key);
      const type = { kind, id: base.count + i - 1, name };
      if (named === undefined) this.#named.set(key, [type]);
      else named.push(type);
    }
  }

  /**
   * Finds a type of the module itself.
   *
   * @param kind Its kind.
   * @param name Its name.
   * @returns Its id; 0 if there is none.
   */
  find(kind: BtfKind, name: string): number {
    const named = this.#named.get(essentialName(name));
    return named?.find((type) => type.kind === kind && type.name === name)?.id ?? 0;
  }

  /**
   * Whether the module itself has types that may stand for one of a program.
   *
   * @param name Name of that type.
   * @returns Whether there are any of its essential name.
   */
  has(name: string): boolean {
    return this.#named.has(essentialName(name));
  }

  /** The module's types behind those of the kernel, as one table. */
  get joined(): Btf {
    this.#joined ??= this.#join();
    return this.#joined;
  }

  #join(): Btf {
    const { order } = this.#base;
    const parts = [this.#base.bytes, this.#bytes].map((bytes) => {
      const { types, typesSize, strings, stringsSize } = readBtfHeader(bytes, order);
      return {
        types: bytes.subarray(types, types + typesSize),
        strings: bytes.subarray(strings, strings + stringsSize),
      };
    });
    const sizeOf = (table: "types" | "strings"): number =>
      parts.reduce((size, part) => size + part[table].length, 0);
    const [typesSize, stringsSize] = [sizeOf("types"), sizeOf("strings")];
    if (typesSize + stringsSize > 2 ** 31) {
      throw new DecodeError("cannot join types: they are too large", { section: ".BTF" });
    }
    const joined = new Uint8Array(HEADER_SIZE + typesSize + stringsSize);
    joined.set(this.#base.bytes.subarray(0, 4));
    const view = new DataView(joined.buffer);
    [HEADER_SIZE, 0, typesSize, typesSize, stringsSize].forEach((word, i) =>
      view.setUint32(4 + 4 * i, word, order === "little")
    );
    let at = HEADER_SIZE;
    for (const table of ["types", "strings"] as const) {
      for (const part of parts) {
        joined.set(part[table], at);
        at += part[table].length;
      }
    }
    return new Btf(joined, order);
  }
}
