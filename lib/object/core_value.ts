/**
 * What a CO-RE record asks for, computed for a path in the types of one side (linux/bpf.h, enum bpf_core_relo_kind).
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import type { BtfMember, BtfType } from "./btf.ts";
import type { CorePath } from "./core_path.ts";
import { type CoreTypes, isEnum } from "./core_types.ts";

/** What records ask for, by their number (BPF_CORE_*). */
export const CORE_KINDS = [
  "field_byte_offset",
  "field_byte_size",
  "field_exists",
  "field_signed",
  "field_lshift",
  "field_rshift",
  "type_id_local",
  "type_id_target",
  "type_exists",
  "type_size",
  "enumval_exists",
  "enumval_value",
  "type_matches",
] as const;

/** Encoding of signed integers (BTF_INT_SIGNED). */
const SIGNED = 1;

/** What a record asks for. */
export type CoreKind = typeof CORE_KINDS[number];

/** A value, and what instructions that carry it depend on. */
export interface CoreValue {
  /** The value. */
  readonly value: bigint;
  /** Whether the compiler must have computed the same: it and the loader may read a bit field differently. */
  readonly certain: boolean;
  /** For the offset of a field, what is there; null for all else. */
  readonly field: CoreField | null;
}

/** What a load or store accesses. */
export interface CoreField {
  /** What zero-extends to the same value in every size, and with what; empty if it does not. */
  readonly form: "pointer" | "unsigned" | "";
  /** Bytes of it, or of an element if it is an array. */
  readonly size: number;
}

const plain = (value: number | bigint | boolean): CoreValue => ({
  value: BigInt(value),
  certain: true,
  field: null,
});

/** The smallest aligned storage that holds a bit field. */
function bitFieldStorage(
  path: CorePath,
  { bitSize }: BtfMember,
  declared: number,
): { offset: number; size: number } {
  const fits = (size: number): boolean => {
    const start = Math.floor(path.bitOffset / 8 / size) * size;
    return path.bitOffset + bitSize <= (start + size) * 8;
  };
  for (let size = declared; size === 1 || size === 2 || size === 4 || size === 8; size *= 2) {
    if (fits(size)) return { offset: Math.floor(path.bitOffset / 8 / size) * size, size };
  }
  throw new UnsupportedError(`cannot relocate BTF type ${path.root}: no load holds its bit field`);
}

/** What a load of a type accesses. */
function fieldOf(types: CoreTypes, type: BtfType): CoreField {
  let element = type;
  // Bounded: an array that holds itself has no size.
  types.sizeOf(type.id);
  while (element.kind === "array") {
    element = types.btf.resolve(types.btf.array(element).element);
  }
  const isUnsigned = type.kind === "int" && types.encoding(type) !== SIGNED;
  return {
    form: type.kind === "ptr" ? "pointer" : isUnsigned ? "unsigned" : "",
    size: types.sizeOf(element.id),
  };
}

function isSigned(types: CoreTypes, type: BtfType): boolean {
  return isEnum(type) ? type.flag : type.kind === "int" && (types.encoding(type) & SIGNED) !== 0;
}

function elementValue(types: CoreTypes, path: CorePath, kind: CoreKind): CoreValue {
  const { type } = path.steps[path.steps.length - 1];
  if (kind === "field_byte_size") return plain(types.sizeOf(type.id));
  if (kind === "field_byte_offset") {
    return { ...plain(Math.floor(path.bitOffset / 8)), field: fieldOf(types, type) };
  }
  throw new UnsupportedError(`cannot relocate BTF type ${path.root}: ${kind} of an array element`);
}

function memberValue(types: CoreTypes, path: CorePath, kind: CoreKind): CoreValue {
  const step = path.steps[path.steps.length - 1];
  const member = types.members(step.type)[step.index];
  const type = types.btf.resolve(member.type);
  const isBitField = member.bitSize > 0;
  const { offset, size } = isBitField
    ? bitFieldStorage(path, member, type.sizeOrType)
    : { offset: Math.floor(path.bitOffset / 8), size: types.sizeOf(type.id) };
  const bits = isBitField ? member.bitSize : size * 8;
  const unsure = (value: number): CoreValue => ({ ...plain(value), certain: !isBitField });
  switch (kind) {
    case "field_byte_offset":
      return isBitField ? unsure(offset) : { ...plain(offset), field: fieldOf(types, type) };
    case "field_byte_size":
      return unsure(size);
    case "field_signed":
      return plain(isSigned(types, type));
    case "field_lshift": {
      const start = path.bitOffset - offset * 8;
      return unsure(types.btf.order === "big" ? (8 - size) * 8 + start : 64 - start - bits);
    }
    case "field_rshift":
      return plain(64 - bits);
    default:
      throw new UnsupportedError(`cannot relocate BTF type ${path.root}: ${kind} of a field`);
  }
}

/** 32-bit enumerators are signed to loaders, whatever their type. */
function enumeratorValue(types: CoreTypes, path: CorePath): CoreValue {
  const { type, index } = path.steps[0];
  const { value } = types.enumerators(type)[index];
  return plain(BigInt.asIntN(type.kind === "enum" ? 32 : 64, value));
}

/**
 * Computes what a record asks for.
 *
 * @param types The types of one side.
 * @param path What the record refers to there; null if that side has no such thing.
 * @param kind What it asks for.
 * @returns The value; null if there is none: such an instruction must not run.
 * @throws {EpassError} If types are malformed, or the value is not defined.
 */
export function coreValue(
  types: CoreTypes,
  path: CorePath | null,
  kind: CoreKind,
): CoreValue | null {
  switch (kind) {
    case "field_exists":
    case "type_exists":
    case "type_matches":
    case "enumval_exists":
      return plain(path !== null);
    case "type_id_local":
    case "type_id_target":
      return path === null ? plain(0) : { ...plain(path.root), certain: false };
    case "type_size":
      return plain(path === null ? 0 : types.sizeOf(path.root));
    case "enumval_value":
      return path === null ? null : enumeratorValue(types, path);
    default: {
      if (path === null) return null;
      const last = path.steps[path.steps.length - 1];
      return last.name === "" ? elementValue(types, path, kind) : memberValue(types, path, kind);
    }
  }
}
