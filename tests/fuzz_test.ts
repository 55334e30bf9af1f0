import { type Cases, runCase } from "../scripts/fuzz_case.ts";
import { Inputs } from "../scripts/fuzz_inputs.ts";

/** How long the round takes at most, in milliseconds. */
const BUDGET = 10_000;
const CASES = 2000;
const SEED = 2;

Deno.test("mutated inputs give a result or an error that says what failed and where", () => {
  const cases: Cases = { seed: SEED, first: 0, end: CASES, kind: null, shared: false };
  const inputs = new Inputs(cases.shared);
  const failed: string[] = [];
  const start = performance.now();
  let number = 0;
  for (; number < CASES && performance.now() - start < BUDGET; number++) {
    const { faults } = runCase(inputs, cases, number);
    if (faults.length > 0) failed.push(`--seed ${SEED} --case ${number} --no-shared: ${faults[0]}`);
  }
  console.log(`${number} mutations, seed ${SEED}`);
  if (failed.length > 0) throw new Error(failed.slice(0, 5).join("\n"));
});
