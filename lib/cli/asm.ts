/**
 * `epass asm`: assembly text to bytecode.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import type { Format } from "../object/program.ts";
import {
  type CliContext,
  FORMATS,
  inputArgument,
  naming,
  outputFlag,
  readInput,
  reportNotes,
} from "./context.ts";

interface Flags {
  readonly output: string;
  readonly to: Format;
}

async function asm(this: CliContext, flags: Flags, input: string): Promise<void> {
  const { convertProgram } = await import("./library.ts");
  const program = await readInput(this.host, input, "asm");
  const { bytes, notes } = naming(input, () => convertProgram(program, flags.to));
  await this.host.write(flags.output, bytes);
  await reportNotes(this.host, input, notes);
}

/** The subcommand. */
export const asmCommand: Command<CliContext> = buildCommand({
  func: asm,
  parameters: {
    flags: {
      output: outputFlag,
      to: { kind: "enum", values: FORMATS, default: "raw", brief: "Format of the output" },
    },
    aliases: { o: "output" },
    positional: inputArgument,
  },
  docs: {
    brief: "Assemble",
    fullDescription:
      `Assembles text in either syntax: the pseudo-C of LLVM and the kernel (r1 = *(u64 *)(r10 - 0x8))
or mnemonics (ldxdw %r1, [%r10-8]). The syntax is told by the first line that differs.`,
  },
});
