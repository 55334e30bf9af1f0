/**
 * Programs in the mnemonic syntax whose calls name helpers.
 *
 * @module
 */

import assert from "node:assert/strict";
import { helperByName } from "../../../lib/isa/helpers.ts";
import { type ProgramInput, type RunResult, Vm, type VmOptions } from "../../../lib/vm/vm.ts";
import { assembled } from "../support.ts";

/** Runs a program in the mnemonic syntax whose calls name helpers; it must not fault. */
export function run(
  type: string,
  text: string,
  input: ProgramInput = {},
  options: VmOptions = {},
): RunResult {
  const numbered = text.replace(
    /call (\w+)/g,
    (_, name) => `call 0x${helperByName(name)!.id.toString(16)}`,
  );
  const result = Vm.loadSync(assembled(numbered), { type, ...options }).program().run(input);
  assert.equal(result.fault, null);
  return result;
}

/** What a program returned, signed. */
export const signed = ({ returnValue }: RunResult): bigint => BigInt.asIntN(64, returnValue);
