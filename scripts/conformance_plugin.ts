/**
 * A plugin for the runner of bpf_conformance. Arguments: the context as hex bytes, perhaps in several arguments or
 * absent; `--elf` if the program is an ELF file; other options are those of the runner and mean nothing here. Standard
 * input: the program as hex bytes. Standard output: r0 in hexadecimal. A program that faults or does not load gives a
 * message on standard error and exit status 1.
 *
 * @module
 */

import { EpassError } from "../lib/errors.ts";
import { loadProgram } from "../lib/object/load.ts";
import { Vm } from "../lib/vm/vm.ts";
import { parseHexBytes } from "./conformance_suite.ts";

/**
 * Runs a program as the runner asks.
 *
 * @param args The arguments.
 * @param input Standard input.
 * @returns r0 in hexadecimal.
 * @throws {EpassError} If the program does not load, or faults.
 */
export function runPlugin(args: readonly string[], input: string): string {
  const context = parseHexBytes(args.filter((arg) => !arg.startsWith("-")).join(" "));
  const from = args.includes("--elf") ? "elf" : "raw";
  const vm = Vm.loadSync(loadProgram(parseHexBytes(input), { from }));
  vm.registerHelper(5, (_context, r1) => r1);
  const { returnValue, fault } = vm.run({ context });
  if (fault === null) return returnValue.toString(16);
  throw new EpassError(`cannot run the program: ${fault.kind} at ${fault.pc}: ${fault.message}`);
}

if (import.meta.main) {
  try {
    const input = await new Response(Deno.stdin.readable).text();
    console.log(runPlugin(Deno.args, input));
  } catch (error) {
    if (!(error instanceof EpassError)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}
