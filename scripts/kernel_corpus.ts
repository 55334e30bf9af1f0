/**
 * The whole corpus before the running kernel, original and rewritten: what is accepted, and the verifier's work.
 * Needs root and libbpf.
 *
 * `deno run -P=kernel scripts/kernel_corpus.ts [--json FILE] [--registers MASK] [FILTER...]`
 *
 * A filter is a part of a path; with any, no target counts. A mask of fewer registers than all puts the allocator and
 * its spills before the verifier.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { equalBytes } from "../lib/bytes.ts";
import { type CompileOptions, compileProgram } from "../lib/compile.ts";
import { EpassError } from "../lib/errors.ts";
import type { Kernel } from "../lib/kernel/kernel.ts";
import type { Translation } from "../lib/kernel/bpf.ts";
import type { Verdict } from "../lib/kernel/verdict.ts";
import { loadProgram } from "../lib/object/load.ts";
import { CORPUS, dumpRows, functionOf, objectRows, openKernel, type Row } from "./kernel_rows.ts";
import { summaryLine } from "./tally.ts";

/** What must be reached, for the objects and for the dumps. */
const TARGETS = { objects: 335, dumps: 160, sumRatio: 1.02, worstRatio: 1.5 } as const;

/** A program before the kernel. */
interface Outcome extends Row {
  readonly original: Verdict | string;
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
      return { verdict, translation: kernel.bpf.translation(loaded.fd) };
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

const accepted = (verdict: Verdict | string | null): verdict is Verdict =>
  verdict !== null && typeof verdict !== "string" && verdict.accepted;

const reasonOf = (verdict: Verdict | string): string =>
  typeof verdict === "string" ? verdict : verdict.reason;

function judgeRows(kernel: Kernel, rows: readonly Row[], options: CompileOptions): Outcome[] {
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

/** How a group fared. */
interface Report {
  /** Programs accepted after the rewrite. */
  readonly kept: number;
  /** Targets that were missed. */
  readonly missed: readonly string[];
}

/** Prints the figures of a group, and each program that falls short. */
function report(name: string, outcomes: readonly Outcome[], least: number): Report {
  const missed: string[] = [];
  const loaded = outcomes.filter((o) => accepted(o.original));
  for (const { input, program, original } of outcomes) {
    if (!accepted(original)) {
      console.log(`original refused: ${input} ${program}: ${reasonOf(original)}`);
    }
  }
  let before = 0, after = 0, worst = 0, kept = 0;
  for (const { input, program, original, rewritten } of loaded) {
    if (!accepted(rewritten)) {
      console.log(`rewrite refused: ${input} ${program}: ${reasonOf(rewritten!)}`);
      continue;
    }
    const [was, is] = [(original as Verdict).statistics.processed, rewritten.statistics.processed];
    kept++;
    before += was;
    after += is;
    worst = Math.max(worst, is / was);
    if (is > was * 1.05) console.log(`more work: ${input} ${program}: ${was} -> ${is}`);
  }
  console.log(
    `${name}: ${loaded.length} of ${outcomes.length} originals accepted, ${kept} after the rewrite; ` +
      `processed ${before} -> ${after} (${(after / before).toFixed(4)}), worst ${worst.toFixed(3)}`,
  );
  const changed = loaded.filter(({ differs }) => differs.length > 0);
  for (const { input, program, differs } of changed) {
    console.log(`differs in the kernel: ${input} ${program}: ${differs.join(", ")}`);
  }
  const lines = changed.filter(({ differs }) => differs.includes("lines")).length;
  console.log(
    `${name}: of ${kept}, the kernel holds the same instructions, functions and lines for ${
      kept - changed.length
    }; other source lines for ${lines}`,
  );
  if (loaded.length < least) missed.push(`${name}: fewer than ${least} originals accepted`);
  if (kept < loaded.length) missed.push(`${name}: ${loaded.length - kept} rewrites refused`);
  if (after > before * TARGETS.sumRatio) missed.push(`${name}: processed more than 1.02 times`);
  if (worst > TARGETS.worstRatio) missed.push(`${name}: one program processed more than 1.5 times`);
  return { kept, missed };
}

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { json: { type: "string" }, registers: { type: "string" } },
});
const wanted = ({ input }: Row): boolean =>
  positionals.length === 0 || positionals.some((filter) => input.includes(filter));
const options = values.registers === undefined ? {} : { registers: Number(values.registers) };
const kernel = openKernel();
const objects = judgeRows(kernel, objectRows().filter(wanted), options);
const dumps = judgeRows(kernel, dumpRows().filter(wanted), options);
kernel.close();
const reports = [
  report("objects", objects, TARGETS.objects),
  report("dumps", dumps, TARGETS.dumps),
];
if (values.json !== undefined) {
  Deno.writeTextFileSync(values.json, JSON.stringify([...objects, ...dumps]));
}
const missed = positionals.length > 0 ? [] : reports.flatMap(({ missed }) => missed);
for (const target of missed) console.log(`missed: ${target}`);
const passed = reports.reduce((sum, { kept }) => sum + kept, 0);
console.log(summaryLine({ passed, failed: missed.length, skipped: 0 }));
Deno.exit(missed.length === 0 ? 0 : 1);
