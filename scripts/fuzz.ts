/**
 * Mutates real objects, dumps, assembly and `.epir`: each must give a result or an `EpassError` that says what failed
 * and where; no step may take 2 s or 1 GiB.
 *
 *     deno task fuzz [--seed N] [--first N] [--count N] [--kind object|dump|raw|asm|epir] [--no-shared] [--errors]
 *     deno task fuzz --seed N --case N [--kind K] [--no-shared] [--out FILE]
 *
 * A fault is printed with the second form, which repeats it and writes its input to a file. The inputs are those of
 * testdata and, where it is and unless told otherwise, of the shared corpus. `--errors` shows what was refused and why.
 * Ends with `N passed, N failed, N skipped`.
 *
 * @module
 */

import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../tests/support.ts";
import { type CaseReport, type Cases, mutant, runCase } from "./fuzz_case.ts";
import { Inputs, type Kind, KINDS } from "./fuzz_inputs.ts";
import { summaryLine } from "./tally.ts";

/** How long the worker may be silent before it counts as hung, in milliseconds. */
const SILENCE = 120_000;

/** What came of the cases of one kind. */
interface KindCount {
  cases: number;
  taken: number;
  refused: number;
}

/** The report of a round. */
class Round {
  readonly tally = { passed: 0, failed: 0, skipped: 0 };
  readonly #cases: Cases;
  readonly #kinds = new Map<Kind, KindCount>();
  readonly #refusals = new Map<string, { count: number; example: number }>();
  #slowest: CaseReport | null = null;
  #longest: CaseReport | null = null;
  #peak = 0;

  constructor(cases: Cases) {
    this.#cases = cases;
  }

  /** Counts a finished case. */
  add(report: CaseReport): void {
    const { kind, taken, faults, refusals, number, slowest, peak } = report;
    const count = this.#kinds.get(kind) ?? { cases: 0, taken: 0, refused: 0 };
    this.#kinds.set(kind, count);
    count.cases++;
    if (taken) count.taken++;
    else count.refused++;
    for (const refusal of refusals) this.#addRefusal(refusal, number);
    if (slowest.milliseconds > (this.#slowest?.slowest.milliseconds ?? 0)) this.#slowest = report;
    if (report.elapsed > (this.#longest?.elapsed ?? 0)) this.#longest = report;
    this.#peak = Math.max(this.#peak, peak);
    if (faults.length === 0) this.tally.passed++;
    else this.fail(number, `${kind} of ${relative(ROOT, report.name)}`, faults);
  }

  /** Counts and shows a case that failed. */
  fail(number: number, what: string, faults: readonly string[]): void {
    const { seed, kind, shared } = this.#cases;
    this.tally.failed++;
    const only = (kind === null ? "" : ` --kind ${kind}`) + (shared ? "" : " --no-shared");
    console.log(`failed: --seed ${seed} --case ${number}${only}: ${what}`);
    for (const fault of faults.slice(0, 4)) console.log(`  ${fault.slice(0, 2000)}`);
  }

  #addRefusal(refusal: string, number: number): void {
    const family = refusal.slice(0, 200).replace(/"(?:[^"\\]|\\.)*"?/g, '"…"')
      .replace(/0x[0-9a-f]+|\d+/g, "N");
    const known = this.#refusals.get(family);
    if (known === undefined) this.#refusals.set(family, { count: 1, example: number });
    else known.count++;
  }

  /** Shows the figures. */
  print(errors: boolean): void {
    for (const [kind, { cases, taken, refused }] of [...this.#kinds].sort()) {
      console.log(`${kind}: ${cases} mutations, ${taken} taken, ${refused} refused`);
    }
    if (errors) {
      const families = [...this.#refusals].sort(([, a], [, b]) => b.count - a.count);
      for (const [family, { count, example }] of families) {
        console.log(`${count} times, such as case ${example}: ${family}`);
      }
    }
    if (this.#slowest !== null && this.#longest !== null) {
      const { number, slowest: { step, milliseconds } } = this.#slowest;
      console.log(
        `the slowest step was "${step}" of case ${number}: ${milliseconds.toFixed(0)} ms`,
      );
      const { number: longest, elapsed } = this.#longest;
      console.log(`the longest case was ${longest}: ${elapsed.toFixed(0)} ms for all its steps`);
    }
    console.log(`the process held at most ${(this.#peak / 2 ** 20).toFixed(0)} MiB`);
  }
}

/** Runs cases in a worker until they are done or one hangs; returns the number of the next case. */
function runCases(round: Round, cases: Cases): Promise<number> {
  const worker = new Worker(new URL("./fuzz_worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve } = Promise.withResolvers<number>();
  let next = cases.first;
  const finish = (): void => {
    clearTimeout(timer);
    worker.terminate();
    resolve(next);
  };
  const fail = (fault: string): void => {
    round.fail(next++, "unknown", [fault]);
    finish();
  };
  const hang = (): void => fail(`no answer within ${SILENCE / 1000} s`);
  let timer = setTimeout(hang, SILENCE);
  worker.onerror = (event) => {
    event.preventDefault();
    fail(`the worker died: ${event.message}`);
  };
  worker.onmessage = ({ data }: MessageEvent<CaseReport>) => {
    clearTimeout(timer);
    round.add(data);
    next = data.number + 1;
    if (next >= cases.end) finish();
    else timer = setTimeout(hang, SILENCE);
  };
  worker.postMessage(cases);
  return promise;
}

/** Repeats one case here, and writes its input to a file if one is named. */
function repeatCase(round: Round, cases: Cases, out: string | undefined): void {
  const inputs = new Inputs(cases.shared);
  if (out !== undefined) writeFileSync(out, mutant(inputs, cases, cases.first).bytes);
  round.add(runCase(inputs, cases, cases.first));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args.filter((arg) => arg !== "--"),
    options: {
      seed: { type: "string", default: "1" },
      first: { type: "string", default: "0" },
      count: { type: "string", default: "2000" },
      case: { type: "string" },
      kind: { type: "string" },
      out: { type: "string" },
      "no-shared": { type: "boolean", default: false },
      errors: { type: "boolean", default: false },
    },
  });
  const kind = KINDS.find((known) => known === values.kind) ?? null;
  if (values.kind !== undefined && kind === null) throw new Error(`no kind ${values.kind}`);
  const first = Number(values.case ?? values.first);
  const end = first + (values.case === undefined ? Number(values.count) : 1);
  const shared = !values["no-shared"];
  const cases: Cases = { seed: Number(values.seed), first, end, kind, shared };
  const round = new Round(cases);
  console.log(
    `${end - first} mutations of ${new Inputs(cases.shared).count} files, seed ${cases.seed}`,
  );
  const start = performance.now();
  if (values.case !== undefined) repeatCase(round, cases, values.out);
  else for (let next = first; next < end;) next = await runCases(round, { ...cases, first: next });
  round.print(values.errors);
  console.log(`in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  console.log(summaryLine(round.tally));
  Deno.exitCode = round.tally.failed === 0 ? 0 : 1;
}

await main();
