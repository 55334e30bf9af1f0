/**
 * BTF: the type information of an object (docs.kernel.org/bpf/btf.html). Types stay in their encoding; this is a typed
 * view with an index of where each type starts. Ids count from 1; 0 is void.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import { DecodeError } from "../errors.ts";
import { BTF_KINDS, type BtfKind, indexTypes, readBtfHeader } from "./btf_encoding.ts";
import { StringTable } from "./string_table.ts";

/** Kinds that only qualify or rename the type that they refer to. */
const TRANSPARENT: ReadonlySet<BtfKind> = new Set<BtfKind>([
  "typedef",
  "volatile",
  "const",
  "restrict",
  "type_tag",
]);

/** `struct btf_type`. */
export interface BtfType {
  /** Its id. */
  readonly id: number;
  /** Its kind. */
  readonly kind: BtfKind;
  /** Its name; empty if it has none. */
  readonly name: string;
  /** Number of members, parameters, values or variables; the linkage of a `func`. */
  readonly vlen: number;
  /** The flag whose meaning depends on the kind: bit fields, signed enum, union forward. */
  readonly flag: boolean;
  /** Size in bytes or id of the type referred to, as the kind says. */
  readonly sizeOrType: number;
}

/** A member of a struct or union. */
export interface BtfMember {
  /** Its name; empty for anonymous members. */
  readonly name: string;
  /** Id of its type. */
  readonly type: number;
  /** Offset in bits. */
  readonly bitOffset: number;
  /** Size in bits of a bit field; 0 for others. */
  readonly bitSize: number;
}

/** A variable or function of a data section. */
export interface BtfSectionEntry {
  /** Id of its `var` or `func`. */
  readonly type: number;
  /** Offset in bytes in the section. */
  readonly offset: number;
  /** Size in bytes. */
  readonly size: number;
}

/** How many qualifiers and typedefs a chain may have before it counts as a cycle. */
const MAX_CHAIN = 64;

/** The types of an object. */
export class Btf {
  /** The whole section. */
  readonly bytes: Uint8Array;
  /** Byte order. */
  readonly order: ByteOrder;
  /** The strings. */
  readonly strings: StringTable;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #starts: readonly number[];
  #byName: Map<string, number[]> | null = null;

  /**
   * Indexes the types.
   *
   * @param bytes The contents of `.BTF`.
   * @param order Byte order of the object.
   * @throws {DecodeError} If a table is malformed.
   */
  constructor(bytes: Uint8Array, order: ByteOrder) {
    this.bytes = bytes;
    this.order = order;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = order === "little";
    const header = readBtfHeader(bytes, order);
    this.strings = new StringTable(
      bytes.subarray(header.strings, header.strings + header.stringsSize),
      ".BTF strings",
    );
    this.#starts = indexTypes(this.#view, this.#little, header.types, header.typesSize);
  }

  /** Number of types, void included: ids are below it. */
  get count(): number {
    return this.#starts.length;
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, this.#little);
  }

  /** Offset of the data that follows `struct btf_type`. */
  #body(id: number): number {
    return this.#starts[id] + 12;
  }

  /**
   * Reads a type.
   *
   * @param id Id of a type.
   * @returns The type.
   * @throws {DecodeError} If there is no such type.
   */
  type(id: number): BtfType {
    if (id === 0) {
      return { id, kind: "void", name: "", vlen: 0, flag: false, sizeOrType: 0 };
    }
    const at = this.#starts[id];
    if (at === undefined) {
      throw new DecodeError(`cannot read BTF type ${id}: there are only ${this.count}`, {
        section: ".BTF",
      });
    }
    const info = this.#u32(at + 4);
    return {
      id,
      kind: BTF_KINDS[(info >>> 24) & 31],
      name: this.strings.at(this.#u32(at)),
      vlen: info & 0xffff,
      flag: info >>> 31 === 1,
      sizeOrType: this.#u32(at + 8),
    };
  }

  /**
   * Where a type is encoded.
   *
   * @param id Id of a type, not void.
   * @returns Offset in bytes of its `struct btf_type` in the section.
   */
  offsetOf(id: number): number {
    return this.#starts[id];
  }

  /**
   * Follows typedefs and qualifiers.
   *
   * @param id Id of a type.
   * @returns The first type that is neither.
   * @throws {DecodeError} If they form a cycle or a type is missing.
   */
  resolve(id: number): BtfType {
    let type = this.type(id);
    for (let i = 0; TRANSPARENT.has(type.kind); i++) {
      if (i === MAX_CHAIN) {
        throw new DecodeError(`cannot resolve BTF type ${id}: a cycle of type names`, {
          section: ".BTF",
        });
      }
      type = this.type(type.sizeOrType);
    }
    return type;
  }

  /**
   * Reads the members of a structure or union.
   *
   * @param type A struct or union.
   * @returns Its members.
   */
  members(type: BtfType): BtfMember[] {
    const members: BtfMember[] = [];
    const body = this.#body(type.id);
    for (let i = 0; i < type.vlen; i++) {
      const at = body + 12 * i;
      const offset = this.#u32(at + 8);
      members.push({
        name: this.strings.at(this.#u32(at)),
        type: this.#u32(at + 4),
        bitOffset: type.flag ? offset & 0xff_ffff : offset,
        bitSize: type.flag ? offset >>> 24 : 0,
      });
    }
    return members;
  }

  /**
   * Reads what an array holds.
   *
   * @param type An array.
   * @returns The id of its element type and its number of elements.
   */
  array(type: BtfType): { element: number; count: number } {
    const body = this.#body(type.id);
    return { element: this.#u32(body), count: this.#u32(body + 8) };
  }

  /**
   * Reads the parameters of a function prototype.
   *
   * @param type A function prototype.
   * @returns Its parameters: name and id of the type, which is 0 for `...`.
   */
  params(type: BtfType): { name: string; type: number }[] {
    const body = this.#body(type.id);
    return Array.from({ length: type.vlen }, (_, i) => ({
      name: this.strings.at(this.#u32(body + 8 * i)),
      type: this.#u32(body + 8 * i + 4),
    }));
  }

  /**
   * Reads the variables of a data section.
   *
   * @param type A data section.
   * @returns Its variables and functions.
   */
  entries(type: BtfType): BtfSectionEntry[] {
    const body = this.#body(type.id);
    return Array.from({ length: type.vlen }, (_, i) => ({
      type: this.#u32(body + 12 * i),
      offset: this.#u32(body + 12 * i + 4),
      size: this.#u32(body + 12 * i + 8),
    }));
  }

  /**
   * Reads the values of an enumeration.
   *
   * @param type An enum or enum64.
   * @returns Its names with their values.
   */
  enumerators(type: BtfType): { name: string; value: bigint }[] {
    const body = this.#body(type.id);
    const wide = type.kind === "enum64";
    return Array.from({ length: type.vlen }, (_, i) => {
      const at = body + (wide ? 12 : 8) * i;
      const low = BigInt(this.#u32(at + 4));
      const value = wide ? BigInt(this.#u32(at + 8)) << 32n | low : low;
      const bits = wide ? 64 : 32;
      return {
        name: this.strings.at(this.#u32(at)),
        value: type.flag ? BigInt.asIntN(bits, value) : value,
      };
    });
  }

  /**
   * The word after an `int` (encoding, offset, bits), a `var` (linkage) or a `decl_tag` (component index).
   *
   * @param type Such a type.
   * @returns The word.
   */
  detail(type: BtfType): number {
    return this.#u32(this.#body(type.id));
  }

  /**
   * Finds types by kind and name.
   *
   * @param kind The kind.
   * @param name The name.
   * @returns The first such type, or null.
   */
  find(kind: BtfKind, name: string): BtfType | null {
    for (const id of this.#index().get(name) ?? []) {
      const type = this.type(id);
      if (type.kind === kind) return type;
    }
    return null;
  }

  /** Ids by name, made on first use. Names shared by thousands of types are cut, to keep look-ups short. */
  #index(): Map<string, number[]> {
    if (this.#byName === null) {
      this.#byName = new Map();
      for (let id = 1; id < this.count; id++) {
        const offset = this.#u32(this.#starts[id]);
        if (offset === 0) continue;
        const name = this.strings.at(offset);
        const ids = this.#byName.get(name);
        if (ids === undefined) this.#byName.set(name, [id]);
        else if (ids.length < 64) ids.push(id);
      }
    }
    return this.#byName;
  }

  /**
   * The size of a type in memory.
   *
   * @param id Id of a type.
   * @returns Its size in bytes; 0 for void, functions and forward declarations.
   * @throws {DecodeError} If the type refers to itself or a type is missing.
   */
  sizeOf(id: number): number {
    let factor = 1;
    let type = this.resolve(id);
    for (let i = 0; type.kind === "array" || type.kind === "var"; i++) {
      if (i === MAX_CHAIN) {
        throw new DecodeError(`cannot size BTF type ${id}: a cycle of arrays`, { section: ".BTF" });
      }
      if (type.kind === "array") {
        const { element, count } = this.array(type);
        factor *= count;
        type = this.resolve(element);
      } else type = this.resolve(type.sizeOrType);
    }
    switch (type.kind) {
      case "int":
      case "struct":
      case "union":
      case "enum":
      case "enum64":
      case "float":
      case "datasec":
        return factor * type.sizeOrType;
      case "ptr":
        return factor * 8;
      default:
        return 0;
    }
  }
}
