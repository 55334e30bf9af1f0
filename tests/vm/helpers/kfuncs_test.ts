/**
 * Kfuncs and callbacks: programs that compute a number with them, which the kernel's must be too.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { testRun } from "../../../lib/kernel/test_run.ts";
import { loadProgram } from "../../../lib/object/load.ts";
import { ENGINES } from "../../../lib/vm/engine.ts";
import { Vm } from "../../../lib/vm/vm.ts";
import { ROOT, testWith } from "../../support.ts";
import { withKernel } from "./support.ts";

const OBJECT = new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", "kfuncs.o")));
const PACKET = Uint8Array.from({ length: 64 }, (_, i) => i);

/** What Linux 6.18 computes. */
const NUMBERS = {
  loops: 1048403189,
  numbers: 1552764201,
  bits: 1968418553,
  lists: 2544818919,
  references: 4274277220,
  trees: 1184043044,
  exchange: 2160573193,
  dynptrs: 1105120766,
} as const;

const CASES = ENGINES.flatMap((engine) =>
  Object.entries(NUMBERS).map(([name, number]) => ({ engine, name, number }))
);

for (const { engine, name, number } of CASES) {
  Deno.test(`kfuncs: ${name} on ${engine}`, () => {
    const vm = Vm.loadSync(OBJECT, { programs: [name], engine });
    for (let i = 0; i < 3; i++) {
      const { returnValue, fault } = vm.program(name).run({ packet: PACKET });
      assert.equal(fault, null);
      assert.equal(Number(BigInt.asUintN(32, returnValue)), number);
    }
  });
}

testWith("kernel", "kfuncs compute what the kernel's compute", () => {
  withKernel((kernel) => {
    const program = loadProgram(OBJECT);
    for (const [name, number] of Object.entries(NUMBERS)) {
      const fn = program.functions.find((f) => f.name === name)!;
      const [result] = testRun(kernel, program, fn, { inputs: [PACKET], context: null, repeat: 1 });
      assert.equal(result.returnValue, number, name);
    }
  });
});
