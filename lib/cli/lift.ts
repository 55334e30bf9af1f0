/**
 * `epass lift`: an input as `.epir`, the text of its SSA form.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import type { Format } from "../object/program.ts";
import {
  type CliContext,
  fromFlag,
  inputArgument,
  naming,
  outputFlag,
  readInput,
  utf8,
} from "./context.ts";

interface Flags {
  readonly output: string;
  readonly from?: Format;
}

async function lift(this: CliContext, flags: Flags, input: string): Promise<void> {
  const { liftProgram, printModule } = await import("./library.ts");
  const program = await readInput(this.host, input, flags.from);
  const text = naming(input, () => printModule(liftProgram(program)));
  await this.host.write(flags.output, utf8(text));
}

/** The subcommand. */
export const liftCommand: Command<CliContext> = buildCommand({
  func: lift,
  parameters: {
    flags: { output: outputFlag, from: fromFlag },
    aliases: { o: "output" },
    positional: inputArgument,
  },
  docs: {
    brief: "Lift to SSA (.epir)",
    fullDescription:
      `Prints the SSA form of an input. A function that cannot be lifted is printed as bytecode with
the reason.`,
  },
});
