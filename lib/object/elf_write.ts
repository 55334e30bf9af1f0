/**
 * Writes an object with new contents for some of its sections: all that lies behind moves, the rest stays to the byte.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import { ELF, type ElfFile, type ElfSection } from "./elf.ts";

/** A range of the file that stays together: one section, or several that overlap. */
interface Extent {
  readonly start: number;
  end: number;
  align: number;
  /** New contents; null for the bytes as they are. */
  contents: Uint8Array | null;
  /** Where it goes. */
  place: number;
}

const sizeOf = (extent: Extent): number => extent.contents?.length ?? extent.end - extent.start;

const inFile = (section: ElfSection): boolean =>
  section.type !== ELF.SHT_NULL && section.type !== ELF.SHT_NOBITS && section.size > 0;

/** The parts of the file in order: header, sections, section headers. */
function findExtents(file: ElfFile, contents: ReadonlyMap<number, Uint8Array>): Extent[] {
  const all: Extent[] = [];
  const add = (start: number, size: number, align: number, bytes: Uint8Array | null): void => {
    all.push({ start, end: start + size, align, contents: bytes, place: start });
  };
  add(0, ELF.EHDR_SIZE, 1, null);
  add(file.headersOffset, file.sections.length * ELF.SHDR_SIZE, 8, null);
  for (const section of file.sections) {
    if (!inFile(section)) continue;
    add(section.offset, section.size, section.align, contents.get(section.index) ?? null);
  }
  all.sort((a, b) => a.start - b.start || a.end - b.end);
  const merged: Extent[] = [];
  for (const extent of all) {
    const before = merged[merged.length - 1];
    if (before === undefined || extent.start >= before.end) {
      merged.push(extent);
      continue;
    }
    if (before.contents !== null || extent.contents !== null) {
      throw new UnsupportedError(
        `cannot write object: a section to change overlaps another at offset ${extent.start}`,
        { offset: extent.start },
      );
    }
    before.end = Math.max(before.end, extent.end);
    before.align = Math.max(before.align, extent.align);
  }
  return merged;
}

const alignUp = (offset: number, align: number): number => Math.ceil(offset / align) * align;

/** Assigns places; padding between parts is kept where it is more than alignment asks for. */
function place(extents: readonly Extent[], limit: number): number {
  let oldEnd = 0;
  let end = 0;
  for (const extent of extents) {
    // An alignment that the input does not keep is none.
    const align = extent.align > 1 && extent.start % extent.align === 0 ? extent.align : 1;
    const gap = extent.start - oldEnd;
    if (end === oldEnd) extent.place = extent.start;
    else extent.place = alignUp(gap < align ? end : end + gap, align);
    end = extent.place + sizeOf(extent);
    oldEnd = extent.end;
    if (end > limit) {
      throw new UnsupportedError(
        `cannot write object: its alignments need more than ${limit} bytes`,
      );
    }
  }
  return end;
}

/** Where a section without bytes of its own goes: it keeps its distance to the part before it. */
function movedPoint(extents: readonly Extent[], offset: number, align: number): number {
  let low = 0;
  let high = extents.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (extents[middle].start <= offset) low = middle;
    else high = middle - 1;
  }
  const extent = extents[low];
  if (offset < extent.end) return extent.place + Math.min(offset - extent.start, sizeOf(extent));
  const moved = offset - extent.end + extent.place + sizeOf(extent);
  return align > 1 && offset % align === 0 ? alignUp(moved, align) : moved;
}

/**
 * Writes an object with new contents for some sections.
 *
 * @param file The object as read.
 * @param contents New contents by section index; of sections that had some.
 * @returns The whole file.
 * @throws {UnsupportedError} If such a section overlaps another, or the file has program headers.
 */
export function writeElf(
  file: ElfFile,
  contents: ReadonlyMap<number, Uint8Array>,
): Uint8Array<ArrayBuffer> {
  if (contents.size === 0) return file.bytes.slice();
  if (file.segments > 0) {
    throw new UnsupportedError(`cannot write object: it has ${file.segments} program headers`);
  }
  let added = 0;
  for (const bytes of contents.values()) added += bytes.length;
  const extents = findExtents(file, contents);
  const last = extents[extents.length - 1];
  const tail = file.bytes.subarray(last.end);
  const end = place(extents, 2 * file.bytes.length + added + 0x1_0000);

  const out = new Uint8Array(end + tail.length);
  let oldEnd = 0;
  let newEnd = 0;
  for (const extent of extents) {
    const gap = file.bytes.subarray(oldEnd, extent.start);
    out.set(gap.subarray(0, extent.place - newEnd), newEnd);
    out.set(extent.contents ?? file.bytes.subarray(extent.start, extent.end), extent.place);
    oldEnd = extent.end;
    newEnd = extent.place + sizeOf(extent);
  }
  out.set(tail, newEnd);

  const view = new DataView(out.buffer);
  const little = file.order === "little";
  const headers = movedPoint(extents, file.headersOffset, 1);
  view.setBigUint64(40, BigInt(headers), little);
  for (const section of file.sections) {
    if (section.type === ELF.SHT_NULL) continue;
    const at = headers + section.index * ELF.SHDR_SIZE;
    const offset = movedPoint(extents, section.offset, inFile(section) ? 1 : section.align);
    view.setBigUint64(at + 24, BigInt(offset), little);
    const bytes = contents.get(section.index);
    if (bytes !== undefined) view.setBigUint64(at + 32, BigInt(bytes.length), little);
  }
  return out;
}
