/**
 * `epass run`: a program in the virtual machine.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import { EpassError } from "../errors.ts";
import type { Format } from "../object/program.ts";
import type { RunResult } from "../vm/vm.ts";
import {
  bytesArgument,
  type CliContext,
  fromFlag,
  inputArgument,
  jsonFlag,
  jsonText,
  naming,
  parseCount,
  progFlag,
  readInput,
  utf8,
} from "./context.ts";

interface Flags {
  readonly prog?: string;
  readonly from?: Format;
  readonly ctx?: string;
  readonly engine: "interpreter";
  readonly limit?: number;
  readonly json: boolean;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** What `--json` prints. */
function resultJson({ returnValue, instructionCount, fault }: RunResult): string {
  return jsonText({
    returnValue: hex(returnValue),
    instructionCount,
    fault: fault === null ? null : { kind: fault.kind, pc: fault.pc, message: fault.message },
  });
}

async function run(this: CliContext, flags: Flags, input: string): Promise<void> {
  const { findFunction, globalData, GuestMemory, Vm } = await import("./library.ts");
  const program = await readInput(this.host, input, flags.from);
  const context = flags.ctx === undefined
    ? undefined
    : await bytesArgument(this.host, "--ctx", flags.ctx);
  const result = naming(input, () => {
    const entry = flags.prog === undefined ? undefined : findFunction(program, flags.prog).index;
    const memory = new GuestMemory(program.order);
    const resolve = globalData(program, memory);
    const vm = Vm.loadSync(program, { engine: flags.engine, memory, resolve });
    return vm.run({ function: entry, context, limit: flags.limit });
  });
  const { returnValue, instructionCount, fault } = result;
  if (flags.json) {
    await this.host.write("-", utf8(resultJson(result)));
  } else if (fault === null) {
    await this.host.write(
      "-",
      utf8(`${hex(returnValue)} after ${instructionCount} instructions\n`),
    );
  }
  if (fault !== null) {
    const { section, pc } = fault;
    throw new EpassError(fault.message, { input, section, pc, function: fault.function });
  }
}

/** The subcommand. */
export const runCommand: Command<CliContext> = buildCommand({
  func: run,
  parameters: {
    flags: {
      prog: progFlag,
      from: fromFlag,
      ctx: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "FILE|hex:BYTES",
        brief: "Bytes of the context: r1 is their address, r2 their number",
      },
      engine: {
        kind: "enum",
        values: ["interpreter"],
        default: "interpreter",
        brief: "What runs the program",
      },
      limit: {
        kind: "parsed",
        parse: parseCount,
        optional: true,
        placeholder: "N",
        brief: "Most instructions to run (by default 100 million)",
      },
      json: jsonFlag,
    },
    positional: inputArgument,
  },
  docs: {
    brief: "Run in the virtual machine",
    fullDescription:
      `Runs a program and prints r0. A fault (an access out of bounds, the limit, an unknown helper) is
told on standard error, with status 1.
--json prints {"returnValue","instructionCount","fault"} either way.`,
  },
});
