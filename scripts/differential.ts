/**
 * Random programs before and after lift → emit, with three sets of allocatable registers: the interpreter must see the
 * same r0, memory and faults.
 *
 * `deno run scripts/differential.ts [COUNT] [FIRST-SEED]`
 */

import { BUDGETS, compareRewritten } from "../tests/differential/rewritten.ts";

const count = Number(Deno.args[0] ?? 10_000);
const first = Number(Deno.args[1] ?? 1);
let lifted = 0, verbatim = 0, faulted = 0, mismatches = 0;
for (let seed = first; seed < first + count; seed++) {
  const result = compareRewritten(seed);
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
if (mismatches > 0) Deno.exit(1);
