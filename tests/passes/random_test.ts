import { deepEqual } from "node:assert/strict";
import { checkFunction } from "../../lib/ir/check.ts";
import { printFunction } from "../../lib/ir/print.ts";
import type { PassTarget } from "../../lib/passes/pass.ts";
import { BPF_PIPELINES, PASSES, VM_PIPELINE } from "../../lib/passes/pipeline.ts";
import { runPasses } from "../../lib/passes/run.ts";
import { parsePass, type PassUse } from "../../lib/passes/selection.ts";
import { randomFunction } from "../ir/random_ir.ts";

/** Runs passes over random functions; each must stay valid, and the same seed must give the same function. */
function exercise(uses: readonly PassUse[], target: PassTarget, count: number): void {
  for (let seed = 1; seed <= count; seed++) {
    const texts = [1, 2].map(() => {
      const fn = randomFunction(seed);
      for (const use of uses) {
        runPasses(fn, [use], { target, cpu: 4, order: "little", kernelHelpers: true });
        deepEqual(checkFunction(fn), [], `${use.pass.name}, seed ${seed}`);
      }
      return printFunction(fn);
    });
    deepEqual(texts[0], texts[1], `seed ${seed}`);
  }
}

for (const { name } of PASSES) {
  Deno.test(`${name}: random functions stay valid`, () => {
    exercise([parsePass(name, PASSES)], "bpf", 60);
  });
}

Deno.test("random functions stay valid through whole pipelines", () => {
  exercise(BPF_PIPELINES[2], "bpf", 60);
  exercise(VM_PIPELINE, "vm", 60);
});
