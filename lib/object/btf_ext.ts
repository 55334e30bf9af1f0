/**
 * `.BTF.ext`: which function each subprogram is, source lines, and CO-RE relocations, by section and instruction
 * (docs.kernel.org/bpf/btf.html, "The .BTF.ext section"). The parsed form holds all that is needed to write the section
 * again after instructions moved.
 *
 * @module
 */

import { type ByteOrder, ByteReader } from "../bytes.ts";
import { DecodeError } from "../errors.ts";

/** The three tables of the section, in the order of the header. */
export const EXT_TABLES = ["func_info", "line_info", "core_relo"] as const;

/** Name of a table. */
export type ExtTableName = typeof EXT_TABLES[number];

/** Bytes of a record that this reader understands; longer records keep their rest. */
// deno-fmt-ignore
const RECORD_SIZE: { readonly [K in ExtTableName]: number } = { func_info: 8, line_info: 16, core_relo: 16 };

/** A record about one instruction. */
export interface ExtRecord {
  /** Offset in bytes of its instruction in its code section. */
  readonly at: number;
  /** Offset in `.BTF.ext` of the record as read, or of one like it that a relocation may patch; -1 for none. */
  readonly place: number;
  /** The record as encoded, its offset apart; null for the bytes at `place`. */
  readonly bytes: Uint8Array | null;
}

/** The records about one code section. */
export interface ExtBlock {
  /** Offset of the section's name in the BTF strings. */
  readonly nameOffset: number;
  /** The records in file order. */
  readonly records: readonly ExtRecord[];
}

/** One table of `.BTF.ext`. */
export interface ExtTable {
  /** Bytes of each record. */
  readonly recordSize: number;
  /** The records by section, in file order. */
  readonly blocks: readonly ExtBlock[];
}

/** The section, parsed. */
export interface BtfExt {
  /** Byte order. */
  readonly order: ByteOrder;
  /** The section as read. */
  readonly source: Uint8Array;
  /** Size in bytes of the header. */
  readonly headerSize: number;
  /** The tables; null where the header has none. */
  readonly tables: { readonly [K in ExtTableName]: ExtTable | null };
}

const EXT_MAGIC = 0xeb9f;

function readTable(
  bytes: Uint8Array,
  order: ByteOrder,
  name: ExtTableName,
  start: number,
  size: number,
): ExtTable {
  const end = start + size;
  const reader = new ByteReader(bytes.subarray(0, end), order, `.BTF.ext ${name}`, start);
  const recordSize = reader.u32();
  if (recordSize < RECORD_SIZE[name] || recordSize % 4 !== 0) {
    throw new DecodeError(`cannot read .BTF.ext ${name}: records of ${recordSize} bytes`, {
      section: ".BTF.ext",
      offset: start,
    });
  }
  const blocks: ExtBlock[] = [];
  while (reader.remaining > 0) {
    const nameOffset = reader.u32();
    const count = reader.u32();
    if (count * recordSize > reader.remaining) {
      throw new DecodeError(`cannot read .BTF.ext ${name}: ${count} records exceed the table`, {
        section: ".BTF.ext",
        offset: reader.offset - 4,
      });
    }
    const records: ExtRecord[] = [];
    for (let i = 0; i < count; i++) {
      const place = reader.offset;
      records.push({ at: reader.u32(), place, bytes: null });
      reader.offset = place + recordSize;
    }
    blocks.push({ nameOffset, records });
  }
  return { recordSize, blocks };
}

/**
 * Parses `.BTF.ext`.
 *
 * @param bytes The contents of the section.
 * @param order Byte order of the object.
 * @returns Its tables.
 * @throws {DecodeError} If it is malformed.
 */
export function readBtfExt(bytes: Uint8Array, order: ByteOrder): BtfExt {
  const reader = new ByteReader(bytes, order, ".BTF.ext header");
  const magic = reader.u16();
  if (magic !== EXT_MAGIC) {
    throw new DecodeError(`cannot read .BTF.ext: magic 0x${magic.toString(16)}`, {
      section: ".BTF.ext",
      offset: 0,
    });
  }
  reader.skip(2);
  const headerSize = reader.u32();
  if (headerSize < 24 || headerSize > bytes.length) {
    throw new DecodeError(`cannot read .BTF.ext: a header of ${headerSize} bytes`, {
      section: ".BTF.ext",
      offset: 4,
    });
  }
  const tables: { [K in ExtTableName]: ExtTable | null } = {
    func_info: null,
    line_info: null,
    core_relo: null,
  };
  for (const name of EXT_TABLES) {
    if (reader.offset + 8 > headerSize) break;
    const start = headerSize + reader.u32();
    const size = reader.u32();
    if (start + size > bytes.length) {
      throw new DecodeError(
        `cannot read .BTF.ext ${name}: ${size} bytes at offset ${start} exceed its ${bytes.length} bytes`,
        { section: ".BTF.ext", offset: start },
      );
    }
    if (size > 0) tables[name] = readTable(bytes, order, name, start, size);
  }
  return { order, source: bytes, headerSize, tables };
}

/** A `.BTF.ext` written anew. */
export interface WrittenBtfExt {
  /** The contents of the section. */
  readonly bytes: Uint8Array;
  /** For each record that stems from one that was read: where that was, and where it is now, ascending. */
  readonly moves: readonly { readonly from: number; readonly to: number }[];
}

/**
 * Writes `.BTF.ext`.
 *
 * @param ext The tables.
 * @returns The contents of the section, and where its records went.
 */
export function writeBtfExt(ext: BtfExt): WrittenBtfExt {
  const { headerSize, source } = ext;
  let size = headerSize;
  for (const name of EXT_TABLES) size += tableSize(ext.tables[name]);
  const bytes = new Uint8Array(size);
  bytes.set(source.subarray(0, headerSize));
  const view = new DataView(bytes.buffer);
  const little = ext.order === "little";
  const moves: { from: number; to: number }[] = [];
  let at = headerSize;
  EXT_TABLES.forEach((name, i) => {
    const table = ext.tables[name];
    if (8 + 8 * i + 8 > headerSize) return;
    view.setUint32(8 + 8 * i, at - headerSize, little);
    view.setUint32(12 + 8 * i, tableSize(table), little);
    if (table === null) return;
    view.setUint32(at, table.recordSize, little);
    at += 4;
    for (const block of table.blocks) {
      view.setUint32(at, block.nameOffset, little);
      view.setUint32(at + 4, block.records.length, little);
      at += 8;
      for (const record of block.records) {
        if (record.bytes !== null) bytes.set(record.bytes, at);
        else copy(bytes, at, source, record.place, table.recordSize);
        view.setUint32(at, record.at, little);
        if (record.place >= 0) moves.push({ from: record.place, to: at });
        at += table.recordSize;
      }
    }
  });
  return { bytes, moves };
}

/** Copies a record, too short for `set` to pay. */
function copy(to: Uint8Array, at: number, from: Uint8Array, place: number, size: number): void {
  for (let i = 0; i < size; i++) to[at + i] = from[place + i];
}

function tableSize(table: ExtTable | null): number {
  if (table === null) return 0;
  let size = 4;
  for (const block of table.blocks) size += 8 + block.records.length * table.recordSize;
  return size;
}
