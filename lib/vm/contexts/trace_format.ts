/**
 * The format of a tracepoint's record, as the kernel describes it in `events/SUBSYSTEM/NAME/format` of tracefs.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import type { Field, Layout } from "./layout.ts";

/** `field:unsigned short common_type;	offset:0;	size:2;	signed:0;` */
const FIELD = /field:([^;]*?)(\w+)(?:\[\w*\])?;\s*offset:(\d+);\s*size:(\d+);/g;
/** Most bytes of a record: the kernel's buffer for one. */
const MAX_RECORD = 8192;

/**
 * Reads the format of a record.
 *
 * @param text The file's text.
 * @returns The layout; arrays have elements of a byte unless they are of a wider type.
 * @throws {EpassError} If it describes no field, or a record of more than 8,192 bytes.
 */
export function traceFormat(text: string): Layout {
  const fields: Field[] = [];
  let end = 0;
  for (const [declaration, , name, offset, size] of text.matchAll(FIELD)) {
    const bytes = Number(size);
    const isNumber = [1, 2, 4, 8].includes(bytes) && !declaration.includes("[");
    fields.push({
      name,
      offset: Number(offset),
      size: isNumber ? bytes : 1,
      count: isNumber ? 1 : bytes,
    });
    end = Math.max(end, Number(offset) + bytes);
  }
  if (fields.length === 0 || end > MAX_RECORD) {
    throw new EpassError(
      `cannot read the format of a tracepoint: ${
        fields.length === 0 ? "it has no field" : `its record has ${end} bytes`
      }`,
    );
  }
  const byName = new Map(fields.map((field) => [field.name, field]));
  return { name: "tracepoint", size: end, fields, byName };
}
