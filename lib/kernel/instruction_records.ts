/**
 * func_info and line_info of a linked program: records of the object's sections, moved to where the code is.
 *
 * @module
 */

import { slotTable } from "../isa/instruction.ts";
import type { Linked } from "../object/link.ts";
import type { Program, ProgramFunction } from "../object/program.ts";
import type { Records } from "./bpf_programs.ts";
import { buffer } from "./native.ts";

/** What the kernel is told about the instructions of a program. */
export interface ProgramRecords {
  /** The type of each function; null if one is unknown. */
  readonly functions: Records | null;
  /** Source lines; null if a function has none at its start. */
  readonly lines: Records | null;
}

function encodeWords(rows: readonly (readonly number[])[], width: number): Records {
  const bytes = buffer(rows.length * width * 4);
  const view = new DataView(bytes.buffer);
  rows.forEach((row, i) =>
    row.forEach((word, j) => view.setUint32(4 * (i * width + j), word, true))
  );
  return { bytes, recordSize: width * 4 };
}

/** BTF ids of functions, by section name and slot. */
function functionTypes(program: Program): Map<string, Map<number, number>> {
  const types = new Map<string, Map<number, number>>();
  const { btf, btfExt } = program.elf ?? { btf: null, btfExt: null };
  if (btf === null || btfExt === null) return types;
  const view = new DataView(btfExt.source.buffer, btfExt.source.byteOffset);
  for (const block of btfExt.tables.func_info?.blocks ?? []) {
    const bySlot = new Map(
      block.records.map(({ at, place }) => [at / 8, view.getUint32(place + 4, true)]),
    );
    types.set(btf.strings.at(block.nameOffset), bySlot);
  }
  return types;
}

/** The lines of a function that takes slots `start` to `end` of the program; null if none is at its start. */
function functionLines(fn: ProgramFunction, start: number, end: number): number[][] | null {
  const { section, first } = fn;
  const from = section.slots[first];
  const to = from + end - start;
  const lines = section.lines.filter(({ slot }) => slot >= from && slot < to);
  if (lines[0]?.slot !== from) return null;
  return lines.map((line) => [
    line.slot - from + start,
    line.fileOffset,
    line.textOffset,
    line.lineColumn,
  ]);
}

/**
 * Moves the records of an object to a linked program.
 *
 * @param program The object.
 * @param linked The program.
 * @returns Its records.
 */
export function programRecords(program: Program, linked: Linked): ProgramRecords {
  const types = functionTypes(program);
  const functions: number[][] = [];
  let lines: number[][] | null = [];
  const starts = [...linked.starts];
  const size = slotTable(linked.insns)[linked.insns.length];
  for (let i = 0; i < starts.length; i++) {
    const [start, fn] = starts[i];
    const type = types.get(fn.section.name)?.get(fn.section.slots[fn.first]);
    if (type === undefined) return { functions: null, lines: null };
    functions.push([start, type]);
    const own = functionLines(fn, start, starts[i + 1]?.[0] ?? size);
    lines = lines === null || own === null ? null : lines.concat(own);
  }
  return {
    functions: encodeWords(functions, 2),
    lines: lines === null ? null : encodeWords(lines, 4),
  };
}
