/**
 * The format `linked`: one program as BPF_PROG_LOAD takes it, instructions with their func_info and line_info, and the
 * BTF that these refer to. It is how a loader hands a program over and gets it back.
 *
 * ```text
 * 0   magic: "EPLK" in a little-endian file     16  number and size of func_info records
 * 4   version, 1                                24  number and size of line_info records
 * 8   number of instruction slots               32  name, 16 bytes, zero-padded
 * 12  size of the BTF
 * ```
 *
 * The header's numbers are words of 32 bits; sizes are in bytes. The instructions, both tables of records and the BTF
 * follow without padding. The first word of a record is the slot of its instruction (linux/bpf.h, bpf_func_info).
 *
 * @module
 */

import { type ByteOrder, ByteReader, concatBytes, cString } from "../bytes.ts";
import { DecodeError } from "../errors.ts";
import { decode } from "../isa/codec.ts";
import { slotTable } from "../isa/instruction.ts";
import { Btf } from "./btf.ts";
import type { ExtRecord } from "./btf_ext.ts";
import { type FunctionSymbol, paramsOf, type RawCode } from "./code_section.ts";
import type { SectionLayout } from "./layout.ts";
import type { LineRecord } from "./program.ts";
import { moveBlock } from "./rewrite_records.ts";

const MAGIC = 0x4b4c5045, VERSION = 1, HEADER_SIZE = 48, NAME_AT = 32, NAME_SIZE = 16;

/** Least bytes of a record: struct bpf_func_info, struct bpf_line_info. */
const RECORD_SIZE = { functions: 8, lines: 16 } as const;

/** Linkage of a BTF function that is global (BTF_FUNC_GLOBAL), in its vlen. */
const GLOBAL = 1;

/** Records about instructions. */
interface RecordTable {
  /** Bytes of each record. */
  readonly recordSize: number;
  /** The records, encoded, ascending by slot. */
  readonly bytes: Uint8Array;
}

/** A linked program, taken apart. */
export interface LinkedProgram {
  /** Byte order. */
  readonly order: ByteOrder;
  /** Name of the program; may be empty. */
  readonly name: string;
  /** The instructions, encoded. */
  readonly insns: Uint8Array;
  /** func_info. */
  readonly functions: RecordTable;
  /** line_info. */
  readonly lines: RecordTable;
  /** Contents of `.BTF`; empty for none. */
  readonly btf: Uint8Array;
}

const NO_RECORDS: RecordTable = { recordSize: 0, bytes: new Uint8Array(0) };

/** The byte order in which the bytes start with the magic, null if in none. */
function orderOf(bytes: Uint8Array): ByteOrder | null {
  if (bytes.length < 4) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0, true) === MAGIC) return "little";
  return view.getUint32(0, false) === MAGIC ? "big" : null;
}

/**
 * Recognises the format.
 *
 * @param bytes An input.
 * @returns Whether it starts as a linked program does.
 */
export function isLinked(bytes: Uint8Array): boolean {
  return orderOf(bytes) !== null;
}

function checkRecords(what: string, count: number, size: number, least: number): void {
  if (count > 0 && (size < least || size % 4 !== 0)) {
    throw new DecodeError(`cannot read linked program: ${what} records of ${size} bytes`);
  }
}

/**
 * Takes a linked program apart.
 *
 * @param bytes The input.
 * @returns Its parts, views of `bytes`.
 * @throws {DecodeError} If it is malformed.
 */
export function readLinked(bytes: Uint8Array): LinkedProgram {
  const order = orderOf(bytes);
  if (order === null) {
    throw new DecodeError("cannot read linked program: it does not start with EPLK", { offset: 0 });
  }
  const reader = new ByteReader(bytes, order, "linked program", 4);
  const version = reader.u32();
  if (version !== VERSION) {
    throw new DecodeError(`cannot read linked program: version ${version} is not known`, {
      offset: 4,
    });
  }
  const slots = reader.u32(), btfSize = reader.u32();
  const functions = reader.u32(), functionSize = reader.u32();
  const lines = reader.u32(), lineSize = reader.u32();
  checkRecords("func_info", functions, functionSize, RECORD_SIZE.functions);
  checkRecords("line_info", lines, lineSize, RECORD_SIZE.lines);
  const name = cString(reader.take(NAME_SIZE), 0);
  return {
    order,
    name,
    insns: reader.take(slots * 8),
    functions: { recordSize: functionSize, bytes: reader.take(functions * functionSize) },
    lines: { recordSize: lineSize, bytes: reader.take(lines * lineSize) },
    btf: reader.take(btfSize),
  };
}

const countOf = ({ recordSize, bytes }: RecordTable): number =>
  recordSize === 0 ? 0 : bytes.length / recordSize;

/**
 * Puts a linked program together.
 *
 * @param linked Its parts.
 * @returns The bytes.
 */
export function encodeLinked(linked: LinkedProgram): Uint8Array {
  const { functions, lines } = linked;
  const header = new Uint8Array(HEADER_SIZE);
  const view = new DataView(header.buffer);
  const words = [
    MAGIC,
    VERSION,
    linked.insns.length / 8,
    linked.btf.length,
    countOf(functions),
    functions.recordSize,
    countOf(lines),
    lines.recordSize,
  ];
  words.forEach((word, i) => view.setUint32(4 * i, word, linked.order === "little"));
  header.set(new TextEncoder().encode(linked.name).subarray(0, NAME_SIZE - 1), NAME_AT);
  return concatBytes([header, linked.insns, functions.bytes, lines.bytes, linked.btf]);
}

/**
 * Makes a linked program of instructions alone.
 *
 * @param insns The instructions, encoded.
 * @param order Their byte order.
 * @param name Name of the program.
 * @returns The bytes; there are no records.
 */
export function encodeBareLinked(insns: Uint8Array, order: ByteOrder, name: string): Uint8Array {
  return encodeLinked({
    order,
    name,
    insns,
    functions: NO_RECORDS,
    lines: NO_RECORDS,
    btf: new Uint8Array(0),
  });
}

/** The words of each record of a table. */
function wordsOf({ recordSize, bytes }: RecordTable, order: ByteOrder): Uint32Array[] {
  if (recordSize === 0) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from(
    { length: bytes.length / recordSize },
    (_, i) =>
      Uint32Array.from(
        { length: recordSize / 4 },
        (_, j) => view.getUint32(i * recordSize + 4 * j, order === "little"),
      ),
  );
}

function symbolsOf(linked: LinkedProgram): Map<number, FunctionSymbol> {
  const btf = linked.btf.length === 0 ? null : new Btf(linked.btf, linked.order);
  const symbols = new Map<number, FunctionSymbol>();
  if (linked.name !== "") symbols.set(0, { name: linked.name, global: true, params: -1 });
  for (const [slot, id] of wordsOf(linked.functions, linked.order)) {
    const type = btf?.type(id);
    if (btf === null || type?.kind !== "func") continue;
    symbols.set(slot, { name: type.name, global: type.vlen === GLOBAL, params: paramsOf(btf, id) });
  }
  return symbols;
}

/**
 * Reads the code of a linked program.
 *
 * @param linked The program.
 * @returns Its code, named by its BTF.
 * @throws {DecodeError} If the BTF is malformed.
 */
export function readLinkedCode(linked: LinkedProgram): RawCode {
  const insns = decode(linked.insns, linked.order);
  const lines = wordsOf(linked.lines, linked.order).map((
    [slot, fileOffset, textOffset, lineColumn],
  ): LineRecord => ({ slot, fileOffset, textOffset, lineColumn }));
  return {
    name: "",
    elfIndex: -1,
    insns,
    slots: slotTable(insns),
    relocations: new Map(),
    core: new Map(),
    lines: lines.sort((a, b) => a.slot - b.slot),
    symbols: symbolsOf(linked),
    labels: new Map(),
  };
}

/** Records in the places where their instructions are now. */
function moveTable(
  name: "func_info" | "line_info",
  { recordSize, bytes }: RecordTable,
  layout: SectionLayout,
  order: ByteOrder,
): RecordTable {
  if (bytes.length === 0) return { recordSize, bytes };
  const little = order === "little";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: ExtRecord[] = [];
  for (let at = 0; at < bytes.length; at += recordSize) {
    const record = bytes.subarray(at, at + recordSize);
    records.push({ at: view.getUint32(at, little) * 8, place: -1, bytes: record });
  }
  const moved = moveBlock(name, { nameOffset: 0, records }, layout, recordSize, order).records;
  const out = new Uint8Array(moved.length * recordSize);
  const outView = new DataView(out.buffer);
  moved.forEach((record, i) => {
    out.set(record.bytes!, i * recordSize);
    outView.setUint32(i * recordSize, record.at / 8, little);
  });
  return { recordSize, bytes: out };
}

/**
 * Writes a linked program with new code; its records follow their instructions.
 *
 * @param linked The program as it was.
 * @param layout Where its code goes.
 * @param insns Its new instructions, encoded.
 * @returns The bytes.
 */
export function rewriteLinked(
  linked: LinkedProgram,
  layout: SectionLayout,
  insns: Uint8Array,
): Uint8Array {
  const { order } = linked;
  return encodeLinked({
    ...linked,
    insns,
    functions: moveTable("func_info", linked.functions, layout, order),
    lines: moveTable("line_info", linked.lines, layout, order),
  });
}
