/**
 * Programs of the corpus before the running kernel, original and rewritten.
 *
 * @module
 */

import { equalBytes } from "../lib/bytes.ts";
import { type CompileOptions, compileProgram } from "../lib/compile.ts";
import { EpassError } from "../lib/errors.ts";
import type { Kernel } from "../lib/kernel/kernel.ts";
import type { Translation } from "../lib/kernel/bpf_programs.ts";
import type { Verdict } from "../lib/kernel/verdict.ts";
import { loadProgram } from "../lib/object/load.ts";
import { CORPUS, dumpRows, functionOf, objectRows, openKernel, type Row } from "./kernel_rows.ts";

/** A program before the kernel. */
export interface Outcome extends Row {
  /** Verdict on the original, or why there is none. */
  readonly original: Verdict | string;
  /** The same of the rewrite; null if the original was not accepted. */
  readonly rewritten: Verdict | string | null;
  /** What the kernel holds differs: `instructions`, `functions`, `lines`; empty if nothing does. */
  readonly differs: readonly string[];
}

/** The kernel's verdict, or why it could not be asked, and what it made of the program. */
interface Judged {
  readonly verdict: Verdict | string;
  readonly translation: Translation | null;
}

function judge(kernel: Kernel, bytes: Uint8Array, row: Row): Judged {
  try {
    const program = loadProgram(bytes);
    const { verdict, loaded } = kernel.load(program, functionOf(program, row.program), row.options);
    if (loaded === null) return { verdict, translation: null };
    try {
      return { verdict, translation: kernel.bpf.programs.translation(loaded.fd) };
    } finally {
      loaded.close();
    }
  } catch (error) {
    if (error instanceof EpassError) return { verdict: error.message, translation: null };
    throw error;
  }
}

/** Instructions without the ids of maps, which differ from load to load. */
function withoutMapIds(insns: Uint8Array): Uint8Array {
  const result = insns.slice();
  for (let at = 0; at < result.length; at += 8) {
    const source = result[at + 1] >> 4;
    if (result[at] === 0x18 && (source === 1 || source === 2)) result.fill(0, at + 4, at + 8);
  }
  return result;
}

/** func_info or line_info without instruction offsets, which move when the code before them does. */
function withoutOffsets(records: Uint8Array, size: number): Uint8Array {
  const result = records.slice();
  for (let at = 0; at < result.length; at += size) result.fill(0, at, at + 4);
  return result;
}

/** Which parts of two translations differ: instructions (CO-RE values among them), func_info, line_info. */
function differences(a: Translation | null, b: Translation | null): string[] {
  if (a === null || b === null) return [];
  const parts: string[] = [];
  if (!equalBytes(withoutMapIds(a.insns), withoutMapIds(b.insns))) parts.push("instructions");
  const differ = (x: Uint8Array, y: Uint8Array, size: number): boolean =>
    !equalBytes(withoutOffsets(x, size), withoutOffsets(y, size));
  if (differ(a.functions, b.functions, 8)) parts.push("functions");
  if (differ(a.lines, b.lines, 16)) parts.push("lines");
  return parts;
}

/** Whether a verdict is one, and accepts. */
export const accepted = (verdict: Verdict | string | null): verdict is Verdict =>
  verdict !== null && typeof verdict !== "string" && verdict.accepted;

/** Why a program was not accepted. */
export const reasonOf = (verdict: Verdict | string): string =>
  typeof verdict === "string" ? verdict : verdict.reason;

/**
 * Judges programs and their rewrites.
 *
 * @param kernel The kernel.
 * @param rows The programs.
 * @param options How to rewrite.
 * @returns What the kernel says of each.
 */
export function judgeRows(
  kernel: Kernel,
  rows: readonly Row[],
  options: CompileOptions,
): Outcome[] {
  const rewrites = new Map<string, Uint8Array>();
  return rows.map((row) => {
    const bytes = Deno.readFileSync(`${CORPUS}/${row.input}`);
    const { verdict: original, translation } = judge(kernel, bytes, row);
    if (!accepted(original)) return { ...row, original, rewritten: null, differs: [] };
    let rewrite = rewrites.get(row.input);
    if (rewrite === undefined) {
      rewrite = compileProgram(loadProgram(bytes), options).bytes;
      rewrites.set(row.input, rewrite);
    }
    const as = { ...row.options, type: original.type };
    const after = judge(kernel, rewrite, { ...row, options: as });
    const differs = differences(translation, after.translation);
    return { ...row, original, rewritten: after.verdict, differs };
  });
}

/**
 * Prints what the kernel says of the rewritten corpus.
 *
 * @param options How to rewrite.
 * @param filters Parts of paths; empty for all.
 */
export function judgeCorpus(options: CompileOptions, filters: readonly string[]): void {
  const wanted = ({ input }: Row): boolean =>
    filters.length === 0 || filters.some((filter) => input.includes(filter));
  const kernel = openKernel();
  for (const [name, rows] of [["objects", objectRows()], ["dumps", dumpRows()]] as const) {
    const outcomes = judgeRows(kernel, rows.filter(wanted), options)
      .filter(({ original }) => accepted(original));
    let before = 0, after = 0, jitBefore = 0, jitAfter = 0, kept = 0, worst = 0, grown = 0;
    for (const { input, program, original, rewritten } of outcomes) {
      if (!accepted(original)) continue;
      if (!accepted(rewritten)) {
        console.log(`rewrite refused: ${input} ${program}: ${reasonOf(rewritten!)}`);
        continue;
      }
      kept++;
      const [was, is] = [original.statistics.processed, rewritten.statistics.processed];
      before += was;
      after += is;
      jitBefore += original.jitedBytes;
      jitAfter += rewritten.jitedBytes;
      worst = Math.max(worst, is / was);
      if (is > was * 1.1) {
        grown++;
        console.log(`more work: ${input} ${program}: ${was} -> ${is}`);
      }
    }
    console.log(
      `${name}: ${outcomes.length} accepted, ${kept} after; processed ${before} -> ${after} (${
        percent(after / before)
      }), worst ${worst.toFixed(3)}, ${grown} above 1.1; JITed bytes ${jitBefore} -> ${jitAfter} (${
        percent(jitAfter / jitBefore)
      })`,
    );
  }
  kernel.close();
}

const percent = (ratio: number): string => `${((ratio - 1) * 100).toFixed(2)}%`;
