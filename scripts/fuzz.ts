/**
 * Mutates real objects, dumps, assembly and `.epir`: each must give a result or an `EpassError` that says where, within
 * 2 s and 1 GiB.
 *
 *     deno task fuzz [--seed N] [--first N] [--count N]
 *
 * A fault is printed with its case; `--seed S --first CASE --count 1` repeats it. Objects come from testdata and, where
 * it is there, from the shared corpus. Ends with `N passed, N failed, N skipped`.
 *
 * @module
 */

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { filesUnder, ROOT, SHARED } from "../tests/support.ts";
import type { FuzzOrder, FuzzReport } from "./fuzz_worker.ts";
import { summaryLine } from "./tally.ts";

/** Larger files say little more and take longer. */
const MAX_FILE = 100_000;
/** How long the worker may be silent before it counts as hung, in milliseconds. */
const SILENCE = 20_000;

/** The number behind a flag. */
function option(name: string, otherwise: number): number {
  const at = Deno.args.indexOf(name);
  return at < 0 ? otherwise : Number(Deno.args[at + 1]);
}

/** The files to mutate, sorted. */
function inputFiles(): string[] {
  const files = filesUnder(join(ROOT, "testdata", "objects"), ".o");
  const corpus = join(SHARED, "corpus");
  if (existsSync(corpus)) {
    files.push(...filesUnder(corpus, ".o"), ...filesUnder(join(corpus, "dumps"), ".txt"));
  }
  return files.filter((file) => statSync(file).size <= MAX_FILE);
}

const tally = { passed: 0, failed: 0, skipped: 0 };
let taken = 0;

/** Runs cases in a worker until they are done or one hangs; returns the number of the next case. */
function runCases(order: FuzzOrder): Promise<number> {
  const worker = new Worker(new URL("./fuzz_worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve } = Promise.withResolvers<number>();
  let next = order.first;
  const finish = (): void => {
    clearTimeout(timer);
    worker.terminate();
    resolve(next);
  };
  const fail = (what: string): void => {
    tally.failed++;
    console.log(`case ${next} (seed ${order.seed}): ${what}`);
    next++;
    finish();
  };
  const hang = (): void => fail(`no answer within ${SILENCE / 1000} s`);
  let timer = setTimeout(hang, SILENCE);
  worker.onerror = (event) => {
    event.preventDefault();
    fail(`the worker died: ${event.message}`);
  };
  worker.onmessage = ({ data }: MessageEvent<FuzzReport>) => {
    clearTimeout(timer);
    if (data.taken) taken++;
    if (data.fault === "") tally.passed++;
    else {
      tally.failed++;
      console.log(`case ${data.number} (seed ${order.seed}), ${data.what}: ${data.fault}`);
    }
    next = data.number + 1;
    if (next >= order.end) finish();
    else timer = setTimeout(hang, SILENCE);
  };
  worker.postMessage(order);
  return promise;
}

const seed = option("--seed", 1), first = option("--first", 0);
const end = first + option("--count", 2000);
const files = inputFiles();
console.log(`${end - first} mutations of ${files.length} files, seed ${seed}`);
const start = performance.now();
for (let next = first; next < end;) next = await runCases({ files, seed, first: next, end });
const seconds = ((performance.now() - start) / 1000).toFixed(0);
console.log(`${taken} inputs were taken, the others refused, in ${seconds} s`);
console.log(summaryLine(tally));
Deno.exitCode = tally.failed === 0 ? 0 : 1;
