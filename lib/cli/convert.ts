/**
 * `epass convert`: an input in another format.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import type { Format } from "../object/program.ts";
import {
  type CliContext,
  FORMATS,
  fromFlag,
  inputArgument,
  naming,
  outputFlag,
  progFlag,
  readInput,
  reportNotes,
} from "./context.ts";

interface Flags {
  readonly output: string;
  readonly prog?: string;
  readonly from?: Format;
  readonly to: Format;
}

async function convert(this: CliContext, flags: Flags, input: string): Promise<void> {
  const { output, prog, from, to } = flags;
  const { convertProgram } = await import("./library.ts");
  const program = await readInput(this.host, input, from);
  const options = prog === undefined ? {} : { function: prog };
  const { bytes, notes } = naming(input, () => convertProgram(program, to, options));
  await this.host.write(output, bytes);
  await reportNotes(this.host, input, notes);
}

/** The subcommand. */
export const convertCommand: Command<CliContext> = buildCommand({
  func: convert,
  parameters: {
    flags: {
      output: outputFlag,
      prog: progFlag,
      from: fromFlag,
      to: { kind: "enum", values: FORMATS, brief: "Format of the output" },
    },
    aliases: { o: "output" },
    positional: inputArgument,
  },
  docs: {
    brief: "Convert to another format",
    fullDescription:
      `Writes an input in another format. A stream (dump, raw, hex, asm) holds one function, chosen by
--prog where there are several, with all that it calls. What the format cannot hold is told on
standard error.`,
  },
});
