/**
 * `.BTF.ext` after code moved: its records follow their instructions.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import {
  type BtfExt,
  EXT_TABLES,
  type ExtBlock,
  type ExtRecord,
  type ExtTable,
  type ExtTableName,
} from "./btf_ext.ts";
import type { ElfObject } from "./elf_object.ts";
import type { Layout, PlacedFunction, SectionLayout } from "./layout.ts";
import type { CoreRecord, FunctionCode } from "./program.ts";

/** A record in another place. */
const at = ({ place, bytes }: ExtRecord, offset: number): ExtRecord => ({
  at: offset,
  place,
  bytes,
});

/**
 * The lines of new code. A line's record is at its first instruction; another is needed wherever an instruction comes
 * behind one of another line, and at the start of the function, where the kernel demands one.
 */
function linesOf(
  records: readonly ExtRecord[],
  placed: PlacedFunction,
  code: FunctionCode,
): ExtRecord[] {
  if (records.length === 0) return [];
  const lines: ExtRecord[] = [];
  const { slots } = placed;
  const governing = governingRecords(records, placed);
  let current = -1;
  for (let i = 0; i < code.insns.length; i++) {
    const origin = code.origins[i] - placed.oldStart;
    let index = origin >= 0 && origin < governing.length ? governing[origin] : current;
    if (index < 0) index = Math.max(current, 0);
    if (index === current) continue;
    let first = index;
    while (first > 0 && records[first - 1].at === records[index].at) first--;
    for (; first <= index; first++) {
      lines.push(at(records[first], (placed.newStart + slots[i]) * 8));
    }
    current = index;
  }
  return lines;
}

/** For each old slot of a function the index of the last record at or before it, -1 for none. */
function governingRecords(records: readonly ExtRecord[], placed: PlacedFunction): Int32Array {
  const governing = new Int32Array(placed.oldEnd - placed.oldStart);
  let index = -1;
  for (let slot = 0; slot < governing.length; slot++) {
    while (
      index + 1 < records.length && records[index + 1].at <= (placed.oldStart + slot) * 8
    ) index++;
    governing[slot] = index;
  }
  return governing;
}

/** `struct bpf_core_relo` anew; the part of a longer record that we do not know is zero. */
function encodeCore(core: CoreRecord, size: number, order: ByteOrder): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const little = order === "little";
  view.setUint32(4, core.typeId, little);
  view.setUint32(8, core.accessOffset, little);
  view.setUint32(12, core.kind, little);
  return bytes;
}

function coreOf(
  records: readonly ExtRecord[],
  placed: PlacedFunction,
  code: FunctionCode,
  size: number,
  order: ByteOrder,
): ExtRecord[] {
  if (code.core.size === 0) return [];
  const { slots } = placed;
  const pattern = new Map(records.map((record) => [record.at / 8, record]));
  // Any record of the section serves as the pattern of the relocation of one that comes from elsewhere.
  const spare = records.length > 0 ? records[0].place : -1;
  return [...code.core].sort((a, b) => a[0] - b[0]).map(([i, core]) => ({
    at: (placed.newStart + slots[i]) * 8,
    bytes: encodeCore(core, size, order),
    place: pattern.get(code.origins[i])?.place ?? spare,
  }));
}

/**
 * Moves the records about one code section.
 *
 * @param name The table that they are of.
 * @param block The records.
 * @param layout Where the code of the section goes.
 * @param size Bytes of each record.
 * @param order Byte order.
 * @returns The records in their new places, ascending.
 */
export function moveBlock(
  name: ExtTableName,
  block: ExtBlock,
  layout: SectionLayout,
  size: number,
  order: ByteOrder,
): ExtBlock {
  const sorted = [...block.records].sort((a, b) => a.at - b.at);
  const out: ExtRecord[] = [];
  let next = 0;
  for (const placed of layout.functions) {
    const first = next;
    while (next < sorted.length && sorted[next].at < placed.oldEnd * 8) next++;
    const records = sorted.slice(first, next);
    const { code } = placed;
    let moved: readonly ExtRecord[];
    if (code !== null && name === "line_info") moved = linesOf(records, placed, code);
    else if (code !== null && name === "core_relo") {
      moved = coreOf(records, placed, code, size, order);
    } else moved = records.map((record) => at(record, layout.movedByte(record.at)));
    for (const record of moved) out.push(record);
  }
  for (; next < sorted.length; next++) {
    out.push(at(sorted[next], layout.movedByte(sorted[next].at)));
  }
  return { nameOffset: block.nameOffset, records: out };
}

/**
 * Moves the records of `.BTF.ext` with their instructions.
 *
 * @param object The object.
 * @param ext Its records.
 * @param layout Where its code goes.
 * @returns The records in their new places; those of sections without new code are the same.
 */
export function moveRecords(object: ElfObject, ext: BtfExt, layout: Layout): BtfExt {
  const byName = new Map<string, SectionLayout>();
  for (const section of layout.sections) {
    if (!byName.has(section.section.name)) byName.set(section.section.name, section);
  }
  const tables: { [K in ExtTableName]: ExtTable | null } = { ...ext.tables };
  for (const name of EXT_TABLES) {
    const table = ext.tables[name];
    if (table === null) continue;
    const blocks = table.blocks.map((block) => {
      const section = byName.get(object.btf?.strings.at(block.nameOffset) ?? "");
      if (section === undefined || !section.changed) return block;
      return moveBlock(name, block, section, table.recordSize, object.order);
    }).filter((block) => block.records.length > 0);
    tables[name] = blocks.length === 0 ? null : { recordSize: table.recordSize, blocks };
  }
  return { ...ext, tables };
}
