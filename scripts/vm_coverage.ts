/**
 * The programs of the corpus that the kernel accepts, against the helpers of the sandbox: what they call, by number of
 * programs, and how many call nothing that is missing.
 *
 * `deno run -P=script scripts/vm_coverage.ts [--calls]`
 *
 * @module
 */

import { parseArgs } from "node:util";
import { loadProgram } from "../lib/object/load.ts";
import type { Program } from "../lib/object/program.ts";
import { type CalledFunction, calledFunctions, isSupported } from "../lib/vm/helpers/registry.ts";
import { CORPUS, dumpRows, functionOf, objectRows, type Row } from "./kernel_rows.ts";

/** How many programs call a helper or kfunc. */
interface Caller {
  readonly called: CalledFunction;
  programs: number;
}

/** What the programs of some rows call. */
class Calls {
  readonly #callers = new Map<string, Caller>();
  readonly #loaded = new Map<string, Program>();
  programs = 0;
  complete = 0;

  add(row: Row): void {
    let program = this.#loaded.get(row.input);
    if (program === undefined) {
      program = loadProgram(Deno.readFileSync(`${CORPUS}/${row.input}`));
      this.#loaded.set(row.input, program);
    }
    const called = calledFunctions(program, [functionOf(program, row.program)]);
    this.programs++;
    if (called.every(isSupported)) this.complete++;
    for (const each of called) {
      const key = `${each.kind} ${each.name}`;
      const caller = this.#callers.get(key) ?? { called: each, programs: 0 };
      caller.programs++;
      this.#callers.set(key, caller);
    }
  }

  /** Most used first. */
  get callers(): Caller[] {
    return [...this.#callers.values()].sort((a, b) =>
      b.programs - a.programs || (a.called.name < b.called.name ? -1 : 1)
    );
  }
}

const { values } = parseArgs({ args: Deno.args, options: { calls: { type: "boolean" } } });
const calls = new Calls();
for (const row of [...objectRows(), ...dumpRows()]) calls.add(row);
for (const { called, programs } of calls.callers) {
  const supported = isSupported(called);
  if (supported && values.calls !== true) continue;
  console.log(
    `${programs}`.padStart(5),
    `${called.kind} ${called.name}${supported ? "" : " (missing)"}`,
  );
}
console.log(
  `${calls.complete} of ${calls.programs} programs call only what the sandbox has ` +
    `(${(100 * calls.complete / calls.programs).toFixed(1)}%)`,
);
