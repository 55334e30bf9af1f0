/**
 * The whole corpus before the running kernel, original and rewritten: what is accepted, and the verifier's work.
 * Needs root and libbpf.
 *
 * `deno run --allow-read --allow-env --allow-ffi scripts/kernel_corpus.ts [--json FILE] [FILTER...]`
 *
 * A filter is a part of a path; with any, no target counts.
 *
 * @module
 */

import { compileProgram } from "../lib/compile.ts";
import { EpassError } from "../lib/errors.ts";
import { Kernel } from "../lib/kernel/kernel.ts";
import type { Verdict } from "../lib/kernel/verdict.ts";
import { loadProgram } from "../lib/object/load.ts";
import { CORPUS, dumpRows, functionOf, objectRows, type Row } from "./kernel_rows.ts";

/** What must be reached, for the objects and for the dumps. */
const TARGETS = { objects: 335, dumps: 160, sumRatio: 1.02, worstRatio: 1.5 } as const;

/** A program before the kernel. */
interface Outcome extends Row {
  readonly original: Verdict | string;
  readonly rewritten: Verdict | string | null;
}

/** The kernel's verdict, or why it could not be asked. */
function verdictOf(kernel: Kernel, bytes: Uint8Array, row: Row): Verdict | string {
  try {
    const program = loadProgram(bytes);
    const { verdict, loaded } = kernel.load(program, functionOf(program, row.program), row.options);
    loaded?.close();
    return verdict;
  } catch (error) {
    if (error instanceof EpassError) return error.message;
    throw error;
  }
}

const accepted = (verdict: Verdict | string | null): verdict is Verdict =>
  verdict !== null && typeof verdict !== "string" && verdict.accepted;

const reasonOf = (verdict: Verdict | string): string =>
  typeof verdict === "string" ? verdict : verdict.reason;

function judgeRows(kernel: Kernel, rows: readonly Row[]): Outcome[] {
  const rewrites = new Map<string, Uint8Array>();
  return rows.map((row) => {
    const bytes = Deno.readFileSync(`${CORPUS}/${row.input}`);
    const original = verdictOf(kernel, bytes, row);
    if (!accepted(original)) return { ...row, original, rewritten: null };
    let rewrite = rewrites.get(row.input);
    if (rewrite === undefined) {
      rewrite = compileProgram(loadProgram(bytes)).bytes;
      rewrites.set(row.input, rewrite);
    }
    const options = { ...row.options, type: original.type };
    return { ...row, original, rewritten: verdictOf(kernel, rewrite, { ...row, options }) };
  });
}

/** Prints a table of a group, and returns what falls short of the targets. */
function report(name: string, outcomes: readonly Outcome[], least: number): string[] {
  const short: string[] = [];
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
  if (loaded.length < least) short.push(`${name}: fewer than ${least} originals accepted`);
  if (kept < loaded.length) short.push(`${name}: ${loaded.length - kept} rewrites refused`);
  if (after > before * TARGETS.sumRatio) short.push(`${name}: processed more than 1.02 times`);
  if (worst > TARGETS.worstRatio) short.push(`${name}: one program processed more than 1.5 times`);
  return short;
}

if (import.meta.main) {
  const at = Deno.args.indexOf("--json");
  const filters = Deno.args.filter((_, i) => at < 0 || i !== at && i !== at + 1);
  const wanted = ({ input }: Row) => filters.length === 0 || filters.some((f) => input.includes(f));
  const kernel = new Kernel();
  const objects = judgeRows(kernel, objectRows().filter(wanted));
  const dumps = judgeRows(kernel, dumpRows().filter(wanted));
  kernel.close();
  const short = [
    ...report("objects", objects, TARGETS.objects),
    ...report("dumps", dumps, TARGETS.dumps),
  ];
  if (at >= 0) Deno.writeTextFileSync(Deno.args[at + 1], JSON.stringify([...objects, ...dumps]));
  if (filters.length === 0 && short.length > 0) {
    console.log(short.join("\n"));
    Deno.exit(1);
  }
}
