/**
 * The verifier's rules against the optimiser: programs that keep them, and such that tempt it, are accepted after every
 * level and after every pass for the kernel alone.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type CompileOptions, compileProgram } from "../../lib/compile.ts";
import { Kernel } from "../../lib/kernel/kernel.ts";
import { verdictOn } from "../../lib/kernel/verify.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { BPF_PIPELINES, type Level, PASSES } from "../../lib/passes/pipeline.ts";
import { parsePass } from "../../lib/passes/selection.ts";
import { testWith } from "../support.ts";
import { OPTIMISER_TRAPS } from "./optimiser_traps.ts";
import { RULE_MAPS, withKfuncs } from "./rule_programs.ts";
import { VERIFIER_RULES } from "./verifier_rules.ts";

const LEVELS: readonly Level[] = [1, 2, 3, "s"];

/** With all registers named, code is taken even where it is longer than before. */
const ALL_REGISTERS = 0x3ff;

/** What to optimise with, by name. */
function ways(): [string, CompileOptions][] {
  const names = new Set(
    LEVELS.flatMap((level) => BPF_PIPELINES[level].map((use) => use.pass.name)),
  );
  const levels = LEVELS.map((level): [string, CompileOptions] => [`-O${level}`, { level, cpu: 3 }]);
  const old: [string, CompileOptions] = ["-O2 for v1", { level: 2, cpu: 1 }];
  const alone = [...names].map((name): [string, CompileOptions] => [
    name,
    { passes: [parsePass(name, PASSES)], cpu: 3 },
  ]);
  return [...levels, old, ...alone];
}

/** Asserts that a program is accepted as it is and after each way. */
function assertStaysAccepted(kernel: Kernel, text: string): void {
  const options = { file: RULE_MAPS };
  const original = loadProgram(new TextEncoder().encode(withKfuncs(kernel, text)));
  assert.equal(verdictOn(kernel, original, original.functions[0], options).reason, "");
  for (const [way, compile] of ways()) {
    const { bytes } = compileProgram(original, {
      ...compile,
      registers: ALL_REGISTERS,
      to: "raw",
    });
    const optimised = loadProgram(bytes, { from: "raw" });
    const { reason } = verdictOn(kernel, optimised, optimised.functions[0], options);
    assert.equal(reason, "", `after ${way}`);
  }
}

const programs: readonly (readonly [string, string])[] = [
  ...VERIFIER_RULES.map(({ rule, kept }) => [rule, kept] as const),
  ...Object.entries(OPTIMISER_TRAPS),
];
for (const [about, text] of programs) {
  testWith("kernel", `optimised: ${about}`, () => {
    const kernel = new Kernel();
    try {
      assertStaysAccepted(kernel, text);
    } finally {
      kernel.close();
    }
  });
}
