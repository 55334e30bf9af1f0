/**
 * Which line of source an instruction was compiled from.
 *
 * @module
 */

import type { CodeSection, LineRecord, Program } from "./program.ts";

/** A place in a source file. */
export interface SourceLine {
  /** Name of the file as the compiler was given it. */
  readonly file: string;
  /** Line, from 1. */
  readonly line: number;
  /** Column, from 1; 0 if unknown. */
  readonly column: number;
  /** Text of the line, without the white space around it; empty if unknown. */
  readonly text: string;
}

/**
 * Finds the source line of an instruction.
 *
 * @param program The program.
 * @param section Its section.
 * @param slot Slot of the instruction in the section.
 * @returns The line, or null if the object does not tell.
 */
export function sourceLineAt(
  program: Program,
  section: CodeSection,
  slot: number,
): SourceLine | null {
  const strings = program.elf?.btf?.strings;
  const record = recordAt(section.lines, slot);
  if (strings === undefined || record === null) return null;
  return {
    file: strings.at(record.fileOffset),
    line: record.lineColumn >>> 10,
    column: record.lineColumn & 0x3ff,
    text: strings.at(record.textOffset).trim(),
  };
}

/** The last record at or before a slot. */
function recordAt(lines: readonly LineRecord[], slot: number): LineRecord | null {
  let low = 0, high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle].slot <= slot) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? null : lines[low - 1];
}
