/**
 * Every program of the corpus that the kernel can run, original and rewritten, on the same random inputs: return value,
 * output bytes and map contents. Needs root and libbpf.
 *
 * `deno run -P=kernel scripts/kernel_runs.ts [-O2] [--passes LIST] [--count N] [--seed S] [FILTER...]`
 *
 * @module
 */

import { parseArgs } from "node:util";
import { compileProgram } from "../lib/compile.ts";
import { EpassError } from "../lib/errors.ts";
import { compareTestRuns } from "../lib/kernel/test_run.ts";
import { loadProgram } from "../lib/object/load.ts";
import type { Program } from "../lib/object/program.ts";
import { CORPUS, dumpRows, functionOf, objectRows, openKernel } from "./kernel_rows.ts";
import { REWRITE_ARGUMENTS, rewriteOptions, spelledOut } from "./rewrite_options.ts";
import { summaryLine } from "./tally.ts";

const { values, positionals } = parseArgs({
  args: spelledOut(Deno.args),
  allowPositionals: true,
  options: {
    count: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    ...REWRITE_ARGUMENTS,
  },
});
const count = Number(values.count), seed = Number(values.seed);
const options = rewriteOptions(values);

const pairs = new Map<string, { original: Program; rewritten: Program }>();

/** An input and its rewrite. */
function pairOf(input: string): { original: Program; rewritten: Program } {
  let pair = pairs.get(input);
  if (pair === undefined) {
    const original = loadProgram(Deno.readFileSync(`${CORPUS}/${input}`));
    const rewritten = loadProgram(compileProgram(original, options).bytes, {
      from: original.format,
    });
    pair = { original, rewritten };
    pairs.set(input, pair);
  }
  return pair;
}

const kernel = openKernel();
const refusals = new Map<string, number>();
let programs = 0, runs = 0, unstable = 0, maps = 0, differing = 0;
for (const { input, program, options } of [...objectRows(), ...dumpRows()]) {
  if (positionals.length > 0 && !positionals.some((filter) => input.includes(filter))) continue;
  const { original, rewritten } = pairOf(input);
  try {
    const compared = compareTestRuns(
      kernel,
      { program: original, fn: functionOf(original, program) },
      { program: rewritten, fn: functionOf(rewritten, program) },
      { ...options, count, seed },
    );
    programs++;
    runs += compared.runs;
    unstable += compared.unstable;
    maps += compared.maps;
    if (compared.differences.length === 0) continue;
    differing++;
    console.log(`differs: ${input} ${program}: ${compared.differences.slice(0, 4).join("; ")}`);
  } catch (error) {
    if (!(error instanceof EpassError)) throw error;
    const reason = error.message.replace(/^cannot (\w+) [^:]*/, "cannot $1");
    refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
  }
}
kernel.close();
for (const [reason, n] of refusals) console.log(`${n} programs: ${reason}`);
console.log(
  `${programs} programs, ${runs} inputs run, ${unstable} on which the original differs from itself, ` +
    `${maps} maps compared, ${differing} programs differ`,
);
console.log(summaryLine({ passed: programs - differing, failed: differing, skipped: 0 }));
Deno.exit(differing === 0 ? 0 : 1);
