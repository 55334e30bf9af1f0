/**
 * All helpers and kfuncs of the sandbox, and which ones a program calls that it does not have.
 *
 * @module
 */

import { helperById, helperByName } from "../../isa/helpers.ts";
import { InvariantError } from "../../errors.ts";
import type { Program } from "../../object/program.ts";
import type { Environment } from "../environment.ts";
import type { HelperTable, KfuncTable } from "../machine.ts";
import type { HelperBodies } from "./body.ts";
import { CLOCK_HELPERS } from "./clock.ts";

/** Bodies of helpers by name, without `bpf_`. */
export const HELPERS: HelperBodies = {
  ...CLOCK_HELPERS,
};

/** Bodies of kfuncs by name. */
export const KFUNCS: HelperBodies = {};

/**
 * Makes the helpers for an environment.
 *
 * @param env The environment.
 * @returns The helpers by id.
 */
export function bindHelpers(env: Environment): HelperTable {
  const table: HelperTable = new Map();
  for (const [name, body] of Object.entries(HELPERS)) {
    const signature = helperByName(name);
    if (signature === null) throw new InvariantError(`no helper has the name ${name}`);
    table.set(signature.id, body(env));
  }
  return table;
}

/**
 * Makes the kfuncs for an environment.
 *
 * @param env The environment.
 * @returns The kfuncs by name.
 */
export function bindKfuncs(env: Environment): KfuncTable {
  return new Map(Object.entries(KFUNCS).map(([name, body]) => [name, body(env)]));
}

/** A helper or kfunc that a program calls. */
export interface CalledFunction {
  /** Its name, a helper's without `bpf_`; `#` and its id if it has none. */
  readonly name: string;
  /** What it is. */
  readonly kind: "helper" | "kfunc";
}

/**
 * Lists the helpers and kfuncs that a program calls.
 *
 * @param program The program.
 * @returns Each once, in the order of the first call.
 */
export function calledFunctions(program: Program): CalledFunction[] {
  const found = new Map<string, CalledFunction>();
  for (const { insns, slots, targets } of program.sections) {
    insns.forEach(({ op, imm, off }, i) => {
      const target = targets.get(slots[i]);
      if (op.kind !== "call" || target?.kind === "function" || op.fn === "local") return;
      const called: CalledFunction = op.fn === "helper" && target === undefined
        ? { kind: "helper", name: helperById(imm)?.name ?? `#${imm}` }
        : { kind: "kfunc", name: target?.name ?? `#${imm}${off === 0 ? "" : `@${off}`}` };
      found.set(`${called.kind} ${called.name}`, called);
    });
  }
  return [...found.values()];
}

/**
 * Lists the helpers and kfuncs that a program calls and a sandbox does not have.
 *
 * @param program The program.
 * @param helpers The helpers of the sandbox.
 * @param kfuncs The kfuncs of the sandbox.
 * @returns Each once, in the order of the first call.
 */
export function missingFunctions(
  program: Program,
  helpers: HelperTable,
  kfuncs: KfuncTable,
): CalledFunction[] {
  return calledFunctions(program).filter(({ kind, name }) =>
    kind === "kfunc"
      ? !kfuncs.has(name)
      : !helpers.has(helperByName(name)?.id ?? Number(name.slice(1)))
  );
}
