/**
 * What is told of programs that the kernel refuses: one short reason, the instruction, its line.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Kernel } from "../../lib/kernel/kernel.ts";
import { verifyPrograms } from "../../lib/kernel/verify.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { SHARED, testWith } from "../support.ts";

const CORPUS = join(SHARED, "corpus");

/** Programs to look at, and of an object at most. */
const PROGRAMS = 20, OF_AN_OBJECT = 2;

/** The programs that the baseline table calls refused. */
function* refusedPrograms(): Generator<{ object: string; program: string }> {
  const counts = new Map<string, number>();
  for (const line of readFileSync(join(CORPUS, "objects.baseline.tsv"), "utf8").split("\n")) {
    const [object, program, , , , , , result] = line.split("\t");
    const count = counts.get(object) ?? 0;
    if (result !== "reject" || count === OF_AN_OBJECT) continue;
    counts.set(object, count + 1);
    yield { object, program };
  }
}

/** What belongs to a log, not to a reason. */
const NOISE = /verification time|processed \d|libbpf: |(?:cur|old) state|R\d+=|; prog '/;

testWith(["kernel", "shared"], "refusals are told in few words", () => {
  const kernel = new Kernel();
  let refused = 0, placed = 0;
  try {
    for (const { object, program: name } of refusedPrograms()) {
      if (refused === PROGRAMS) break;
      const program = loadProgram(new Uint8Array(readFileSync(join(CORPUS, "objects", object))));
      if (!program.functions.some((fn) => fn.name === name)) continue;
      const [{ verdict }] = verifyPrograms(kernel, program, null, name);
      if (verdict.accepted) continue;
      refused++;
      const { reason, failure } = verdict;
      assert.ok(reason.length > 0 && reason.length < 200, reason);
      assert.doesNotMatch(reason, NOISE);
      if (failure === null || failure.pc < 0) continue;
      placed++;
      assert.ok(failure.instruction !== "" && failure.instruction.length < 80, failure.instruction);
      assert.doesNotMatch(failure.instruction, NOISE);
      assert.doesNotMatch(failure.source, / @ /);
      assert.equal(failure.path.at(-1)!.last <= verdict.instructions, true);
    }
  } finally {
    kernel.close();
  }
  assert.ok(
    refused >= 15 && placed >= 8,
    `${refused} refused, ${placed} of them at an instruction`,
  );
});
