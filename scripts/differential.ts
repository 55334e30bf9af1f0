/**
 * Random programs before and after lift → emit, with three sets of allocatable registers: the interpreter must see the
 * same r0, memory and faults. With a level or passes, they run in between; `--each` gives every pass its own turn.
 *
 * `deno run scripts/differential.ts [-O2] [--passes LIST] [--each] [COUNT] [FIRST-SEED]`
 */

import { parseArgs } from "node:util";
import type { CompileOptions } from "../lib/compile.ts";
import { type Level, PASSES } from "../lib/passes/pipeline.ts";
import { parsePasses } from "../lib/passes/selection.ts";
import { BUDGETS, compareRewritten } from "../tests/differential/rewritten.ts";

const { values, positionals } = parseArgs({
  args: Deno.args.map((arg) => arg.replace(/^-O/, "--level=")),
  allowPositionals: true,
  options: {
    level: { type: "string", default: "0" },
    passes: { type: "string" },
    each: { type: "boolean", default: false },
  },
});
const count = Number(positionals[0] ?? 10_000);
const first = Number(positionals[1] ?? 1);
const level: Level = values.level === "s" ? "s" : Number(values.level) as Level;
const lists = values.each ? PASSES.map(({ name }) => name) : [values.passes];
let failed = false;
for (const list of lists) {
  const passes = list === undefined ? {} : { passes: parsePasses(list, PASSES) };
  if (list !== undefined) console.log(`passes: ${list}`);
  if (compareAll({ level, ...passes }) > 0) failed = true;
}
if (failed) Deno.exit(1);

/** Compares programs of all seeds; returns how many differ. */
function compareAll(options: CompileOptions): number {
  let lifted = 0, verbatim = 0, faulted = 0, mismatches = 0;
  for (let seed = first; seed < first + count; seed++) {
    const result = compareRewritten(seed, options);
    lifted += result.lifted;
    verbatim += result.verbatim;
    if (result.faulted) faulted++;
    if (result.mismatch === "") continue;
    if (++mismatches <= 3) console.log(result.mismatch);
    else console.log(result.mismatch.split("\n", 1)[0]);
  }
  console.log(
    `seeds ${first} to ${first + count - 1}, registers: ${
      BUDGETS.map(({ name }) => name).join(", ")
    }`,
  );
  console.log(
    `${count} programs (${faulted} end in a fault), ${lifted} functions lifted, ${verbatim} verbatim, ${mismatches} mismatches`,
  );
  return mismatches;
}
