import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UnsupportedError } from "../../lib/errors.ts";
import { checkFunction } from "../../lib/ir/check.ts";
import { printFunction } from "../../lib/ir/print.ts";
import { assemble } from "../../lib/isa/assemble.ts";
import { encode } from "../../lib/isa/codec.ts";
import { liftContext } from "../../lib/lift/context.ts";
import { liftFunction } from "../../lib/lift/lift.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { Program } from "../../lib/object/program.ts";
import { filesUnder, SHARED, sharedName, testWith } from "../support.ts";

/** Lifts and checks every function twice; returns how many there are and why some cannot be lifted. */
function liftAll(name: string, program: Program): { functions: number; reasons: string[] } {
  const contexts = [liftContext(program), liftContext(program)];
  const reasons: string[] = [];
  for (const { index } of program.functions) {
    try {
      const [fn, again] = contexts.map((context) => liftFunction(program, index, context));
      deepEqual(checkFunction(fn), [], `${name} ${fn.name}`);
      equal(printFunction(again), printFunction(fn), `${name} ${fn.name}: lifted differently`);
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      reasons.push(`${name}: ${error.message}`);
    }
  }
  return { functions: program.functions.length, reasons };
}

testWith(
  "shared",
  "at least 99% of the corpus's functions are lifted, validly and always the same",
  () => {
    let functions = 0;
    const reasons: string[] = [];
    for (const [folder, extension] of [["objects", ".o"], ["dumps", ".txt"]]) {
      for (const path of filesUnder(join(SHARED, "corpus", folder), extension)) {
        const name = sharedName(path);
        const result = liftAll(name, loadProgram(new Uint8Array(readFileSync(path))));
        functions += result.functions;
        reasons.push(...result.reasons);
      }
    }
    const share = `${functions - reasons.length} of ${functions} functions lifted`;
    console.log([share, ...reasons].join("\n"));
    ok(functions > 0 && reasons.length <= functions / 100, share);
  },
);

testWith("shared", "every conformance program is lifted", () => {
  for (const path of filesUnder(join(SHARED, "conformance"), ".data")) {
    const text = readFileSync(path, "utf8").split(/^-- /m).find((part) => part.startsWith("asm"));
    if (text === undefined) continue;
    const { insns } = assemble(text.slice(text.indexOf("\n") + 1), { input: path });
    const program = loadProgram(encode(insns), { from: "raw" });
    deepEqual(liftAll(sharedName(path), program).reasons, []);
  }
});
