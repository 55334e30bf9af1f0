/**
 * The whole corpus before the running kernel, original and rewritten: what is accepted, and the verifier's work.
 * Needs root and libbpf.
 *
 * `deno run -P=kernel scripts/kernel_corpus.ts [-O2] [--passes LIST] [--registers MASK] [--json FILE] [FILTER...]`
 *
 * A filter is a part of a path; with any, no target counts. A mask of fewer registers than all puts the allocator and
 * its spills before the verifier.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { Verdict } from "../lib/kernel/verdict.ts";
import { accepted, judgeRows, type Outcome, reasonOf } from "./kernel_judge.ts";
import { dumpRows, objectRows, openKernel, type Row } from "./kernel_rows.ts";
import { REWRITE_ARGUMENTS, rewriteOptions, spelledOut } from "./rewrite_options.ts";
import { summaryLine } from "./tally.ts";

/** What must be reached, for the objects and for the dumps. */
const TARGETS = { objects: 361, dumps: 160, sumRatio: 1.02, worstRatio: 1.5 } as const;

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
  args: spelledOut(Deno.args),
  allowPositionals: true,
  options: { json: { type: "string" }, ...REWRITE_ARGUMENTS },
});
const wanted = ({ input }: Row): boolean =>
  positionals.length === 0 || positionals.some((filter) => input.includes(filter));
const options = rewriteOptions(values);
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
