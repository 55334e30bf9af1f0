/**
 * The encoding of BTF: its header, the kinds of types, and where each type starts.
 *
 * @module
 */

import { type ByteOrder, ByteReader } from "../bytes.ts";
import { DecodeError } from "../errors.ts";

/** Names of the kinds, by number (linux/btf.h BTF_KIND_*). */
export const BTF_KINDS = [
  "void",
  "int",
  "ptr",
  "array",
  "struct",
  "union",
  "enum",
  "fwd",
  "typedef",
  "volatile",
  "const",
  "restrict",
  "func",
  "func_proto",
  "var",
  "datasec",
  "float",
  "decl_tag",
  "type_tag",
  "enum64",
] as const;

/** The kind of a type. */
export type BtfKind = typeof BTF_KINDS[number];

/** Bytes that follow `struct btf_type`: fixed, and for each of `vlen` entries. */
// deno-fmt-ignore
const TRAILING: { readonly [K in BtfKind]: readonly [fixed: number, each: number] } = {
  void: [0, 0], int: [4, 0], ptr: [0, 0], array: [12, 0], struct: [0, 12], union: [0, 12], enum: [0, 8],
  fwd: [0, 0], typedef: [0, 0], volatile: [0, 0], const: [0, 0], restrict: [0, 0], func: [0, 0],
  func_proto: [0, 8], var: [4, 0], datasec: [0, 12], float: [0, 0], decl_tag: [4, 0], type_tag: [0, 0],
  enum64: [0, 12],
};

/** Where the two tables of BTF lie, in bytes from the start of the section. */
export interface BtfHeader {
  /** Start of the types. */
  readonly types: number;
  /** Size of the types. */
  readonly typesSize: number;
  /** Start of the strings. */
  readonly strings: number;
  /** Size of the strings. */
  readonly stringsSize: number;
}

const BTF_MAGIC = 0xeb9f;

/**
 * Reads `struct btf_header` and checks that its tables lie in the section.
 *
 * @param bytes The contents of `.BTF`.
 * @param order Byte order of the object.
 * @returns Where the tables lie.
 * @throws {DecodeError} If the header is malformed.
 */
export function readBtfHeader(bytes: Uint8Array, order: ByteOrder): BtfHeader {
  const reader = new ByteReader(bytes, order, ".BTF header");
  const magic = reader.u16();
  if (magic !== BTF_MAGIC) {
    throw new DecodeError(`cannot read .BTF: magic 0x${magic.toString(16)}`, {
      section: ".BTF",
      offset: 0,
    });
  }
  const version = reader.u8();
  if (version !== 1) {
    throw new DecodeError(`cannot read .BTF: unknown version ${version}`, {
      section: ".BTF",
      offset: 2,
    });
  }
  reader.skip(1);
  const size = reader.u32();
  const types = size + reader.u32();
  const typesSize = reader.u32();
  const strings = size + reader.u32();
  const stringsSize = reader.u32();
  if (types + typesSize > bytes.length || strings + stringsSize > bytes.length) {
    throw new DecodeError(`cannot read .BTF: its tables exceed its ${bytes.length} bytes`, {
      section: ".BTF",
      offset: 8,
    });
  }
  return { types, typesSize, strings, stringsSize };
}

/**
 * Finds where each type starts.
 *
 * @param view The contents of `.BTF`.
 * @param little Whether the object is little-endian.
 * @param start Offset in bytes of the first type.
 * @param size Size in bytes of all types.
 * @returns Offset in bytes of each type; element 0 stands for void.
 * @throws {DecodeError} If a type is truncated or of an unknown kind.
 */
export function indexTypes(view: DataView, little: boolean, start: number, size: number): number[] {
  const starts = [0];
  const end = start + size;
  let at = start;
  while (at < end) {
    const broken = (why: string): never => {
      throw new DecodeError(`cannot read BTF type ${starts.length}: ${why}`, {
        section: ".BTF",
        offset: at,
      });
    };
    if (at + 12 > end) broken("it is truncated");
    const info = view.getUint32(at + 4, little);
    const kind = BTF_KINDS[(info >>> 24) & 31];
    if (kind === undefined || kind === "void") broken(`unknown kind ${(info >>> 24) & 31}`);
    const [fixed, each] = TRAILING[kind];
    const next = at + 12 + fixed + each * (info & 0xffff);
    if (next > end) broken("it is truncated");
    starts.push(at);
    at = next;
  }
  return starts;
}
