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

/**
 * Reads a number.
 *
 * @param bytes The struct.
 * @param order Its byte order.
 * @param offset Offset in bytes of the number.
 * @param size Its size in bytes.
 * @returns The unsigned number.
 */
export function readNumber(
  bytes: Uint8Array,
  order: ByteOrder,
  offset: number,
  size: number,
): bigint {
  let value = 0n;
  for (let i = 0; i < size; i++) {
    value = value << 8n | BigInt(bytes[offset + (order === "little" ? size - 1 - i : i)]);
  }
  return value;
}

/**
 * Writes a number.
 *
 * @param bytes The struct.
 * @param order Its byte order.
 * @param offset Offset in bytes of the number.
 * @param size Its size in bytes.
 * @param value The number; its low bits are written.
 */
export function writeNumber(
  bytes: Uint8Array,
  order: ByteOrder,
  offset: number,
  size: number,
  value: bigint,
): void {
  let rest = BigInt.asUintN(64, value);
  for (let i = 0; i < size; i++) {
    bytes[offset + (order === "little" ? i : size - 1 - i)] = Number(rest & 0xffn);
    rest >>= 8n;
  }
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
  const values: { [name: string]: bigint } = {};
  for (const { name, offset, size, count } of struct.fields) {
    for (let i = 0; i < count; i++) {
      if (offset + size * (i + 1) > bytes.length) continue;
      values[count === 1 ? name : `${name}[${i}]`] = readNumber(
        bytes,
        order,
        offset + size * i,
        size,
      );
    }
  }
  return values;
}

/** The place of a field or of an element, `name` or `name[2]`. */
function place(struct: Layout, name: string): Field {
  const [bare, bracket] = name.split("[");
  const field = struct.byName.get(bare);
  const index = bracket === undefined ? 0 : parseInt(bracket);
  if (field === undefined || !(index >= 0 && index < field.count)) {
    throw new EpassError(`cannot set ${name}: struct ${struct.name} has no such field`);
  }
  if (bracket === undefined) return field;
  return { ...field, offset: field.offset + index * field.size, count: 1 };
}

/**
 * Sets fields of a struct.
 *
 * @param struct Its layout.
 * @param bytes Its bytes.
 * @param order Its byte order.
 * @param values The numbers by name; arrays as a whole or by element, as `name[0]`.
 * @throws {EpassError} If there is no such field, or an array has too many elements.
 */
export function writeFields(
  struct: Layout,
  bytes: Uint8Array,
  order: ByteOrder,
  values: NamedValues,
): void {
  for (const [name, value] of Object.entries(values)) {
    const { offset, size, count } = place(struct, name);
    if (value instanceof Uint8Array) {
      if (value.length > size * count) {
        throw new EpassError(`cannot set ${name}: ${value.length} bytes for ${size * count}`);
      }
      bytes.set(value, offset);
      continue;
    }
    const elements = typeof value === "object" ? value : [value];
    if (elements.length > count) {
      throw new EpassError(`cannot set ${name}: ${elements.length} values for ${count} elements`);
    }
    elements.forEach((element, i) =>
      writeNumber(bytes, order, offset + i * size, size, BigInt(element))
    );
  }
}
