/**
 * Layouts of the structs that programs and the kernel share: names, offsets and sizes of fields.
 *
 * @module
 */

import type { ByteOrder } from "../../bytes.ts";
import { EpassError } from "../../errors.ts";
import type { NamedValues } from "./context.ts";

/** A field of a struct. */
export interface Field {
  /** Its name. */
  readonly name: string;
  /** Offset in bytes from the start of the struct. */
  readonly offset: number;
  /** Bytes of an element. */
  readonly size: number;
  /** Number of elements; 1 for a field that is no array. */
  readonly count: number;
}

/** A struct. */
export interface Layout {
  /** Its name, for messages. */
  readonly name: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Its fields, in order. */
  readonly fields: readonly Field[];
  /** The fields by name. */
  readonly byName: ReadonlyMap<string, Field>;
}

const SIZES: { readonly [type: string]: number } = { u8: 1, u16: 2, u32: 4, u64: 8 };

/**
 * Lays out a struct as a C compiler does.
 *
 * @param name Its name.
 * @param text Declarations such as `u32 len, cb[5]; u64 tstamp`; `@N` in place of a name continues at offset N, for
 *   unions; `_` names padding.
 * @returns The layout; its size is a multiple of the largest alignment.
 */
export function layout(name: string, text: string): Layout {
  const fields: Field[] = [];
  let offset = 0, end = 0, alignment = 1;
  for (const declaration of text.split(";")) {
    const [type, ...names] = declaration.trim().split(/[\s,]+/);
    const size = SIZES[type];
    alignment = Math.max(alignment, size);
    for (const item of names) {
      if (item.startsWith("@")) {
        offset = Number(item.slice(1));
        continue;
      }
      const [bare, bracket] = item.split("[");
      const count = bracket === undefined ? 1 : parseInt(bracket);
      offset = Math.ceil(offset / size) * size;
      if (bare !== "_") fields.push({ name: bare, offset, size, count });
      offset += size * count;
      end = Math.max(end, offset);
    }
  }
  const size = Math.ceil(end / alignment) * alignment;
  return { name, size, fields, byName: new Map(fields.map((field) => [field.name, field])) };
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Reads an unsigned number of up to 4 bytes. */
function readSmall(view: DataView, offset: number, size: number, little: boolean): number {
  switch (size) {
    case 1:
      return view.getUint8(offset);
    case 2:
      return view.getUint16(offset, little);
    default:
      return view.getUint32(offset, little);
  }
}

/** Reads an unsigned number. */
function read(view: DataView, offset: number, size: number, little: boolean): bigint {
  if (size === 8) return view.getBigUint64(offset, little);
  return BigInt(readSmall(view, offset, size, little));
}

/** Writes the low bits of a number. */
function write(
  view: DataView,
  offset: number,
  size: number,
  little: boolean,
  value: number | bigint,
): void {
  if (size === 8) {
    view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), little);
    return;
  }
  const small = typeof value === "bigint" ? Number(BigInt.asUintN(32, value)) : value;
  if (size === 4) view.setUint32(offset, small, little);
  else if (size === 2) view.setUint16(offset, small, little);
  else view.setUint8(offset, small);
}

/**
 * Reads a number.
 *
 * @param bytes The struct.
 * @param order Its byte order.
 * @param offset Offset in bytes of the number.
 * @param size Its size in bytes: 1, 2, 4 or 8.
 * @returns The unsigned number.
 */
export function readNumber(
  bytes: Uint8Array,
  order: ByteOrder,
  offset: number,
  size: number,
): bigint {
  return read(viewOf(bytes), offset, size, order === "little");
}

/**
 * Writes a number.
 *
 * @param bytes The struct.
 * @param order Its byte order.
 * @param offset Offset in bytes of the number.
 * @param size Its size in bytes: 1, 2, 4 or 8.
 * @param value The number; its low bits are written.
 */
export function writeNumber(
  bytes: Uint8Array,
  order: ByteOrder,
  offset: number,
  size: number,
  value: number | bigint,
): void {
  write(viewOf(bytes), offset, size, order === "little", value);
}

/**
 * Reads all fields of a struct.
 *
 * @param struct Its layout.
 * @param bytes Its bytes.
 * @param order Its byte order.
 * @returns The unsigned numbers by name; elements of arrays as `name[0]`.
 */
export function readFields(
  struct: Layout,
  bytes: Uint8Array,
  order: ByteOrder,
): { [name: string]: bigint } {
  const view = viewOf(bytes), little = order === "little";
  const values: { [name: string]: bigint } = {};
  for (const { name, offset, size, count } of struct.fields) {
    if (offset + size * count > bytes.length) continue;
    if (count === 1) values[name] = read(view, offset, size, little);
    else {
      for (let i = 0; i < count; i++) {
        values[`${name}[${i}]`] = read(view, offset + size * i, size, little);
      }
    }
  }
  return values;
}

/** The place of a field or of an element, `name` or `name[2]`. */
function place(struct: Layout, name: string): Field {
  const whole = struct.byName.get(name);
  if (whole !== undefined) return whole;
  const [bare, bracket] = name.split("[");
  const field = struct.byName.get(bare);
  const index = parseInt(bracket ?? "");
  if (field === undefined || !(index >= 0 && index < field.count)) {
    throw new EpassError(`cannot set ${name}: struct ${struct.name} has no such field`);
  }
  return { ...field, offset: field.offset + index * field.size, count: 1 };
}

/**
 * Checks that a number of the caller is an integer.
 *
 * @param value The number.
 * @param what What it is for, for the message.
 * @returns The number.
 * @throws {EpassError} If it is no integer, or too large to be exact.
 */
export function integer<T extends number | bigint>(value: T, what: string): T {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return value;
  throw new EpassError(`cannot set ${what}: ${String(value).slice(0, 40)} is not an integer`);
}

/**
 * Sets fields of a struct.
 *
 * @param struct Its layout.
 * @param bytes Its bytes.
 * @param order Its byte order.
 * @param values Numbers by name; arrays as a whole or by element, as `name[0]`; or bytes as they are in memory.
 * @throws {EpassError} If there is no such field, or a value does not fit it.
 */
export function writeFields(
  struct: Layout,
  bytes: Uint8Array,
  order: ByteOrder,
  values: NamedValues,
): void {
  const view = viewOf(bytes), little = order === "little";
  for (const name in values) {
    const value = values[name];
    const { offset, size, count } = place(struct, name);
    if (typeof value !== "object") {
      write(view, offset, size, little, integer(value, name));
      continue;
    }
    if (value.length * (value instanceof Uint8Array ? 1 : size) > size * count) {
      throw new EpassError(`cannot set ${name}: ${value.length} values do not fit it`);
    }
    if (value instanceof Uint8Array) bytes.set(value, offset);
    else {
      value.forEach((element, i) =>
        write(view, offset + i * size, size, little, integer(element, name))
      );
    }
  }
}
